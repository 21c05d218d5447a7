"""A database that slept, or was restored from a backup, asserts nothing that it cannot see now."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.alerting import Routing
from app.delivery import StoredOutbox
from app.integrations import StoredAlertsToRepeat
from app.store.outbox import mark_done, waiting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

AT = 1_772_323_200.0
HOUR = 3600.0
WAKES = AT + 9 * HOUR


def burning(until: float, *, seen: Sequence[tuple[float, float]] = ()) -> MemorySource:
    """Half of all requests fail from hour 2 on; nothing is scraped in some spans."""
    span, burst = (AT, AT + 12 * HOUR), ((AT + 2 * HOUR, until), 1.0)
    return MemorySource(
        series=[
            counter(requests("web"), span, without=seen),
            counter(requests("web", "500"), span, per_second=0.0, bursts=[burst], without=seen),
        ]
    )


def active_and_recently_resolved(live: Running, at: float) -> list[str]:
    """What an Alertmanager is told again and again."""
    moment = datetime.fromtimestamp(at, UTC)
    alerts = StoredAlertsToRepeat(database=live.database, routing=Routing(always=("pager",)))
    return [f"{one.key} {one.status}" for one in alerts.active_and_recently_resolved("pager", at=moment)]


def due(live: Running, at: float) -> list[str]:
    """What is delivered now."""
    entries = StoredOutbox(database=live.database).claim("pager", at=datetime.fromtimestamp(at, UTC))
    return [f"{entry.notification.key} {entry.notification.status}" for entry in entries]


def deliver(live: Running) -> None:
    with live.database.begin() as tx:
        mark_done(tx, [entry.id for entry in waiting(tx, "pager")], at=datetime.fromtimestamp(AT, UTC))


def an_incident(tmp_path: Path, source: MemorySource, *, delivered: bool) -> Running:
    """A page that fires at hour 2; the service then sleeps until hour 9, and starts again."""
    document = availability("web")
    document["slos"][0]["alerting"] = {"ticket": "off"}  # type: ignore[index]
    live = Running(slos([document], tmp_path), source, tmp_path / "a.db")
    live.tick(AT + 1.9 * HOUR)
    live.backfill(AT + 1.9 * HOUR)
    live.tick(*np.arange(AT + 2 * HOUR, AT + 2.25 * HOUR, 60))
    assert active_and_recently_resolved(live, AT + 2.25 * HOUR) == ["web-availability/page firing"]
    if delivered:
        deliver(live)
    live.restart()
    live.evaluator.mark_unconfirmed_if_stale(datetime.fromtimestamp(WAKES, UTC))
    return live


@pytest.mark.parametrize("delivered", [False, True])
def test_a_page_that_still_burns_is_asserted_once_that_has_been_seen(tmp_path: Path, delivered: bool) -> None:
    with an_incident(tmp_path, burning(AT + 12 * HOUR), delivered=delivered) as live:
        assert active_and_recently_resolved(live, WAKES) == due(live, WAKES) == []
        live.tick(*np.arange(WAKES, WAKES + 20 * 60, 60))
        assert active_and_recently_resolved(live, WAKES + 20 * 60) == ["web-availability/page firing"]
        assert due(live, WAKES + 20 * 60) == ([] if delivered else ["web-availability/page firing"])


@pytest.mark.parametrize("delivered", [False, True])
def test_a_page_that_ended_unseen_is_never_asserted(tmp_path: Path, delivered: bool) -> None:
    """Who was told that it fires is told the end, once; who was not is told nothing."""
    with an_incident(tmp_path, burning(AT + 3 * HOUR), delivered=delivered) as live:
        live.tick(*np.arange(WAKES, WAKES + 20 * 60, 60))
        assert active_and_recently_resolved(live, WAKES + 20 * 60) in ([], ["web-availability/page resolved"])
        with live.database.read() as tx:
            ends = [entry.notification for entry in waiting(tx, "pager")]
        assert [(end.status.value, end.unconfirmed) for end in ends] == ([("resolved", True)] if delivered else [])


def test_what_cannot_be_seen_is_not_asserted_over_further_restarts(tmp_path: Path) -> None:
    """Prometheus has nothing new: the page is frozen, and shown as that, and receivers are told nothing."""
    with an_incident(
        tmp_path, burning(AT + 12 * HOUR, seen=[(AT + 2.25 * HOUR, AT + 11 * HOUR)]), delivered=True
    ) as live:
        live.tick(*np.arange(WAKES, WAKES + 5 * 60, 60))
        assert live.board.snapshots[0].alerts[0].state == "frozen"
        live.restart()
        live.evaluator.mark_unconfirmed_if_stale(datetime.fromtimestamp(WAKES + 6 * 60, UTC))
        live.tick(WAKES + 6 * 60)
        assert "web-availability/page firing" not in active_and_recently_resolved(live, WAKES + 6 * 60)


def test_a_restart_that_takes_seconds_changes_nothing(tmp_path: Path) -> None:
    with an_incident(tmp_path, burning(AT + 12 * HOUR), delivered=True) as live:
        live.tick(*np.arange(WAKES, WAKES + 20 * 60, 60))
        live.restart()
        live.evaluator.mark_unconfirmed_if_stale(datetime.fromtimestamp(WAKES + 21 * 60, UTC))
        assert active_and_recently_resolved(live, WAKES + 21 * 60) == ["web-availability/page firing"]
