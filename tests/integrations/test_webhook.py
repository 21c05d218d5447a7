"""Any webhook: Alertmanager's JSON over a scripted server, and beside a real Alertmanager (N7, N8)."""

import base64
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from app.alerting import Notification, resolve
from app.delivery.message_receiver import RateLimit
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier
from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Rejected
from app.http.secrets import FixedSecret
from app.integrations.webhook.notifier import Webhook, WebhookOptions, alert_fingerprint
from app.slo import Cause, Severity
from app.store import StoreError
from app.store.outbox import idempotency_key
from testbed.servers import Sink, alertmanager
from tests.support.fake_receivers import SkewedClock
from tests.support.notifications import firing, resolved
from tests.support.receiver_harness import WRITER, deliver, outgoing
from tests.support.scripted_server import Reply, Request, Scripted


def _webhook(server: Scripted, *, secret: str | None = None, deadline_s: float = 60.0, path: str = "/hook") -> Notifier:
    options = WebhookOptions(
        url=FixedSecret(server.url + path),
        secret=None if secret is None else FixedSecret(secret),
        headers={"X-Team": FixedSecret("payments")},
    )
    return Webhook("team", options, outgoing=outgoing(deadline_s), writer=WRITER, clock=SkewedClock())


def test_a_page_and_its_end_look_like_alertmanager() -> None:
    with Scripted() as server:
        assert deliver(lambda: _webhook(server), [firing()], [resolved()]) == [[Delivered()], [Delivered()]]
        page, end = server.bodies
        assert server.requests[0].headers["x-team"] == "payments"
        assert server.requests[0].headers["content-type"] == "application/json"
    assert (page["version"], page["status"], page["receiver"]) == ("4", "firing", "team")
    assert page["externalURL"] == "https://slo.example"
    assert page["commonLabels"] == page["alerts"][0]["labels"]
    (alert,) = page["alerts"]
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert alert["startsAt"] == "2026-01-01T00:00:00+00:00"
    (over,) = end["alerts"]
    assert (end["status"], over["status"], over["endsAt"]) == ("resolved", "resolved", "2026-01-01T00:05:00+00:00")
    assert over["fingerprint"] == alert["fingerprint"]


def test_the_keys_of_the_message_and_its_fingerprint_are_those_of_a_real_alertmanager() -> None:
    """The same alert through Alertmanager and straight to a receiver."""
    with Sink() as sink, alertmanager(sink.url) as server, Scripted() as ours:
        notification = firing(starts_at=datetime.now(tz=UTC) - timedelta(minutes=10))
        deliver(lambda: _webhook(ours), [notification])
        mine = ours.bodies[0]
        alert = {name: mine["alerts"][0][name] for name in ("labels", "annotations", "startsAt", "generatorURL")}
        httpx.post(f"{server.url}/api/v2/alerts", json=[alert], trust_env=False).raise_for_status()
        sink.wait_for(lambda it: bool(it.alerts))
        theirs = sink.received[0].body
    assert mine.keys() == theirs.keys()
    assert mine["alerts"][0].keys() == theirs["alerts"][0].keys()
    for name in ("fingerprint", "labels", "annotations", "status"):
        assert mine["alerts"][0][name] == theirs["alerts"][0][name]


def test_a_fingerprint_is_that_of_the_labels() -> None:
    assert alert_fingerprint({"a": "b"}) != alert_fingerprint({"a": "c"})
    assert alert_fingerprint({}) == "cbf29ce484222325"


def test_a_message_is_signed_over_its_key_time_and_body() -> None:
    raw = base64.b64encode(b"secret-bytes").decode()
    for secret, key in (("plain canary", b"plain canary"), (f"whsec_{raw}", b"secret-bytes")):
        with Scripted() as server:
            deliver(partial(_webhook, server, secret=secret), [firing()])
            (request,) = server.requests
        stamp = request.headers["webhook-timestamp"]
        assert abs(int(stamp) - datetime.now(tz=UTC).timestamp()) < 30
        signed = f"{request.headers['webhook-id']}.{stamp}.".encode() + request.body
        wanted = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
        assert request.headers["webhook-signature"] == f"v1,{wanted}"


def test_every_attempt_has_the_same_key_and_every_change_another() -> None:
    with Scripted(Reply(cut=True), Reply(status=500)) as server:
        lost, broken, taken, over = deliver(lambda: _webhook(server), [firing()], [firing()], [firing()], [resolved()])
        keys = [request.headers["idempotency-key"] for request in server.requests]
    assert isinstance(lost[0], Failed)
    assert isinstance(broken[0], Failed)
    assert (taken, over) == ([Delivered()], [Delivered()])
    assert keys[:3] == [idempotency_key(firing())] * 3
    assert keys[3] == idempotency_key(resolved())


