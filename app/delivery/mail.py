"""E-mail by SMTP: text and HTML, the end of an alert in the thread of its beginning."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from html import escape

import aiosmtplib
from typing_extensions import override

from app.alerting import Notice, NoticeStatus
from app.clock import Clock
from app.delivery.answers import AttemptError
from app.delivery.direct import Messenger, Telling, Told
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected
from app.delivery.outgoing import OutgoingOptions, checked_addresses
from app.delivery.pinned import connected_socket
from app.delivery.secrets import Secret
from app.delivery.words import Words, Writer
from app.store.outbox import idempotency_key

_SUBJECT_CHARS = 200
# A subject that is folded right after its name is shown with a space before it.
_UNFOLDED = policy.SMTP.clone(max_line_length=900)
_PERMANENT = 500
_GOODBYE_S = 1.0
_LOG_IN = frozenset({530, 534, 535, 538})


class Encryption(StrEnum):
    """How the connection to the server is protected: from the start, after a greeting, or not."""

    TLS = "tls"
    STARTTLS = "starttls"
    OFF = "off"


_PORTS = {Encryption.TLS: 465, Encryption.STARTTLS: 587, Encryption.OFF: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOptions:
    """Who writes to whom, and which server carries it; without *port* the usual one."""

    sender: str
    to: tuple[str, ...]
    host: str
    port: int | None = None
    encryption: Encryption = Encryption.STARTTLS
    username: str | None = None
    password: Secret | None = None


class Mail(Messenger):
    """Hands every message to one server."""

    digests_ends = True
    tells_each_end = False
    divisible = False

    def __init__(self, options: MailOptions, *, outgoing: OutgoingOptions, writer: Writer, clock: Clock) -> None:
        self._options = options
        self._outgoing = outgoing
        self._writer = writer
        self._clock = clock
        self._context = ssl.create_default_context()
        if outgoing.ca_file is not None:
            self._context.load_verify_locations(outgoing.ca_file)

    @property
    @override
    def secrets(self) -> Sequence[Secret]:
        return () if self._options.password is None else (self._options.password,)

    @override
    async def tell(self, telling: Telling) -> Told:
        password = None if self._options.password is None else await self._options.password.read()
        letter = self._letter(telling)
        seconds = self._outgoing.deadline.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                addresses = await checked_addresses(self._options.host, self._port, options=self._outgoing)
                connection = await connected_socket(addresses, self._port)
                return Told(outcome=await self._send(letter, password, connection))
        except (TimeoutError, aiosmtplib.SMTPTimeoutError) as error:
            raise _attempt(FailureReason.TIMEOUT, f"the mail server did not answer within {seconds:g} s") from error
        except (OSError, aiosmtplib.SMTPException) as error:
            raise _attempt(FailureReason.UNREACHABLE, f"the mail server cannot be reached: {error}") from error

    @override
    async def aclose(self) -> None:
        """There is nothing to close: a connection lasts for one message."""

    @property
    def _port(self) -> int:
        return self._options.port or _PORTS[self._options.encryption]

    async def _send(self, letter: EmailMessage, password: str | None, connection: socket.socket) -> Outcome:
        options = self._options
        client = aiosmtplib.SMTP(
            # The name is for the certificate only; the connection is to an address that was checked.
            hostname=options.host,
            sock=connection,
            timeout=self._outgoing.deadline.total_seconds(),
            use_tls=options.encryption is Encryption.TLS,
            start_tls=options.encryption is Encryption.STARTTLS,
            tls_context=self._context if options.encryption is not Encryption.OFF else None,
        )
        try:
            await client.connect()
            if options.username is not None and password is not None:
                await client.login(options.username, password)
            await client.sendmail(_address(options.sender), [*map(_address, options.to)], letter.as_bytes())
            # What was sent is sent, however the server says goodbye.
            with suppress(OSError, aiosmtplib.SMTPException, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await client.quit()
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(max(each.code for each in error.recipients), "all recipients were refused")
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code, error.message)
        finally:
            client.close()
        return Delivered()

    def _letter(self, telling: Telling) -> EmailMessage:
        words = self._writer.words(telling)
        letter = EmailMessage(policy=_UNFOLDED)
        letter["Subject"] = one_line(f"[{_mark(telling)}] {words.headline}")[:_SUBJECT_CHARS]
        letter["From"] = self._options.sender
        letter["To"] = ", ".join(self._options.to)
        letter["Date"] = format_datetime(self._clock.now())
        letter["Message-ID"] = self._id(telling.key)
        letter["Auto-Submitted"] = "auto-generated"
        letter["X-Sloburn-Idempotency-Key"] = telling.key
        if telling.only is not None and not telling.firing:
            first = self._id(_beginning(telling.only))
            letter["In-Reply-To"] = first
            letter["References"] = first
        letter.set_content(_plain(words))
        letter.add_alternative(html(words), subtype="html")
        return letter

    def _id(self, key: str) -> str:
        return f"<{key}@{Address(addr_spec=_address(self._options.sender)).domain or 'sloburn'}>"


def html(words: Words) -> str:
    """The message for readers that show more than text; nothing in the data is taken for markup."""
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in words.text.splitlines() if line)
    links = " · ".join(f'<a href="{escape(href)}">{escape(text)}</a>' for text, href in words.links)
    return f"<html><body><h3>{escape(words.headline)}</h3>{paragraphs}<p>{links}</p></body></html>\n"


def one_line(text: str) -> str:
    """Text that can be a header: no line ends, nothing that does not print."""
    return "".join(char if char.isprintable() else " " for char in text)


def _plain(words: Words) -> str:
    addresses = "\n".join(f"{text}: {href}" for text, href in words.links)
    return f"{words.headline}\n\n{words.text}\n\n{addresses}\n"


def _mark(telling: Telling) -> str:
    if not telling.firing:
        return "resolved"
    return min(notice.severity.value for notice in telling.notices)


def _beginning(notice: Notice) -> str:
    return idempotency_key(replace(notice, status=NoticeStatus.FIRING, ends_at=None))


def _address(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip("> ")


def _refused(code: int, message: str) -> Outcome:
    detail = one_line(f"{code} {message}")
    if code in _LOG_IN:
        return Failed(reason=FailureReason.UNAUTHORIZED, detail=detail)
    if code >= _PERMANENT:
        return Rejected(detail=detail)
    return Failed(reason=FailureReason.SERVER_ERROR, detail=detail)


def _attempt(reason: FailureReason, detail: str) -> AttemptError:
    return AttemptError(Failed(reason=reason, detail=detail))
