"""Reports that are sent after each period: once to each receiver, over restarts, by mail, Slack and webhook."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Row, select
from typing_extensions import override

from app.delivery.message_receiver import MessageReceiver
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected
from app.delivery.report_messages import ReportMessage
from app.http.client import ClientOptions
from app.http.secrets import FixedSecret
from app.integrations.email.notifier import Encryption, Mail, MailOptions
from app.integrations.slack.notifier import SlackBot, SlackBotOptions, SlackWebhook
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from app.reports import ScheduledReport, read_period
from app.service.scheduled_reports import ReportLinks, ReportReceivers, ReportSender
from app.status import StoredReports
from app.store.outbox import EntryState
from app.store.report_deliveries import report_delivery
from tests.support.api import Served
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.incidents import KeptIncidents
from tests.support.mail_server import mail_server
from tests.support.receiver_harness import WRITER, outgoing, run
from tests.support.reports import Documents, count_days
from tests.support.scripted_server import Reply, Scripted

SECRET = "not-a-secret"  # noqa: S105  of no service
MONTHLY = ScheduledReport(name="monthly", period="month", receivers=("chat", "mail"))
# Two hours after March has ended.
SENT_AT = datetime(2026, 4, 1, 2, tzinfo=UTC)


@dataclass
class Inbox(ReportReceivers):
    """Receivers that take reports, or fail by the outcomes that a test sets."""

    reports: Sequence[ScheduledReport] = (MONTHLY,)
    got: list[tuple[str, ReportMessage]] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    @override
    def scheduled_reports(self) -> Sequence[ScheduledReport]:
        return self.reports

    @override
    async def send_report(self, receiver: str, message: ReportMessage) -> Outcome:
        self.got.append((receiver, message))
        return self.outcomes.get(receiver, Delivered())


@dataclass
class Sending:
    """What sends reports, made anew for each step as after a restart."""

    kept: KeptIncidents
    inbox: Inbox = field(default_factory=Inbox)
    secret: str | None = SECRET

    def step(self, at: datetime) -> None:
        """Send what is due at a time."""
        self.kept.clock.at = at
        reports = StoredReports(self.kept.database, self.kept.clock)
        links = ReportLinks("https://slo.example.org/burn", self.secret)
        asyncio.run(ReportSender(self.kept.database, reports, self.inbox, links, clock=self.kept.clock).step())

    def stored(self) -> dict[str, Row[Any]]:
        """What is stored of it, by receiver."""
        with self.kept.database.read() as transaction:
            return {one.receiver: one for one in transaction.execute(select(report_delivery))}


@pytest.fixture
def sending() -> Sending:
    kept = KeptIncidents()
    documents = Documents(kept.database)
    documents.say(date(2026, 3, 1))
    count_days(kept.database, date(2026, 3, 1), [10.0] * 31)
    return Sending(kept)


def test_each_receiver_gets_a_report_once_for_each_period(sending: Sending) -> None:
    sending.step(SENT_AT - timedelta(seconds=1))
    assert sending.inbox.got == []
    sending.step(SENT_AT)
    sending.step(SENT_AT + timedelta(days=1))
    assert [receiver for receiver, _ in sending.inbox.got] == ["chat", "mail"]
    message = sending.inbox.got[0][1]
    assert (message.title, message.summary) == ("Objectives, 2026-03", "1 of 1 objectives met, 0 missed")
    assert message.document["totals"]["met"] == 1
    # It is made once for both, each with a key of its own.
    second = sending.inbox.got[1][1]
    assert (second.document is message.document, second.key == message.key) == (True, False)
    sending.step(datetime(2026, 5, 1, 3, tzinfo=UTC))
    assert [message.title for _, message in sending.inbox.got[2:]] == ["Objectives, 2026-04"] * 2


def test_what_fails_is_sent_again_and_given_up_in_the_end(sending: Sending) -> None:
    sending.inbox.outcomes = {
        "chat": Failed(reason=FailureReason.SERVER_ERROR, detail="503"),
        "mail": Rejected(detail="no such user"),
    }
    sending.step(SENT_AT)
    found = sending.stored()
    assert (found["chat"].state, found["chat"].due_at) == (EntryState.WAITING.value, SENT_AT + timedelta(minutes=1))
    assert (found["mail"].state, found["mail"].last_error) == (EntryState.DEAD.value, "no such user")
    sending.step(SENT_AT + timedelta(seconds=59))
    sending.step(SENT_AT + timedelta(minutes=1))
    assert [receiver for receiver, _ in sending.inbox.got] == ["chat", "mail", "chat"]
    assert len({message.key for receiver, message in sending.inbox.got if receiver == "chat"}) == 1
    sending.step(SENT_AT + timedelta(days=3))
    assert sending.stored()["chat"].state == EntryState.DEAD.value
    sending.step(SENT_AT + timedelta(days=4))
    assert len(sending.inbox.got) == 4


def test_what_the_configuration_no_longer_has_is_not_sent(sending: Sending) -> None:
    sending.inbox.outcomes = {"chat": Failed(reason=FailureReason.TIMEOUT, detail="slow")}
    sending.step(SENT_AT)
    sending.inbox.reports = ()
    sending.step(SENT_AT + timedelta(hours=1))
    assert (len(sending.inbox.got), sending.stored()["chat"].state) == (2, EntryState.DEAD.value)


@pytest.mark.parametrize(
    ("period", "timezone", "at", "name"),
    [
        ("week", "UTC", "2026-04-06T01:59:59Z", None),
        ("week", "UTC", "2026-04-06T02:00:00Z", "2026-W14"),
        ("week", "Europe/Berlin", "2026-04-06T00:00:00Z", "2026-W14"),
        ("week", "Pacific/Kiritimati", "2026-04-05T12:00:00Z", "2026-W14"),
        ("week", "America/Los_Angeles", "2026-04-06T09:00:00Z", "2026-W14"),
        ("week", "UTC", "2026-04-09T00:00:00Z", None),
        ("quarter", "UTC", "2026-04-02T00:00:00Z", "2026-Q1"),
        ("year", "UTC", "2026-04-02T00:00:00Z", None),
    ],
)
def test_a_report_is_due_two_hours_after_its_period_for_three_days(
    period: str, timezone: str, at: str, name: str | None
) -> None:
    report = ScheduledReport(name="x", period=period, receivers=("a",), timezone=timezone)
    found = report.due(datetime.fromisoformat(at))
    assert (found and found.period.name) == name
    if found is not None:
        assert read_period(period, found.period.at) == found.period


def test_a_link_shows_the_report_until_it_expires(sending: Sending) -> None:
    sending.inbox.reports = (
        ScheduledReport(
            name="a", period="month", receivers=("chat",), services=frozenset({"checkout", "a&b=c"}), by="label:team"
        ),
    )
    sending.step(SENT_AT)
    parts = urlsplit(sending.inbox.got[0][1].url)
    assert f"{parts.scheme}://{parts.netloc}" == "https://slo.example.org"
    path = parts.path.removeprefix("/burn")
    served = Served(incidents=sending.kept, report_link_secret=SECRET)
    client = TestClient(served.app())
    page = client.get(f"{path}?{parts.query}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "checkout-availability" in page.text
    changed = parts.query.replace("2026-03", "2026-02")
    assert client.get(f"{path}?{changed}").status_code == 403
    assert client.get(f"{path}?{parts.query.replace('expires=1', 'expires=2')}").status_code == 403
    assert client.get(f"{path}?{parts.query}&service=search").status_code == 403
    served.report_link_secret = None
    assert TestClient(served.app()).get(f"{path}?{parts.query}").status_code == 403
    sending.kept.clock.at = SENT_AT + timedelta(days=90)
    assert client.get(f"{path}?{parts.query}").status_code == 403


def test_without_a_secret_links_lead_to_the_report_itself(sending: Sending) -> None:
    sending.secret = None
    sending.step(SENT_AT)
    parts = urlsplit(sending.inbox.got[0][1].url)
    assert "signature" not in parts.query
    client = TestClient(Served(incidents=sending.kept).app())
    assert client.get(f"{parts.path.removeprefix('/burn')}?{parts.query}").status_code == 200


MESSAGE = ReportMessage(
    key="report/weekly/2026-03-30/chat",
    title="Objectives, 2026-W14",
    summary="3 of 4 objectives met, 1 missed <!channel>",
    text="# Objectives\n",
    page="<html><body><h1>Objectives</h1></body></html>",
    url="https://slo.example.org/r?a=1&b=2",
    document={"totals": {"met": 3}},
)


def _sent(notifier: Callable[[], Notifier]) -> Outcome:
    async def send() -> Outcome:
        receiver = MessageReceiver(
            "chat", notifier(), message_refs=MemoryMessageRefs(), instruments=RecordingInstruments()
        )
        try:
            return await receiver.send_report(MESSAGE)
        finally:
            await receiver.aclose()

    return run(send)


def test_slack_gets_a_sentence_and_a_link() -> None:
    with Scripted(otherwise=Reply(body=b"ok")) as server:
        assert _sent(lambda: SlackWebhook(FixedSecret(server.url), outgoing=outgoing(), writer=WRITER)) == Delivered()
        text = server.bodies[0]["text"]
    assert text == (
        "*Objectives, 2026-W14*\n3 of 4 objectives met, 1 missed &lt;!channel&gt;\n"
        "<https://slo.example.org/r?a=1&amp;b=2|Open the report>"
    )
    with Scripted(otherwise=Reply(body=b'{"ok":true,"channel":"C","ts":"1"}')) as server:
        options = SlackBotOptions(token=FixedSecret("x"), channel="#slo", api=server.url)
        assert _sent(lambda: SlackBot(options, outgoing=outgoing(), writer=WRITER)) == Delivered()
        assert (server.bodies[0]["channel"], server.bodies[0]["text"]) == ("#slo", text)


def test_a_webhook_gets_the_figures_signed() -> None:
    def webhook(server: Scripted) -> Notifier:
        options = WebhookOptions(url=FixedSecret(server.url), secret=FixedSecret("s"))
        return Webhook("chat", options, outgoing=outgoing(), writer=WRITER, clock=SkewedClock())

    with Scripted(Reply(status=503)) as server:
        assert isinstance(_sent(lambda: webhook(server)), Failed)
        assert _sent(lambda: webhook(server)) == Delivered()
        first, again = server.requests
        body: Any = server.bodies[1]
    assert (body["kind"], body["report"]["totals"]["met"], body["url"]) == ("report", 3, MESSAGE.url)
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == MESSAGE.key
    assert again.headers["webhook-signature"].startswith("v1,")


def test_a_mail_has_the_whole_report() -> None:
    letters: list[bytes] = []

    class Postbox:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            letters.append(envelope.content)
            return "250 OK"

    with mail_server(Postbox()) as port:
        options = MailOptions(
            sender="slo@example.org", to=("a@example.org",), host="127.0.0.1", port=port, encryption=Encryption.OFF
        )
        assert _sent(lambda: Mail(options, outgoing=ClientOptions(), writer=WRITER, clock=SkewedClock())) == Delivered()
    letter = message_from_bytes(letters[0], policy=policy.default)
    assert letter["subject"] == "Objectives, 2026-W14: 3 of 4 objectives met, 1 missed <!channel>"
    html = letter.get_body(("html",))
    assert html is not None
    assert "<h1>Objectives</h1>" in html.get_content()
    assert "https://slo.example.org/r?a=1&amp;b=2" in html.get_content()