def test_hundreds_at_once_are_one_post_and_the_one_that_is_refused_is_found() -> None:
    many = [firing(f"slo-{number}") for number in range(100)]
    many[37] = firing("slo-37", labels=(("poison", "1"),))

    class Picky(Scripted):
        @override
        def answer(self, request: Request) -> Reply:
            super().answer(request)
            return Reply(status=400 if b"poison" in request.body else 200)

    with Picky() as server:
        (outcomes,) = deliver(lambda: _webhook(server), many)
        taken = [alert["labels"]["slo"] for request in server.requests for alert in request.json["alerts"]
                 if b"poison" not in request.body]  # fmt: skip
        assert len(server.bodies[0]["alerts"]) == 100
    assert [number for number, outcome in enumerate(outcomes) if outcome != Delivered()] == [37]
    assert isinstance(outcomes[37], Rejected)
    assert sorted(taken) == sorted(notification.slo for notification in many if notification.slo != "slo-37")


def test_few_at_once_are_posts_of_their_own() -> None:
    with Scripted() as server:
        deliver(
            lambda: _webhook(server),
            [firing(f"slo-{number}") for number in range(4)],
            rate_limit=RateLimit(per_minute=4),
        )
        assert [len(body["alerts"]) for body in server.bodies] == [1] * 4


class _Picky(Scripted):
    """A consumer with a fault: it breaks whenever it reads of some SLOs."""

    @override
    def answer(self, request: Request) -> Reply:
        broken = any(alert["labels"]["slo"] in {"slo-0", "slo-1"} for alert in request.json["alerts"])
        return Reply(status=500) if broken else super().answer(request)


def test_messages_that_break_the_consumer_keep_those_behind_them_back_once_only() -> None:
    pages = [firing(f"slo-{number}") for number in range(4)]
    with _Picky(otherwise=Reply(status=202)) as server:
        outcomes = deliver(lambda: _webhook(server), pages, pages)
    assert [type(one) for one in outcomes[1]] == [Failed, Failed, Delivered, Delivered]


def test_a_receiver_that_hangs_is_a_timeout_and_echoes_no_secret() -> None:
    with Scripted(Reply(delay_s=60.0), Reply(status=500, body=b"your secret canary-path is wrong")) as server:
        (hung,) = deliver(lambda: _webhook(server, deadline_s=0.3, path="/canary-path"), [firing()])
        # An attempt that the deadline ended before its request was read has used no reply.
        server.script = server.script[-1:]
        (broken,) = deliver(lambda: _webhook(server, path="/canary-path"), [firing()])
        assert isinstance(hung[0], Failed)
        assert hung[0].reason is FailureReason.TIMEOUT
        assert isinstance(broken[0], Failed)
        assert broken[0].detail == "500 your secret <secret> is wrong"


class Issues:
    """A consumer that keeps an issue for each group, as alertmanager-to-github, OnCall and jiralert do."""

    def __init__(self) -> None:
        self.open: dict[str, set[str]] = {}

    def take(self, message: dict[str, Any]) -> None:
        assert message["groupLabels"].items() <= {**message["commonLabels"], **message["groupLabels"]}.items()
        firing = {alert["fingerprint"] for alert in message["alerts"] if alert["status"] == "firing"}
        assert message["status"] == ("firing" if firing or message["truncatedAlerts"] else "resolved")
        if message["status"] == "resolved" or not firing:  # jiralert looks at the alerts
            del self.open[message["groupKey"]]
        else:
            self.open[message["groupKey"]] = firing


def test_alerts_that_live_side_by_side_have_groups_of_their_own() -> None:
    """The end of the ticket of an SLO closes neither its page nor its ticket for missing data."""
    page, ticket = firing(), firing(severity=Severity.TICKET)
    blind = firing(severity=Severity.TICKET, cause=Cause.NO_DATA, alertname="SLODataUnavailable")
    issues = Issues()
    with Scripted() as server:
        deliver(lambda: _webhook(server), [page, ticket, blind], [resolve(ticket, at=ticket.at)])
        for body in server.bodies:
            issues.take(body)
        # Alerts are sent side by side: the page is not always the first to arrive.
    first = next(body for body in server.bodies if body["groupLabels"]["severity"] == "page")
    assert first["groupLabels"] == {
        "alertname": "ErrorBudgetBurn",
        "severity": "page",
        "slo": "checkout-availability",
    }
    assert first["groupKey"] == '{}:{alertname="ErrorBudgetBurn", severity="page", slo="checkout-availability"}'
    assert sorted(key.partition("slo=")[0] for key in issues.open) == [
        '{}:{alertname="ErrorBudgetBurn", severity="page", ',
        '{}:{alertname="SLODataUnavailable", severity="ticket", ',
    ]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_digest_is_a_group_that_is_resolved_with_its_last_alert(restarted: bool) -> None:
    """Neither the end of one of its alerts nor another digest closes it, after a restart either."""
    some = [firing(f"slo-{number}") for number in range(30)]
    more = [firing(f"other-{number}") for number in range(30)]
    over = [resolve(notification, at=notification.at + timedelta(minutes=5)) for notification in (*some, *more)]
    book, issues = MemoryMessageRefs(), Issues()
    with Scripted() as server:
        make = lambda: _webhook(server)  # noqa: E731  as `deliver` wants it
        deliver(make, some, more, *([] if restarted else [over[:10]]), book=book)
        if restarted:
            deliver(make, over[:10], book=book)
        for body in server.bodies:
            issues.take(body)
        first, _, partial = server.bodies
        assert len(issues.open) == 2
        assert (partial["groupKey"], partial["status"]) == (first["groupKey"], "firing")
        assert len([alert for alert in partial["alerts"] if alert["status"] == "resolved"]) == 10
        assert len([alert for alert in partial["alerts"] if alert["status"] == "firing"]) == 20
        assert partial["truncatedAlerts"] == 0
        assert first["groupLabels"].keys() == {"alertname", "digest", "severity"}
        deliver(make, over[10:30], over[30:], book=book)
        issues.take(server.bodies[3])
        assert len(issues.open) == 1
        issues.take(server.bodies[4])
    assert issues.open == {}
    assert book.recall("team", over) == {}


