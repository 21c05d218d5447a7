"""The work of `sloburn export`: from the database to OpenMetrics text."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from app.api.problems import ProblemError
from app.api.timespans import parse_step, parse_time
from app.cli.console import EXIT_USAGE, errors, fail, progress_bar
from app.cli.documents import sound_documents_of
from app.clock import SystemClock
from app.evaluation import past_figures
from app.metrics import BuildInfo, Instruments
from app.metrics.labels import Label
from app.past_metrics import Exported, OpenMetricsFile, StoredPast, past_series, stored_pasts
from app.settings import Settings
from app.slo import Slo
from app.slo.arrays import Floats
from app.store import Database, StoreError, open_database_for_reading
from app.wording.sentences import listed

_DEFAULT_SPAN = timedelta(days=30)
# Some hundred megabytes for one SLO.
_MOST_POINTS = 200_000
_MOST_NAMED = 20


def export_history(
    settings: Settings,
    *,
    ids: Sequence[str],
    start: str | None,
    end: str | None,
    step: str,
    labels: Sequence[Label],
    file: Path | None,
) -> None:
    """Write the past of the SLOs with these *ids*, of all without any; ends the command where that is not possible."""
    now = SystemClock().now()
    at_s = _times(start, end, step, now)
    slos = sound_documents_of(settings).slos
    exporting = _Export(settings, slos, _wanted(slos, ids), at_s, labels, now)
    try:
        written = exporting.to(file)
    except StoreError as error:
        fail(str(error), code=EXIT_USAGE)
    except OSError as error:
        fail(f"cannot write {file or 'to standard output'}: {error.strerror or error}", code=EXIT_USAGE)
    if not written.samples:
        fail("nothing is known of these SLOs at these times; `sloburn status` shows since when there is data")
    errors().print(f"{written.samples:,} samples of {written.series:,} series", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Export:
    """What is exported: some of the SLOs, at some times (Unix seconds)."""

    settings: Settings
    slos: Sequence[Slo]
    wanted: Sequence[Slo]
    at_s: Floats
    labels: Sequence[Label]
    now: datetime

    def to(self, file: Path | None) -> Exported:
        """Write to the file, or to standard output."""
        database = open_database_for_reading(self.settings.database_url)
        try:
            with OpenMetricsFile(self.labels) as page:
                for stored in _shown(self._pasts(database), len(self.wanted)):
                    figures = past_figures(stored.exposed, self.at_s, recorded=stored.recorded.budgets)
                    if figures is not None:
                        page.add(self.at_s, past_series(stored.exposed, figures, stored.recorded))
                with _opened(file) as out:
                    return page.write(out)
        finally:
            database.close()

    def _pasts(self, database: Database) -> Iterator[StoredPast]:
        return stored_pasts(
            self.wanted,
            database,
            among=self.slos,
            start=datetime.fromtimestamp(float(self.at_s[0]), UTC),
            now=self.now,
            instruments=Instruments(build=BuildInfo.current()),
        )


def _times(start: str | None, end: str | None, step: str, now: datetime) -> Floats:
    """The multiples of the step from one time to the other, in Unix seconds."""
    try:
        until = now if end is None else min(parse_time(end, name="--to"), now)
        since = until - _DEFAULT_SPAN if start is None else parse_time(start, name="--from")
        every_s = parse_step(step).total_seconds()
    except ProblemError as error:
        fail(error.detail, code=EXIT_USAGE)
    if since >= until:
        fail(f"--from {since.isoformat()} must be before --to {until.isoformat()}", code=EXIT_USAGE)
    first, last = int(-(-since.timestamp() // every_s)), int(until.timestamp() // every_s)
    if not 0 <= last - first < _MOST_POINTS:
        fail(
            f"--step {step} makes {last - first + 1:,} samples of each series, and 1 to {_MOST_POINTS:,} are possible; "
            "write another step, or a longer or shorter time",
            code=EXIT_USAGE,
        )
    return np.arange(first, last + 1, dtype=np.float64) * every_s


def _wanted(slos: Sequence[Slo], ids: Sequence[str]) -> Sequence[Slo]:
    if not ids:
        return slos
    known = {slo.id: slo for slo in slos}
    unknown = [slo_id for slo_id in ids if slo_id not in known]
    if unknown:
        fail(
            f"no SLO has the id {unknown[0]!r}; there are {listed(list(known), _MOST_NAMED)}",
            code=EXIT_USAGE,
        )
    return [slo for slo_id, slo in known.items() if slo_id in ids]


def _shown(pasts: Iterator[StoredPast], slos: int) -> Iterator[StoredPast]:
    """The same, with a bar on standard error on a terminal."""
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TextColumn("SLOs"), TimeElapsedColumn())
    seen = set[str]()
    with progress_bar(*columns) as bar:
        task = bar.add_task("", total=slos)
        for stored in pasts:
            seen.add(stored.exposed.past.slo.id)
            bar.update(task, completed=len(seen))
            yield stored


@contextmanager
def _opened(file: Path | None) -> Iterator[IO[str]]:
    if file is None:
        yield sys.stdout
        return
    with file.open("w", encoding="utf-8", newline="\n") as out:
        yield out
