"""Mail to a real SMTP server in this process."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from app.delivery.direct import Messenger
from app.delivery.mail import Encryption, Mail, MailOptions
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected
from app.delivery.outgoing import OutgoingOptions
from app.delivery.secrets import FixedSecret
from app.http import Resolver, resolve
from tests.delivery.desk import WRITER, deliver
from tests.delivery.fakes import SkewedClock
from tests.delivery.names import Rebinding
from tests.store.notices import firing, resolved
from tests.support.servers import free_port

PASSWORD = "canary-mail"  # noqa: S105  # of no account


class Postbox:
    """Takes letters, or answers with *refusal*."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refusal = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.refusal.startswith("RCPT"):
            return self.refusal.removeprefix("RCPT ")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"


@contextmanager
def _server(postbox: Postbox, **arguments: Any) -> Iterator[int]:
    port = free_port()
    controller = Controller(postbox, hostname="127.0.0.1", port=port, **arguments)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def _mail(
    port: int,
    *,
    deadline_s: float = 3.0,
    ca_file: Path | None = None,
    resolver: Resolver = resolve,
    **changes: Any,
) -> Messenger:
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
    outgoing = OutgoingOptions(deadline=timedelta(seconds=deadline_s), ca_file=ca_file, resolver=resolver)
    return Mail(options, outgoing=outgoing, writer=WRITER, clock=SkewedClock())


def _one(port: int, **changes: Any) -> Outcome:
    ((outcome,),) = deliver(lambda: _mail(port, **changes), [firing()])
    return outcome


def test_a_page_is_a_letter_and_its_end_answers_it() -> None:
    postbox = Postbox()
    with _server(postbox) as port:
        assert deliver(lambda: _mail(port), [firing()], [resolved()]) == [[Delivered()], [Delivered()]]
    page, end = postbox.letters
    assert page["Subject"] == "[page] checkout availability burns its error budget 20 times too fast"
    assert end["Subject"].startswith("[resolved] checkout availability")
    assert page["To"] == "oncall@example.org, Second <second@example.org>"
    assert end["In-Reply-To"] == page["Message-ID"]
    text = page.get_body(("plain",))
    assert text is not None
    assert "2,000 of 100,000 events were bad" in text.get_content()
    assert "Runbook: https://runbooks/slo" in text.get_content()


def test_nothing_in_the_data_is_a_header_or_markup() -> None:
    postbox = Postbox()
    evil = 'x\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script><img src="x">'
    with _server(postbox) as port:
        notice = firing(annotations=(("summary", evil), ("description", evil)))
        assert deliver(lambda: _mail(port), [notice]) == [[Delivered()]]
    (letter,) = postbox.letters
    assert "Bcc" not in letter
    html = letter.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "<img" not in html.get_content()


def test_hundreds_at_once_are_one_letter() -> None:
    postbox = Postbox()
    with _server(postbox) as port:
        deliver(lambda: _mail(port), [firing(f"slo-{number}") for number in range(250)])
    (letter,) = postbox.letters
    assert letter["Subject"] == "[page] 250 alerts of checkout fire at once"


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        ("451 later", Failed(reason=FailureReason.SERVER_ERROR, detail="451 later")),
        ("554 spam", Rejected(detail="554 spam")),
        ("RCPT 550 no such user", Rejected(detail="550 all recipients were refused")),
        ("RCPT 450 greylisted", Failed(reason=FailureReason.SERVER_ERROR, detail="450 all recipients were refused")),
    ],
)
def test_what_the_server_says_decides(refusal: str, outcome: Outcome) -> None:
    postbox = Postbox()
    postbox.refusal = refusal
    with _server(postbox) as port:
        assert _one(port) == outcome


def test_a_server_that_is_away_or_hangs_may_come_back() -> None:
    away = _one(free_port())
    assert isinstance(away, Failed)
    assert away.reason is FailureReason.UNREACHABLE
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = _one(silent.getsockname()[1], deadline_s=0.5)
    assert isinstance(hung, Failed)
    assert hung.reason is FailureReason.TIMEOUT


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
    with _server(postbox, **tls) as port:
        assert _one(port, host="mail.example", **secure) == Delivered()
        refused = _one(port, host="mail.example", **secure)
        assert isinstance(refused, Failed)
        assert refused.reason is FailureReason.REFUSED
        other = _one(port, host="other.example", **secure)
        assert isinstance(other, Delivered if encryption is Encryption.OFF else Failed)
    assert names.asked == ["mail.example", "mail.example", "other.example"]
    assert len(postbox.letters) == (2 if encryption is Encryption.OFF else 1)


def test_it_logs_in_over_tls_with_a_certificate_that_is_checked(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=right, handled=False)

    postbox = Postbox()
    login = {"encryption": Encryption.STARTTLS, "username": "slo", "ca_file": tmp_path / "ca.pem"}
    with _server(postbox, tls_context=context, require_starttls=True, authenticator=check, auth_required=True) as port:
        assert _one(port, password=FixedSecret(PASSWORD), **login) == Delivered()
        wrong = _one(port, password=FixedSecret("wrong"), **login)
        assert isinstance(wrong, Failed)
        assert wrong.reason is FailureReason.UNAUTHORIZED
        unknown = _one(port, password=FixedSecret(PASSWORD), **{**login, "ca_file": None})
        assert isinstance(unknown, Failed)
        assert PASSWORD not in unknown.detail
    assert len(postbox.letters) == 1