def test_a_digest_whose_answer_was_lost_ends_although_its_alerts_were_sent_again_alone() -> None:
    """Its end failing is no reason to lose the end of an alert, nor is that it is refused."""
    some = [firing(name) for name in "abc"]
    over = [resolved(name) for name in "abc"]
    issues = Issues()
    ends = [Reply(status=500), Reply(status=400)]
    keys: set[str] = set()

    class DigestIsLost(Scripted):
        """By what comes in, since the end of an alert and that of the digest are sent side by side."""

        @override
        def answer(self, request: Request) -> Reply:
            super().answer(request)
            if "digest" not in request.json["groupLabels"]:
                # The end of an alert is sent again with that of the digest, under its key.
                if request.headers["idempotency-key"] not in keys:
                    issues.take(request.json)
                keys.add(request.headers["idempotency-key"])
                return Reply()
            if request.json["status"] == "firing":
                issues.take(request.json)
                return Reply(cut=True)
            return ends.pop(0)

    with DigestIsLost() as server:
        alone = [[notification] for notification in (*some, *over)]
        *_, failed, retried = deliver(
            lambda: _webhook(server), some, *alone, over[2:], rate_limit=RateLimit(per_minute=2)
        )
        assert isinstance(failed[0], Failed)
        assert retried == [Delivered()]
        assert ends == []
        assert [len(alerts) for alerts in issues.open.values()] == [3]
        (group,) = issues.open
        last = [body for body in server.bodies if body["groupKey"] == group][-1]
        issues.take(last)
    assert issues.open == {}


def test_an_end_waits_while_nobody_can_say_what_still_fires() -> None:
    class Unreadable(MemoryMessageRefs):
        @override
        def firing_in(self, receiver: str, handle: str) -> Sequence[Notification]:
            raise StoreError("disk I/O error")

    some = [firing(f"slo-{number}") for number in range(30)]
    over = [resolve(notification, at=notification.at) for notification in some]
    with Scripted() as server:
        _, waits, told = deliver(lambda: _webhook(server), some, over[:10], over, book=Unreadable())
        assert [type(outcome) for outcome in waits] == [Deferred] * 10
        assert told == [Delivered()] * 30
        assert [body["status"] for body in server.bodies] == ["firing", "resolved"]


def test_pages_and_tickets_are_digests_apart() -> None:
    many = [firing(f"slo-{number}", severity=severity) for number in range(20) for severity in Severity]
    with Scripted() as server:
        deliver(lambda: _webhook(server), many)
        assert sorted(body["commonLabels"]["severity"] for body in server.bodies) == ["page", "ticket"]


def test_ends_that_were_told_alone_end_alone() -> None:
    over = [resolved(f"slo-{number}") for number in range(50)]
    with Scripted() as server:
        (outcomes,) = deliver(lambda: _webhook(server), over)
        assert outcomes == [Delivered()] * 50
        assert len({body["groupKey"] for body in server.bodies}) == 50


def test_an_empty_label_is_none_as_to_alertmanager() -> None:
    notification = firing(group=(("route", ""), ("service", "web")), labels=(("route", ""), ("service", "web")))
    with Scripted() as server:
        deliver(lambda: _webhook(server), [notification])
        (alert,) = server.bodies[0]["alerts"]
    assert alert["labels"] == {
        "alertname": "ErrorBudgetBurn",
        "slo": "checkout-availability",
        "service": "checkout",
        "severity": "page",
        "slo_group_service": "web",
    }
    assert alert["fingerprint"] == alert_fingerprint(alert["labels"])


def test_an_alert_that_cannot_be_written_is_found_in_a_digest() -> None:
    many = [firing(f"slo-{number}", labels=(("team", "\ud800" if number == 5 else "a"),)) for number in range(8)]
    # Tracebacks as they are drawn in tests take seconds on a busy machine.
    with Scripted() as server, capture_logs():
        (outcomes,) = deliver(lambda: _webhook(server), many, rate_limit=RateLimit(per_minute=1))
        taken = sorted(alert["labels"]["slo"] for body in server.bodies for alert in body["alerts"])
    assert [number for number, outcome in enumerate(outcomes) if outcome != Delivered()] == [5]
    assert len(taken) == 7
