"""Receivers that a reload drops are told the end of what fires there, and no others are."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from app.alerting import Alert, Notification, NotificationStatus, Route, Routing, resolve
from app.delivery.outcome import Deferred, Failed, FailureReason
from app.http.secrets import FixedSecret
from app.integrations import Alertmanager, AlertmanagerOptions, StoredAlertsToRepeat, final_notifications, send_final
from app.integrations.config import AlertmanagerTargets, DeliveryConfig, ReceiverConfig
from app.integrations.email.notifier import MailOptions
from app.integrations.pagerduty.notifier import PagerDutyOptions
from app.integrations.webhook.notifier import WebhookOptions
from app.slo import AlertState, Severity
from app.store import Database, open_database
from app.store.alerts import save_alerts
from app.store.outbox import enqueue
from testbed.servers import Sink, alertmanager
from testbed.waiting import reaches
from tests.support.fake_receivers import FakeReceiver, RecordingInstruments, SkewedClock
from tests.support.notifications import firing
from tests.support.receiver_harness import now

AM = ReceiverConfig(name="am", target=AlertmanagerTargets(urls=("http://am:9093",)))
ONCALL = ReceiverConfig(name="oncall", target=PagerDutyOptions(routing_key=FixedSecret("k")))
HOOK = ReceiverConfig(name="hook", target=WebhookOptions(url=FixedSecret("http://hook")))
MAIL = ReceiverConfig(name="mail", target=MailOptions(sender="a@b.example", to=("c@d.example",), host="mail"))
PAGES_ONLY = Route(receivers=("am",), severities=frozenset({Severity.PAGE}))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


def _fires(database: Database, *notifications: Notification, receivers: Sequence[str]) -> None:
    with database.begin() as tx:
        for notification in notifications:
            alert = Alert(
                slo=notification.slo,
                severity=notification.severity,
                state=AlertState.FIRING,
                since=notification.starts_at,
                incident=notification.incident,
                announced=True,
            )
            save_alerts(tx, [alert], {notification.key: notification})
        enqueue(tx, notifications, receivers=receivers, at=now())


def _config(*receivers: ReceiverConfig, routes: Sequence[Route] = (), default: Sequence[str] = ()) -> DeliveryConfig:
    return DeliveryConfig(receivers=receivers, routing=Routing(routes=tuple(routes), default=tuple(default)))


def _final(database: Database, old: DeliveryConfig, new: DeliveryConfig) -> dict[str, list[str]]:
    """By receiver, the SLOs of the last messages that a reload from *old* to *new* sends."""
    receivers = [FakeReceiver(one.name, tracks_alerts=one is not MAIL) for one in old.receivers]
    stored = [StoredAlertsToRepeat(database=database, routing=config.routing) for config in (old, new)]
    found = final_notifications(old, stored[0], new, stored[1], receivers=receivers, at=now())
    firing = [
        one
        for notifications in found.values()
        for one in notifications
        if one.status is not NotificationStatus.RESOLVED
    ]
    assert firing == []
    return {name: sorted(notification.slo for notification in notifications) for name, notifications in found.items()}


def test_receivers_that_are_gone_are_told_the_end_if_an_alert_stays_open_there(database: Database) -> None:
    """Not those that people read: "resolved" would be an all-clear while the alert fires."""
    names = ["am", "oncall", "hook", "mail"]
    _fires(database, firing("a"), firing("b"), receivers=names)
    old = _config(AM, ONCALL, HOOK, MAIL, default=names)
    both = ["a", "b"]
    assert _final(database, old, _config()) == {"am": both, "oncall": both, "hook": both}
    assert _final(database, old, old) == {}


def test_an_alertmanager_is_told_the_end_of_what_its_routes_no_longer_bring_it(database: Database) -> None:
    _fires(database, firing("page"), firing("ticket", severity=Severity.TICKET), receivers=["am"])
    old = _config(AM, default=["am"])
    assert _final(database, old, _config(AM, routes=[PAGES_ONLY])) == {"am": ["ticket"]}


def test_an_alertmanager_that_is_reached_by_another_name_or_peer_goes_on(database: Database) -> None:
    """A peer that leaves a cluster resolves nothing: its last word would reach the pagers of all."""
    _fires(database, firing("a"), receivers=["am"])
    old = _config(AM, default=["am"])
    renamed = ReceiverConfig(name="other", target=AlertmanagerTargets(urls=("http://new:9093", "http://am:9093")))
    assert _final(database, old, _config(renamed, default=["other"])) == {}
    moved = ReceiverConfig(name="am", target=AlertmanagerTargets(urls=("http://new:9093",)))
    assert _final(database, old, _config(moved, default=["am"])) == {"am": ["a"]}


def test_a_receiver_that_is_only_renamed_or_no_longer_routed_keeps_its_incident(database: Database) -> None:
    """What is still configured is told the end when the alert ends."""
    _fires(database, firing("a"), receivers=["oncall"])
    old = _config(ONCALL, default=["oncall"])
    renamed = ReceiverConfig(name="first-line", target=ONCALL.target)
    assert _final(database, old, _config(renamed, default=["first-line"])) == {}
    assert _final(database, old, _config(ONCALL)) == {}


def test_a_receiver_is_not_told_the_end_of_what_it_never_knew(database: Database) -> None:
    _fires(database, firing("a"), receivers=["oncall"])
    assert _final(database, _config(ONCALL, HOOK, default=["oncall", "hook"]), _config()) == {"oncall": ["a"]}


def test_last_messages_are_tried_until_they_are_taken() -> None:
    receiver = FakeReceiver("am")
    failed = Failed(reason=FailureReason.UNREACHABLE, detail="connection refused")
    receiver.script = [failed, Deferred(until=now())]
    end = resolve(firing(), at=now())
    asyncio.run(send_final(receiver, [end], clock=SkewedClock()))
    assert receiver.delivered == [end]


def test_an_alert_is_resolved_at_a_real_alertmanager_that_was_dropped() -> None:
    """At once, not when it expires four minutes after the last word."""
    with Sink() as sink, alertmanager(sink.url) as server:

        async def play() -> None:
            options = AlertmanagerOptions(urls=(server.url,), external_url="http://slo")
            receiver = Alertmanager(options, clock=SkewedClock(), instruments=RecordingInstruments())
            page = firing(starts_at=now() - timedelta(minutes=10))
            await receiver.deliver([page], at=now())
            await reaches(lambda: bool(sink.alerts_with("firing", slo=page.slo)))
            await send_final(receiver, [resolve(page, at=now())], clock=SkewedClock())
            await reaches(lambda: bool(sink.alerts_with("resolved", slo=page.slo)))
            await receiver.aclose()

        asyncio.run(play())
