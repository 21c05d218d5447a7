"""Mail to a real SMTP server in this process."""

import asyncio
import gc
import re
import socket
import ssl
import threading
import warnings
from contextlib import suppress
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult, LoginPassword

from app.alerting import Notification
from app.delivery.message_receiver import MessageReceiver, RateLimit
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier, outgoing_message
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected
from app.http import Resolver, resolve_host
from app.http.client import ClientOptions
from app.http.failures import AttemptError
from app.http.request_options import HttpOptions, ProxyOptions
from app.http.secrets import FixedSecret
from app.integrations.email.mime import parse_mailbox
from app.integrations.email.notifier import Encryption, Mail, MailOptions
from testbed.process import closed_port
from testbed.waiting import reaches
from tests.support.connect_proxy import ConnectProxy
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.mail_server import mail_server, scripted_mail_server
from tests.support.name_service import Rebinding
from tests.support.notifications import closed, firing, resolved
from tests.support.receiver_harness import WRITER, deliver, now

_ALL_REFUSED = "all recipients were refused: oncall@example.org: {0}, second@example.org: {0}"
PASSWORD = "canary-mail"  # noqa: S105  # of no account


class Postbox:
    """Takes letters, or answers with *refusal*."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.refusal = ""
        self.refused: dict[str, str] = {}
        self.scans: threading.Event | None = None

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.refusal.startswith("RCPT"):
            return self.refusal.removeprefix("RCPT ")
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.raw.append(envelope.content)
        self.recipients.append(list(envelope.rcpt_tos))
        if self.scans is not None:
            await asyncio.to_thread(self.scans.wait)
        return "250 OK"


def _mail(
    port: int,
    *,
    deadline_s: float = 60.0,
    ca_file: Path | None = None,
    resolver: Resolver = resolve_host,
    proxy: str | None = None,
    **changes: Any,
) -> Notifier:
    options = MailOptions(
        **{
            "sender": "Sloburn <slo@example.org>",
            "to": ("oncall@example.org", "Second <second@example.org>"),
            "host": "127.0.0.1",
            "port": port,
            "encryption": Encryption.OFF,
            **changes,
        }
    )
    url = None if proxy is None else FixedSecret(proxy)
    outgoing = ClientOptions(
        deadline=timedelta(seconds=deadline_s),
        ca_file=ca_file,
        resolver=resolver,
        http=HttpOptions(proxy=ProxyOptions(http=url, https=url)),
    )
    return Mail(options, outgoing=outgoing, writer=WRITER, clock=SkewedClock())


def _one(port: int, **changes: Any) -> Outcome:
    notification: Notification = changes.pop("notification", firing())
    ((outcome,),) = deliver(lambda: _mail(port, **changes), [notification])
    return outcome


def test_a_page_is_a_letter_and_its_end_answers_it() -> None:
    postbox = Postbox()
    with mail_server(postbox) as port:
        deliver(lambda: _mail(port), [firing()], [resolved()], [closed()])
    page, end, no_recovery = postbox.letters
    assert page["Subject"] == "[page] checkout availability is burning its error budget at 20x"
    assert end["Subject"].startswith("[resolved] checkout availability")
    assert no_recovery["Subject"].startswith("[closed] checkout availability: this alert is closed because")
    assert page["To"] == "oncall@example.org, Second <second@example.org>"
    assert end["In-Reply-To"] == page["Message-ID"]
    text = page.get_body(("plain",))
    assert text is not None
    assert "2,000 of 100,000 events were bad" in text.get_content()
    assert "Runbook: https://runbooks/slo" in text.get_content()


def test_nothing_in_the_data_is_a_header_or_markup() -> None:
    postbox = Postbox()
    evil = 'x\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script><img src="x">'
    with mail_server(postbox) as port:
        notification = firing(annotations=(("summary", evil), ("description", evil)))
        assert deliver(lambda: _mail(port), [notification]) == [[Delivered()]]
    (letter,) = postbox.letters
    assert "Bcc" not in letter
    html = letter.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "<img" not in html.get_content()


def test_hundreds_at_once_are_one_letter() -> None:
    postbox = Postbox()
    with mail_server(postbox) as port:
        deliver(lambda: _mail(port), [firing(f"slo-{number}") for number in range(250)])
    (letter,) = postbox.letters
    assert letter["Subject"] == "[page] 250 alerts of checkout are firing"


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        ("451 later", Failed(reason=FailureReason.SERVER_ERROR, detail="451 later")),
        ("554 spam", Rejected(detail="554 spam")),
        ("RCPT 550 no such user", Rejected(detail=f"550 {_ALL_REFUSED.format('550 no such user')}")),
        (
            "RCPT 450 greylisted",
            Failed(reason=FailureReason.SERVER_ERROR, detail=f"450 {_ALL_REFUSED.format('450 greylisted')}"),
        ),
    ],
)
def test_what_the_server_says_decides(refusal: str, outcome: Outcome) -> None:
    postbox = Postbox()
    postbox.refusal = refusal
    with mail_server(postbox) as port:
        assert _one(port) == outcome


_LOGIN = {"username": "slo", "password": FixedSecret(PASSWORD)}
_TLS = {"encryption": Encryption.STARTTLS}


@pytest.mark.parametrize(
    ("replies", "changes", "reason", "detail"),
    [
        (["554 no service here"], {}, FailureReason.SERVER_ERROR, "554 no service here"),
        (["220 x", "550 not you", "550 not you"], {}, FailureReason.SERVER_ERROR, "550 not you"),
        (["220 x", "250-x\r\n250 STARTTLS", "502 not now"], _TLS, FailureReason.SERVER_ERROR, "502 not now"),
        (["220 x", "250 x"], _TLS, FailureReason.UNREACHABLE, "cannot be used: SMTP STARTTLS extension not supported"),
        (["220 x", "250-x\r\n250 AUTH PLAIN", "550 locked"], _LOGIN, FailureReason.UNAUTHORIZED, "550 locked"),
        (["220 x", "250-x\r\n250 AUTH PLAIN", "454 later"], _LOGIN, FailureReason.SERVER_ERROR, "454 later"),
        ([], {}, FailureReason.UNREACHABLE, "cannot be reached: Unexpected EOF received"),
    ],
)
def test_what_a_server_refuses_before_it_has_seen_the_message_is_no_verdict_on_it(
    replies: list[str], changes: dict[str, Any], reason: FailureReason, detail: str
) -> None:
    """A page is tried again when the server is blocked, misconfigured or locked for an hour."""
    with scripted_mail_server(*replies) as port:
        outcome = _one(port, **changes)
    assert isinstance(outcome, Failed)
    assert outcome.reason is reason
    assert detail in outcome.detail


def test_a_server_that_is_away_or_hangs_may_come_back() -> None:
    away = _one(closed_port())
    assert isinstance(away, Failed)
    assert away.reason is FailureReason.UNREACHABLE
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = _one(silent.getsockname()[1], deadline_s=0.5)
    assert isinstance(hung, Failed)
    assert hung.reason is FailureReason.TIMEOUT


def test_a_server_that_scans_a_mail_for_longer_than_an_attempt_gets_it_once() -> None:
    """Attempts fail meanwhile, so that a page goes to its fallback; the next one after the answer succeeds."""
    postbox = Postbox()
    postbox.scans = threading.Event()

    async def play(port: int) -> list[Outcome]:
        mail, message = _mail(port, deadline_s=0.3), outgoing_message([firing()])
        outcomes: list[Outcome] = []
        try:
            while not outcomes or not isinstance(outcomes[-1], Delivered):
                if postbox.letters and "has not confirmed" in getattr(outcomes[-1], "detail", ""):
                    assert postbox.scans is not None
                    postbox.scans.set()
                try:
                    outcomes.append((await mail.send(message)).outcome)
                except AttemptError as error:
                    outcomes.append(error.failed)
        finally:
            await mail.aclose()
        return outcomes

    with mail_server(postbox) as port:
        *failed, delivered = asyncio.run(play(port))
    assert delivered == Delivered()
    assert {getattr(one, "reason", None) for one in failed} == {FailureReason.TIMEOUT}
    assert len(postbox.letters) == 1


def test_a_mail_that_is_not_confirmed_does_not_outlive_its_receiver() -> None:
    postbox = Postbox()
    postbox.scans = threading.Event()

    async def play(port: int) -> int:
        mail = _mail(port, deadline_s=0.3)
        while not postbox.letters:
            with suppress(AttemptError):
                await mail.send(outgoing_message([firing()]))
        await mail.aclose()
        return len(asyncio.all_tasks())

    with mail_server(postbox) as port:
        assert asyncio.run(play(port)) == 1
        postbox.scans.set()


def test_the_metadata_service_gets_no_mail() -> None:
    refused = _one(25, host="169.254.169.254")
    assert isinstance(refused, Failed)
    assert refused.reason is FailureReason.REFUSED


@pytest.mark.parametrize("encryption", list(Encryption))
def test_the_address_that_was_checked_is_the_one_that_is_used(encryption: Encryption, tmp_path: Path) -> None:
    """No other resolver than ours knows the name, and the certificate is for the name (S2)."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.example").configure_cert(context)
    tls: dict[str, Any] = {
        Encryption.OFF: {},
        Encryption.STARTTLS: {"tls_context": context},
        Encryption.TLS: {"ssl_context": context},
    }[encryption]
    names = Rebinding("127.0.0.7,127.0.0.1", "169.254.169.254", "127.0.0.1")
    secure = {"encryption": encryption, "ca_file": tmp_path / "ca.pem", "resolver": names}
    postbox = Postbox()
    with mail_server(postbox, **tls) as port:
        assert _one(port, host="mail.example", **secure) == Delivered()
        refused = _one(port, host="mail.example", **secure)
        assert isinstance(refused, Failed)
        assert refused.reason is FailureReason.REFUSED
        other = _one(port, host="other.example", **secure)
        assert isinstance(other, Delivered if encryption is Encryption.OFF else Failed)
    assert names.asked == ["mail.example", "mail.example", "other.example"]
    assert len(postbox.letters) == (2 if encryption is Encryption.OFF else 1)


