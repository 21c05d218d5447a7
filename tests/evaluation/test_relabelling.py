"""Labels that change while an alert fires: the owner of before is told the end, the new one the beginning."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.alerting import Route, Routing
from app.delivery import StoredOutbox
from app.delivery.endings import GiveUp
from app.delivery.outcome import FailureReason
from app.slo import Slo
from app.store.alerts import load_active_alerts
from app.store.outbox import mark_done, waiting
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

AT = 1_772_323_200.0
HOUR = 3600.0
ROUTING = Routing(
    routes=tuple(Route(receivers=(team,), labels=(("team", (team,)),)) for team in ("red", "blue", "green")),
    default=("nobody",),
)


def burning(until: float = 6 * HOUR, seen_until: float = 7 * HOUR) -> MemorySource:
    """Half of all requests fail from hour 2 on."""
    span, burst = (AT, AT + seen_until), ((AT + 2 * HOUR, AT + until), 1.0)
    series: Sequence[Series] = [
        counter(requests("web"), span),
        counter(requests("web", "500"), span, per_second=0.0, bursts=[burst]),
    ]
    return MemorySource(series=series)


def owned(folder: Path, team: str, **alerting: object) -> Sequence[Slo]:
    document = availability("web")
    document["slos"][0] |= {"labels": {"team": team}, "alerting": {"ticket": "off", "no_data_for": "off"} | alerting}  # type: ignore[index]
    return slos([document], folder)


def told(live: Running, *receivers: str) -> list[tuple[str, str, str]]:
    """What each receiver has been told since the last time, by the alert's labels; and delivers it."""
    found = []
    with live.database.begin() as tx:
        for receiver in receivers:
            entries = waiting(tx, receiver)
            mark_done(tx, [entry.id for entry in entries], at=entries[-1].created_at) if entries else None
            found += [
                (receiver, entry.notification.status.value, dict(entry.notification.labels)["team"])
                for entry in entries
            ]
    return found


def in_force(live: Running) -> list[tuple[str, str, str]]:
    with live.database.read() as tx:
        return [(one.alertname, one.incident, dict(one.labels)["team"]) for one in load_active_alerts(tx)]


TEAMS = ("red", "blue", "green", "nobody")


@pytest.mark.parametrize("frozen", [False, True])
def test_a_new_owner_is_paged_and_the_old_one_is_told_the_end(tmp_path: Path, frozen: bool) -> None:
    """Also while the alert is frozen, of which nothing new is known; once, over restarts, and in one incident."""
    source = burning(seen_until=2.25 * HOUR) if frozen else burning()
    with Running(owned(tmp_path, "red"), source, tmp_path / "a.db", routing=ROUTING) as live:
        live.tick(AT + 1.9 * HOUR)
        live.backfill(AT + 1.9 * HOUR)
        live.tick(*np.arange(AT + 2 * HOUR, AT + 2.25 * HOUR, 60))
        assert told(live, *TEAMS) == [("red", "firing", "red")]
        ((_, incident, _),) = in_force(live)
        if frozen:
            live.tick(*np.arange(AT + 2.25 * HOUR, AT + 2.35 * HOUR, 60))
            assert live.board.snapshots[0].alerts[0].state == "frozen"
        live.slos = owned(tmp_path, "blue")
        live.restart()
        live.tick(*np.arange(AT + 2.4 * HOUR, AT + 2.45 * HOUR, 60))
        assert told(live, *TEAMS) == [("red", "resolved", "red"), ("blue", "firing", "blue")]
        assert in_force(live) == [("ErrorBudgetBurn", incident, "blue")]
        live.restart()
        live.tick(AT + 2.5 * HOUR)
        assert told(live, *TEAMS) == []
        live.slos = owned(tmp_path, "green")
        live.restart()
        live.tick(AT + 2.55 * HOUR)
        assert told(live, *TEAMS) == [("blue", "resolved", "blue"), ("green", "firing", "green")]
        live.slos = ()
        live.restart()
        live.tick(AT + 2.6 * HOUR)
        assert told(live, *TEAMS) == [("green", "resolved", "green")]


def test_an_alert_ends_where_routes_no_longer_lead_and_begins_where_they_do(tmp_path: Path) -> None:
    """Once, also over restarts, and again if the routes are put back; its end is told to those that know it then."""
    red, blue = (
        Routing(default=(first, "am"), unrouted=(other,)) for first, other in (("red", "blue"), ("blue", "red"))
    )
    with Running(owned(tmp_path, "red"), burning(), tmp_path / "a.db", routing=red) as live:
        live.tick(AT + 1.9 * HOUR)
        live.backfill(AT + 1.9 * HOUR)
        live.tick(*np.arange(AT + 2 * HOUR, AT + 2.25 * HOUR, 60))
        assert _told_by(live) == [("red", "firing"), ("am", "firing")]
        for number, (routing, new, old) in enumerate(((blue, "blue", "red"), (red, "red", "blue"))):
            live.restart(routing=routing)
            live.tick(AT + (2.26 + number / 50) * HOUR)
            assert sorted(_told_by(live)) == sorted([(old, "resolved"), (new, "firing")])
            live.restart()
            live.tick(AT + (2.27 + number / 50) * HOUR)
            assert _told_by(live) == []
        live.slos = ()
        live.restart()
        live.tick(AT + 2.4 * HOUR)
        assert _told_by(live) == [("red", "resolved"), ("am", "resolved")]


