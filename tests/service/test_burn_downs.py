"""The lines of the overview: from the ledger, kept for some minutes, and never waited for."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from app.evaluation import Past, burn_down
from app.service.adapters.api_adapters import EngineBurnDowns
from app.service.engine import Engine
from app.slo import SloId
from app.status import Snapshot
from app.store import StoreUnavailableError
from tests.support.pasts import a_past
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

DAY_S = 86_400.0


def _past(*, days: float = 60.0) -> Past:
    """A thousand events in each quarter of an hour, one of them bad, up to `AS_OF`."""
    return a_past(
        since_s=AS_OF.timestamp() - days * DAY_S, until_s=AS_OF.timestamp(), per_cell=(1_000.0, 1.0), slo=an_slo()
    )


@dataclass
class IdleEngine:
    """An engine with the same past for every SLO; remembers what it was asked for, and may be busy."""

    asked: list[SloId] = field(default_factory=list)
    busy: bool = False
    waiting: list[Future[Any]] = field(default_factory=list)

    @property
    def evaluator(self) -> "IdleEngine":
        return self

    def past(self, slo_id: SloId) -> Past | None:
        self.asked.append(slo_id)
        return None if slo_id.startswith("of-another-replica") else _past()

    def stored_pasts(self, slo_ids: Collection[SloId]) -> Mapping[SloId, Past]:
        raise StoreUnavailableError(f"{slo_ids} is away")

    def submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        if self.busy:
            work.close()
            self.waiting.append(answer)
        else:
            answer.set_result(asyncio.run(work))
        return answer


def _lines(engine: IdleEngine) -> EngineBurnDowns:
    return EngineBurnDowns(cast("Engine", engine))


def _later(snapshot: Snapshot, minutes: float) -> Snapshot:
    return replace(snapshot, as_of=AS_OF + timedelta(minutes=minutes))


def test_a_budget_is_spent_as_its_bad_events_came() -> None:
    start = AS_OF - timedelta(days=30)
    line = burn_down(_past(), start=start, end=AS_OF, budget_events=2 * 30 * 96.0, steps=4)
    assert line == pytest.approx((1.0, 0.875, 0.75, 0.625, 0.5))
    assert burn_down(_past(), start=start, end=start, budget_events=1.0, steps=4) == ()
    assert burn_down(_past(), start=start, end=AS_OF, budget_events=0.0, steps=4) == ()
    assert burn_down(replace(_past(), row=None), start=start, end=AS_OF, budget_events=1.0, steps=4) == ()


def test_without_the_database_only_lines_of_other_replicas_are_missing() -> None:
    own, other = a_snapshot(), a_snapshot(an_slo("of-another-replica"))
    assert list(_lines(IdleEngine()).burn_downs([other, own])) == [own.id]


def test_lines_are_computed_once_in_some_minutes() -> None:
    engine, snapshot = IdleEngine(), a_snapshot()
    lines = _lines(engine)
    first = lines.burn_downs([snapshot, an_unmeasured_snapshot(an_slo("dark"))])
    assert list(first) == engine.asked == [snapshot.id]
    assert first[snapshot.id][0] == 1.0
    assert lines.burn_downs([_later(snapshot, 4)]) == first
    assert len(engine.asked) == 1
    lines.burn_downs([_later(snapshot, 5)])
    # Another document may have another window or objective.
    lines.burn_downs([replace(snapshot, slo=an_slo(objective=0.9))])
    assert len(engine.asked) == 3


def test_a_page_does_not_wait_for_an_engine_that_is_busy() -> None:
    engine, snapshot = IdleEngine(busy=True), a_snapshot()
    lines = _lines(engine)
    assert lines.burn_downs([snapshot]) == {}
    assert engine.waiting[0].cancelled()
    engine.busy = False
    assert list(lines.burn_downs([snapshot])) == [snapshot.id]
    engine.busy = True
    assert list(lines.burn_downs([_later(snapshot, 60)])) == [snapshot.id]