def test_it_logs_in_over_tls_with_a_certificate_that_is_checked(tmp_path: Path) -> None:
    """Whatever becomes of the message, its socket is closed when that is known."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=right, handled=False)

    postbox = Postbox()
    login = {"encryption": Encryption.STARTTLS, "username": "slo", "ca_file": tmp_path / "ca.pem"}
    with (
        warnings.catch_warnings(record=True) as warned,
        mail_server(
            postbox, tls_context=context, require_starttls=True, authenticator=check, auth_required=True
        ) as port,
    ):
        warnings.simplefilter("always", ResourceWarning)
        assert _one(port, password=FixedSecret(PASSWORD), **login) == Delivered()
        wrong = _one(port, password=FixedSecret("wrong"), **login)
        assert isinstance(wrong, Failed)
        assert wrong.reason is FailureReason.UNAUTHORIZED
        unknown = _one(port, password=FixedSecret(PASSWORD), **{**login, "ca_file": None})
        gc.collect()
        # The server's end has another address of ours as its peer.
        assert [str(one.message) for one in warned if f"raddr=('127.0.0.1', {port})" in str(one.message)] == []
        assert isinstance(unknown, Failed)
        assert PASSWORD not in unknown.detail
    assert len(postbox.letters) == 1


FIRST, SECOND = "oncall@example.org", "second@example.org"


def test_a_recipient_that_is_refused_is_reported_and_tried_again_alone() -> None:
    postbox, instruments = Postbox(), RecordingInstruments()
    postbox.refused = {SECOND: "450 greylisted"}

    async def play(port: int) -> list[Outcome]:
        receiver = MessageReceiver("mail", _mail(port), message_refs=MemoryMessageRefs(), instruments=instruments)
        outcomes: list[Outcome] = []
        for _ in range(4):
            outcomes += await receiver.deliver([firing()], at=now())
            if len(outcomes) == 2:
                postbox.refused = {}
        return outcomes

    with mail_server(postbox) as port:
        first, again, last, _ = asyncio.run(play(port))
    assert isinstance(first, Failed)
    assert f"{SECOND}: 450 greylisted" in first.detail
    assert FIRST not in first.detail
    assert isinstance(again, Failed)
    assert last == Delivered()
    assert postbox.recipients == [[FIRST], [SECOND], [FIRST, SECOND]], "the last is a message of its own"
    assert instruments.failures == {FailureReason.SERVER_ERROR: 2}


def test_a_recipient_that_is_refused_for_now_keeps_no_page_from_the_others_who_get_each_once() -> None:
    postbox = Postbox()
    postbox.refused = {SECOND: "452 mailbox full"}
    pages = [firing(f"slo-{number}") for number in range(4)]
    with mail_server(postbox) as port:
        outcomes = deliver(lambda: _mail(port), pages, pages, rate_limit=RateLimit(per_minute=4))
    assert [isinstance(one, Failed) and one.in_part for batch in outcomes for one in batch] == [True] * 8
    assert postbox.recipients == [[FIRST]] * 4


def test_a_recipient_that_is_refused_for_good_is_given_up_while_the_others_have_the_message() -> None:
    """Sent again by hand, it goes to nobody who has it."""
    postbox = Postbox()
    postbox.refused = {SECOND: "550 no such user"}

    async def play(port: int) -> list[Outcome]:
        receiver = MessageReceiver(
            "mail", _mail(port), message_refs=MemoryMessageRefs(), instruments=RecordingInstruments()
        )
        refused = await receiver.deliver([firing()], at=now())
        postbox.refused = {}
        return [*refused, *await receiver.deliver([firing()], at=now())]

    with mail_server(postbox) as port:
        refused, revived = asyncio.run(play(port))
    assert isinstance(refused, Rejected)
    assert f"{SECOND}: 550 no such user" in refused.detail
    assert revived == Delivered()
    assert postbox.recipients == [[FIRST], [SECOND]]


def test_of_all_that_are_refused_those_that_may_be_taken_later_are_tried_again() -> None:
    postbox = Postbox()
    postbox.refused = {FIRST: "550 no such user", SECOND: "450 greylisted"}
    with mail_server(postbox) as port:
        outcome = _one(port)
    assert isinstance(outcome, Failed)
    assert SECOND in outcome.detail


@pytest.mark.parametrize(
    "text",
    [
        "Zahlung für Jürgen & Söhne überschreitet das Fehlerbudget der Woche, zwanzigfach zu schnell 🔥",
        "支付服务 " * 20,
        "x" * 180,
        "checkout availability (route=/a/path/that/goes/on/and/on/for/more/than/seventy/eight/characters/x) burns",
        "=?utf-8?q?evil?= words",
        "checkout availability is burning its error budget at 20x",
    ],
)
def test_letters_are_seven_bits_in_short_lines_and_words_of_75_characters(text: str) -> None:
    postbox = Postbox()
    with mail_server(postbox) as port:
        sender = "Jürgen Müller, Leiter einer Abteilung mit sehr langem Namen für Zuverlässigkeit <slo@bücher.example>"
        to = (
            '"Doe, John" <john@example.org>',
            "Doe, Jane <jane@example.org>",
            "支付 <pay@example.org>",
            "=?x <a@b.example>",
        )
        notification = firing(annotations=(("summary", text), ("description", f"{text} ü" * 300)))
        assert _one(port, sender=sender, to=to, notification=notification) == Delivered()
    (content,), (letter,) = postbox.raw, postbox.letters
    head = content.partition(b"\r\n\r\n")[0]
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= (200 if "xxx" in text else 100 if "/that/" in text else 78)
    words = re.findall(rb"=\?[^?]+\?[qb]\?[^?]*\?=", head)
    # The names of sender and recipients are not ASCII.
    assert len(words) >= 3
    assert max(map(len, words)) <= 75
    assert b"Subject:\r\n" not in head
    assert letter["Subject"] == " ".join(f"[page] {text}".split())[:200]
    assert str(letter["From"].addresses[0].display_name).startswith("Jürgen Müller, Leiter einer Abteilung")
    assert letter["From"].addresses[0].addr_spec == "slo@xn--bcher-kva.example"
    assert [each.display_name for each in letter["To"].addresses] == ["Doe, John", "Doe, Jane", "支付", "=?x"]
    assert postbox.recipients == [["john@example.org", "jane@example.org", "pay@example.org", "a@b.example"]]
    body = letter.get_body(("plain",))
    assert body is not None
    assert "ü" in body.get_content()


def test_our_own_name_is_no_question_to_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would ask in the event loop, for as long as it takes."""

    def ask(*_: object) -> str:
        raise AssertionError("asked")

    monkeypatch.setattr(socket, "getfqdn", ask)
    monkeypatch.setattr(socket, "gethostbyaddr", ask)
    with mail_server(Postbox()) as port:
        assert _one(port) == Delivered()