def _told_by(live: Running) -> list[tuple[str, str]]:
    return [(receiver, status) for receiver, status, _ in told(live, "red", "blue", "am")]


def test_one_receiver_hears_the_end_of_the_old_name_before_the_new_one(tmp_path: Path) -> None:
    with Running(owned(tmp_path, "red"), burning(), tmp_path / "a.db", routing=ROUTING) as live:
        live.tick(AT + 1.9 * HOUR)
        live.backfill(AT + 1.9 * HOUR)
        live.tick(*np.arange(AT + 2 * HOUR, AT + 2.25 * HOUR, 60))
        told(live, *TEAMS)
        live.slos = owned(tmp_path, "red", name="WebBurns")
        live.restart()
        live.tick(AT + 2.3 * HOUR)
        with live.database.read() as tx:
            entries = waiting(tx, "red")
        assert [(entry.notification.status.value, entry.notification.alertname) for entry in entries] == [
            ("resolved", "ErrorBudgetBurn"),
            ("firing", "WebBurns"),
        ]
        assert entries[0].notification.incident == entries[1].notification.incident
        assert entries[0].notification.reason == "its labels were changed"
        assert len({entry.idempotency_key for entry in entries}) == 2


def test_a_page_that_becomes_a_ticket_ends_and_begins_in_one_incident(
    tmp_path: Path,
) -> None:
    tiers = [{"long": "1h", "short": "5m", "factor": 14.4}]
    with Running(owned(tmp_path, "red", page={"tiers": tiers}), burning(), tmp_path / "a.db", routing=ROUTING) as live:
        live.tick(AT + 1.9 * HOUR)
        live.backfill(AT + 1.9 * HOUR)
        live.tick(*np.arange(AT + 2 * HOUR, AT + 2.25 * HOUR, 60))
        told(live, *TEAMS)
        live.slos = owned(tmp_path, "red", page="off", ticket={"tiers": tiers})
        live.restart()
        live.tick(AT + 2.3 * HOUR)
        with live.database.read() as tx:
            entries = waiting(tx, "red")
        assert {(entry.notification.status.value, entry.notification.severity.value) for entry in entries} == {
            ("resolved", "page"),
            ("firing", "ticket"),
        }
        assert len({entry.notification.incident for entry in entries}) == 1


def test_a_fallback_that_no_route_names_is_notified_of_the_end(tmp_path: Path) -> None:
    """The receiver itself is back by then, and takes the end."""
    routing = Routing(default=("red",), unrouted=("mail",))
    with Running(owned(tmp_path, "red"), burning(), tmp_path / "a.db", routing=routing) as live:
        live.tick(AT + 1.9 * HOUR)
        live.backfill(AT + 1.9 * HOUR)
        live.tick(*np.arange(AT + 2 * HOUR, AT + 2.25 * HOUR, 60))
        deliveries = StoredOutbox(database=live.database, routing=replace(routing, fallbacks={"red": "mail"}))
        at = datetime.fromtimestamp(AT + 2.25 * HOUR, UTC)
        (entry,) = deliveries.claim("red", at=at)
        deliveries.settle({entry.id: GiveUp(reason=FailureReason.REJECTED, error="404")}, at=at)
        assert told(live, "red", "mail") == [("mail", "firing", "red")]
        live.slos = ()
        live.restart()
        live.tick(AT + 2.3 * HOUR)
        assert told(live, "red", "mail") == [("red", "resolved", "red"), ("mail", "resolved", "red")]


@pytest.mark.parametrize("still_burns", [False, True])
def test_new_labels_of_an_alert_in_a_restored_backup_are_sent_once_it_is_confirmed(
    tmp_path: Path, still_burns: bool
) -> None:
    """Nobody is paged for what was over long ago, and the owner of before is told its end either way."""
    source = burning(until=9 * HOUR if still_burns else 2.5 * HOUR, seen_until=10 * HOUR)
    with Running(owned(tmp_path, "red"), source, tmp_path / "a.db", routing=ROUTING) as live:
        live.tick(AT + 1.9 * HOUR)
        live.backfill(AT + 1.9 * HOUR)
        live.tick(*np.arange(AT + 2 * HOUR, AT + 2.25 * HOUR, 60))
        assert told(live, *TEAMS) == [("red", "firing", "red")]
        live.slos = owned(tmp_path, "blue")
        live.restart()
        live.tick(*np.arange(AT + 6 * HOUR, AT + 6.1 * HOUR, 30))
        firing = [("blue", "firing", "blue")] if still_burns else []
        assert told(live, *TEAMS) == [("red", "resolved", "red"), *firing]
