"""The past as OpenMetrics text with timestamps, as `promtool tsdb create-blocks-from openmetrics` reads it.

OpenMetrics wants the samples of a metric together, and SLOs come one after another: each metric has a file of its own
until all are there, so that memory does not depend on how many samples there are.
"""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, NamedTuple, Self

import numpy as np

from app.metrics.families import Family
from app.metrics.labels import Label, render_labels
from app.metrics.sample_lines import number_text
from app.past_metrics.series import EXPORTED, PastSeries, with_added
from app.slo.arrays import Floats


class Exported(NamedTuple):
    """How much was written."""

    series: int
    samples: int


class OpenMetricsFile:
    """Collects the series of one SLO after another, and writes all of them in the end.

    Args:
        labels: added to each series, such as those that a scrape would add.
    """

    def __init__(self, labels: Sequence[Label] = ()) -> None:
        self._labels = tuple(labels)
        self._series = self._samples = 0
        self._open = ExitStack()
        self._parts: dict[Family, IO[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, at_s: Floats, series: Iterable[PastSeries]) -> None:
        """Add the series of one SLO, with values at the times *at_s*.

        Raises:
            OSError: there is no room for temporary files.
        """
        stamps = [f" {at:.15g}\n" for at in at_s.tolist()]
        for one in series:
            known = np.flatnonzero(~np.isnan(one.values)).tolist()
            if not known:
                continue
            head = f"{one.family.name}{{{render_labels(with_added(one.labels, self._labels))}}} "
            values = one.values.tolist()
            self._part(one.family).write("".join([f"{head}{number_text(values[at])}{stamps[at]}" for at in known]))
            self._series += 1
            self._samples += len(known)

    def write(self, out: IO[str]) -> Exported:
        """Write everything, and the mark of the end.

        Raises:
            OSError: it cannot be written.
        """
        for family in EXPORTED:
            part = self._parts.get(family)
            if part is not None:
                part.seek(0)
                out.write(family.header(openmetrics=True))
                shutil.copyfileobj(part, out, 1 << 20)
        out.write("# EOF\n")
        return Exported(self._series, self._samples)

    def _part(self, family: Family) -> IO[str]:
        if family not in self._parts:
            part = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115  closed by the stack
            self._parts[family] = self._open.enter_context(part)
        return self._parts[family]