@pytest.mark.parametrize(
    "text", ["nobody", "a@", "@b", "a b@c", "a@b c", "ä@b.example", "x <a@b> y", "a@b\n", "<>", "a@-b"]
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        parse_mailbox(text)


def test_a_mail_server_may_be_reached_through_a_proxy() -> None:
    postbox = Postbox()
    with (
        mail_server(postbox) as port,
        ConnectProxy(port) as proxy,
        ConnectProxy(port, refusal="403 Forbidden") as closed,
    ):
        assert _one(25, host="mail.invalid", proxy=proxy.url.replace("//", "//anna:canary@")) == Delivered()
        refused = _one(25, host="mail.invalid", proxy=closed.url)
    assert proxy.requests[0].startswith("CONNECT mail.invalid:25 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic YW5uYTpjYW5hcnk=" in proxy.requests[0]
    assert isinstance(refused, Failed)
    assert refused.detail == "the proxy 127.0.0.1 does not connect to mail.invalid:25: HTTP/1.1 403 Forbidden"
    assert len(postbox.letters) == 1


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_every_socket_is_closed() -> None:
    """Those of failures too: a server that cuts or refuses must not use up our file descriptors."""
    postbox = Postbox()

    async def play(port: int, away: int) -> None:
        receivers = [
            MessageReceiver("mail", mail, message_refs=MemoryMessageRefs(), instruments=RecordingInstruments())
            for mail in (_mail(port), _mail(port, encryption=Encryption.TLS), _mail(away, deadline_s=0.2))
        ]
        before = _open_files()
        for _ in range(5):
            for receiver in receivers:
                await receiver.deliver([firing()], at=now())
        # The server's own ends are in this process too, and close a moment later.
        await reaches(lambda: _open_files() - before < 5)

    with mail_server(postbox) as port, socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(play(port, silent.getsockname()[1]))
