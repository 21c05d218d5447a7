"""Histories that Prometheus no longer has, from the ledgers of the SLOs that they are made of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typing_extensions import override

from app.prometheus import Matrix
from app.promql.selector_text import parse_selector
from app.sli import sli_of_bad
from app.slo import Slo
from app.status import ProblemCode
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, slos
from tests.evaluation.running import Running
from tests.evaluation.test_composites import CART, PAY, SHIP, minutes_of, shop, watch
from tests.evaluation.test_expressions import DAY, END, HOUR

CART_SLI = sli_of_bad(
    total=parse_selector('http_requests_total{job="cart"}'),
    bad=parse_selector('http_requests_total{job="cart",code=~"5.."}'),
)
RETENTION = 6 * HOUR
SUM_OF = {"sum_of": [CART, PAY, {"slo": SHIP, "weight": 2}]}


@contextmanager
def with_added(
    before: Sequence[Slo], after: Sequence[Slo], folder: Path, source: MemorySource | None = None
) -> Iterator[Running]:
    """Two days of SLOs are counted, Prometheus forgets all but six hours, then the document changes."""
    source = MemorySource(shop(), now=END - 1) if source is None else source
    with Running(before, source, folder / "db") as running:
        running.tick(END)
        running.backfill(END)
        source.forget(END - RETENTION)
        running.slos = after
        running.restart()
        source.now = END + 299
        running.run(END, END + 300, backfill=False)
        running.backfill(END + 300)
        yield running


def test_a_sum_of_slos_has_their_events_of_before_the_retention(tmp_path: Path) -> None:
    after = watch({"sum-of": SUM_OF, "one": {"sum_of": [CART]}}, tmp_path / "slos")
    with with_added(after[:3], after, tmp_path) as running:
        steps = [running.snapshot(step) for step in (CART, PAY, SHIP)]
        added = running.snapshot("shop-sum-of")
        weights = (1, 1, 2)
        assert added.total == pytest.approx(sum(w * one.total for w, one in zip(weights, steps, strict=True)), abs=1)
        assert added.bad == pytest.approx(sum(w * one.bad for w, one in zip(weights, steps, strict=True)), abs=1)
        assert added.bad > 0
        assert added.coverage == pytest.approx(1.0, abs=2e-3)
        alone, cart = running.snapshot("shop-one"), steps[0]
        assert [alone.total, alone.bad] == pytest.approx([cart.total, cart.bad], abs=1)
        for one in (added, alone):
            assert one.problems == ()
            assert one.data_since is not None
            assert one.data_since - (steps[0].data_since or one.data_since) <= timedelta(minutes=15)


@pytest.mark.parametrize(("minutes", "days"), [(1, 1), (5, 2)])
def test_slices_are_known_as_far_as_the_slots_that_are_stored(minutes: int, days: int, tmp_path: Path) -> None:
    """Single slots are kept for a day and cells of 5 minutes for three; what is older is not guessed."""
    after = watch({"all-of": {"all_of": [CART, PAY, SHIP], "slice": f"{minutes}m"}}, tmp_path / "slos")
    with with_added(after[:3], after, tmp_path) as running:
        found = running.snapshot("shop-all-of")
    assert found.data_since is not None
    known_s = min(END - found.data_since.timestamp(), 2 * DAY)
    assert known_s == pytest.approx(days * DAY, abs=20 * 60)
    assert any(one.code is ProblemCode.HISTORY_TOO_COARSE for one in found.problems) == (days == 1)
    counted = np.array([minutes_of(shop())[job] for job in ("cart", "pay", "ship")])
    total, bad = counted.reshape(3, 2, -1, minutes).sum(axis=3).transpose(1, 0, 2)
    missed = (np.divide(bad, total, out=np.zeros(total.shape), where=total > 0) > 0.05 + 1e-9).any(axis=0)
    slices = round(known_s / 60 / minutes)
    # The five minutes after END are good.
    assert found.total == pytest.approx(min(slices, len(missed)) + 5 / minutes, abs=1)
    assert found.bad == pytest.approx(missed[-slices:].sum(), abs=1)
    assert found.bad > 0


@dataclass(slots=True)
class Sliced(MemorySource):
    """Answers also what the requests of the cart were in slices of *length* seconds, as long as it has both samples."""

    length: int = 900

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        queries = CART_SLI.in_slice(timedelta(seconds=self.length))
        wanted = {query: code for (query, _), code in zip(queries, ("200|500", "500"), strict=True)}
        if expr not in wanted:
            return await MemorySource.range(self, expr, start, end, step, deadline=deadline)
        times = np.arange(start.timestamp(), end.timestamp() + 1, step.total_seconds())
        mine = [one for one in self.series if one.labels["job"] == "cart" and one.labels["code"] in wanted[expr]]
        oldest = min(one.times[0] for one in mine)
        times = times[(times - self.length >= oldest) & (times <= self.now + 1)]
        counted = sum(self._value(one, times) - self._value(one, times - self.length) for one in mine)
        return Matrix(
            labels=({},) if len(times) else (),
            lengths=np.array([len(times)] if len(times) else [], dtype=np.int64),
            times=times,
            values=np.broadcast_to(counted, times.shape),
            invalid=0,
        )

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        if expr in {query for query, _ in CART_SLI.in_slice(timedelta(seconds=self.length))}:
            return await self.range(expr, at, at, timedelta(seconds=1), deadline=deadline)
        return await MemorySource.instant(self, expr, at, deadline=deadline)

    @staticmethod
    def _value(one: Series, times: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = one.values[np.searchsorted(one.times, times, side="right") - 1]
        return found


@pytest.mark.parametrize("goes_on", [True, False], ids=["beside", "instead"])
@pytest.mark.parametrize(("length", "days"), [(60, 1), (900, 2)])
def test_time_slices_are_judged_by_what_was_counted(tmp_path: Path, length: int, days: int, *, goes_on: bool) -> None:
    """Slices over an SLI that is counted, or was until the slices took its place; any target, no samples needed."""
    before = slos([availability("cart", objective=95, window="2d")], tmp_path / "slos")
    rule = {"length": f"{length}s", "target": 99, "without_events": "good"}
    document = availability("cart", objective=95, window="2d")
    slo = {**document["slos"][0], "name": "slices", "time_slices": rule}  # type: ignore[index]
    (sliced,) = slos([{**document, "slos": [slo]}], tmp_path / "sliced")
    after = (*before, sliced) if goes_on else (sliced,)
    with with_added(before, after, tmp_path, Sliced(shop(), now=END - 1, length=length)) as running:
        found = running.snapshot("cart-slices")
        assert found.data_since is not None
        known_s = min(END - found.data_since.timestamp(), 2 * DAY)
        assert known_s == pytest.approx(days * DAY, abs=20 * 60)
        assert any(one.code is ProblemCode.HISTORY_TOO_COARSE for one in found.problems) == (days == 1)
        total, bad = (column.reshape(-1, length // 60).sum(axis=1) for column in minutes_of(shop())["cart"])
        missed = bad / total > 0.01 + 1e-9
        slices = round(known_s / length)
        assert found.total == pytest.approx(slices + 300 // length, abs=1)
        assert found.bad == pytest.approx(missed[-slices:].sum(), abs=1)
        assert 0 < found.bad < found.total / 2
