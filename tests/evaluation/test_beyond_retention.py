"""Histories that Prometheus no longer has, from the ledgers of the SLOs that they are made of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from app.slo import Slo
from app.status import ProblemCode
from tests.evaluation.memory import MemorySource
from tests.evaluation.running import Running
from tests.evaluation.test_composites import CART, PAY, SHIP, minutes_of, shop, watch
from tests.evaluation.test_expressions import DAY, END, HOUR

RETENTION = 6 * HOUR
SUM_OF = {"sum_of": [CART, PAY, {"slo": SHIP, "weight": 2}]}


@contextmanager
def with_added(before: Sequence[Slo], after: Sequence[Slo], folder: Path) -> Iterator[tuple[Running, MemorySource]]:
    """Two days of SLOs are counted, Prometheus forgets all but six hours, then the document changes."""
    folder.mkdir(exist_ok=True)
    source = MemorySource(shop(), now=END - 1)
    with Running(before, source, folder / "db") as running:
        running.tick(END)
        running.backfill(END)
        source.forget(END - RETENTION)
        running.slos = after
        running.restart()
        source.now = END + 299
        running.run(END, END + 300, backfill=False)
        running.backfill(END + 300)
        yield running, source


def test_a_sum_of_slos_has_their_events_of_before_the_retention(tmp_path: Path) -> None:
    after = watch({"sum-of": SUM_OF, "one": {"sum_of": [CART]}}, tmp_path / "slos")
    with with_added(after[:3], after, tmp_path) as (running, _):
        steps = [running.snapshot(step) for step in (CART, PAY, SHIP)]
        added = running.snapshot("shop-sum-of")
        weights = (1, 1, 2)
        assert added.total == pytest.approx(sum(w * one.total for w, one in zip(weights, steps, strict=True)), abs=1)
        assert added.bad == pytest.approx(sum(w * one.bad for w, one in zip(weights, steps, strict=True)), abs=1)
        assert added.bad > 0
        assert added.coverage == pytest.approx(1.0, abs=2e-3)
        alone, cart = running.snapshot("shop-one"), steps[0]
        assert (alone.total, alone.bad) == (pytest.approx(cart.total, abs=1), pytest.approx(cart.bad, abs=1))
        for one in (added, alone):
            assert one.problems == ()
            assert one.data_since is not None
            assert one.data_since - (steps[0].data_since or one.data_since) <= timedelta(minutes=15)


@pytest.mark.parametrize(("minutes", "days"), [(1, 1), (5, 2)])
def test_slices_are_known_as_far_as_the_slots_that_are_stored(minutes: int, days: int, tmp_path: Path) -> None:
    """Single slots are kept for a day and cells of 5 minutes for three; what is older is not guessed."""
    after = watch({"all-of": {"all_of": [CART, PAY, SHIP], "slice": f"{minutes}m"}}, tmp_path / "slos")
    with with_added(after[:3], after, tmp_path) as (running, _):
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
