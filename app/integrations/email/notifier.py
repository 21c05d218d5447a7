"""E-mail by SMTP: text and HTML, the end of an alert in the thread of its beginning."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from html import escape
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
from typing_extensions import override

from app.alerting import Notification, NotificationStatus
from app.clock import Clock
from app.delivery.notifier import Notifier, OutgoingMessage, SendResult
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected
from app.delivery.report_messages import ReportMessage
from app.http import FollowedContext, probe_file
from app.http.client_options import ClientOptions, checked_addresses
from app.http.failures import AttemptError
from app.http.secrets import Secret
from app.http.sockets import connected_socket
from app.http.tunnels import tunnel
from app.integrations.email.mime import encoded_words, letter, mailboxes, parse_mailbox
from app.store.outbox import idempotency_key
from app.wording.messages import MessageText, MessageWriter
from app.wording.plain_text import one_line, shortened

# Readers show 60 to 80 characters; RFC 5322 allows 998 in a line.
_SUBJECT_CHARS = 200
# RFC 5321: 4xx asks to try again later, 5xx not to.
_PERMANENT = 500
# The message is accepted before QUIT, so a server that does not answer it costs a second only.
_GOODBYE_S = 1.0
# RFC 5321 asks for 10 minutes, since a server that scans a mail may take long to confirm it, and one that is sent again
# meanwhile arrives twice. A connection that was lost silently is not worth more than 5 to a page (ADR-0055).
_CONFIRMED_WITHIN_S = 300.0
# The transport closes the socket a few turns of the event loop after both sides have ended.
_CLOSE_POLL_S = 0.001
# Messages of which some recipients are known to have them: a retry goes to the others only.
_MOST_REMEMBERED = 1_000
# RFC 4954: the login is missing, too weak, wrong, or needs TLS.
_LOG_IN = frozenset({530, 534, 535, 538})


class Encryption(StrEnum):
    """How the connection to the server is protected: from the start, after a greeting, or not."""

    TLS = "tls"
    STARTTLS = "starttls"
    OFF = "off"


# RFC 8314: submission with implicit TLS, with STARTTLS; 25 is what relays inside a network listen on.
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


class Mail(Notifier):
    """Hands every message to one server."""

    tracks_alerts = False
    digests_ends = True
    needs_each_end = False
    splits_rejected = False

    def __init__(self, options: MailOptions, *, outgoing: ClientOptions, writer: MessageWriter, clock: Clock) -> None:
        self._options = options
        self._outgoing = outgoing
        self._writer = writer
        self._clock = clock
        self._sender = parse_mailbox(options.sender)
        self._to = tuple(map(parse_mailbox, options.to))
        self._reached: dict[str, _Reached] = {}
        self._transactions: dict[str, _Transaction] = {}
        self._tls = (
            None
            if options.encryption is Encryption.OFF
            else FollowedContext(partial(_context, outgoing.ca_file), outgoing.tls_files)
        )

    @property
    @override
    def secrets(self) -> Sequence[Secret]:
        own = () if self._options.password is None else (self._options.password,)
        return (*own, *self._outgoing.http.secrets)

    @override
    def opens(self, message: OutgoingMessage) -> str | None:
        return None

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        return SendResult(outcome=await self._send_letter(message.key, partial(self._letter, message)))

    async def send_report(self, message: ReportMessage) -> Outcome:
        """Send a report: the page, and the text for readers without HTML."""
        return await self._send_letter(message.key, partial(self._report, message))

    async def _send_letter(self, key: str, written: Callable[[], bytes]) -> Outcome:
        transaction = self._transactions.pop(key, None) or await self._begin_transaction(key, written)
        # Until its outcome is known, so that `aclose` finds it if this attempt is cancelled.
        self._transactions[key] = transaction
        seconds = self._outgoing.deadline.total_seconds()
        done, _ = await asyncio.wait({transaction.task}, timeout=seconds)
        if not done and transaction.handed_over:
            detail = f"the mail server has not confirmed the mail within {seconds:g} s; it may still, and is waited for"
            raise _attempt(FailureReason.TIMEOUT, detail)
        del self._transactions[key]
        if not done:
            await transaction.cancel()
            raise self._timed_out()
        outcome = transaction.task.result()
        if isinstance(outcome, Delivered):
            self._reached.pop(key, None)
        return outcome

    @override
    async def aclose(self) -> None:
        """Cancel what is under way; a connection lasts for one message."""
        for transaction in self._transactions.values():
            await transaction.cancel()

    async def _begin_transaction(self, key: str, written: Callable[[], bytes]) -> "_Transaction":
        password = None if self._options.password is None else await self._options.password.read()
        content = written()
        reached = self._reached.setdefault(key, _Reached())
        await self._forget_oldest()
        transaction = _Transaction()
        transaction.task = asyncio.create_task(self._transact(content, password, reached, transaction))
        return transaction

    async def _transact(
        self, content: bytes, password: str | None, reached: "_Reached", transaction: "_Transaction"
    ) -> Outcome:
        try:
            return await self._send(content, password, await self._connected(), reached, transaction)
        except AttemptError as error:
            return error.failed
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            return self._timed_out().failed
        except (OSError, aiosmtplib.SMTPException) as error:
            # The library's own text of a failed connection names a port of None.
            why = error.__cause__ if isinstance(error, aiosmtplib.SMTPConnectError) and error.__cause__ else error
            problem = "reached" if isinstance(error, OSError) else "used"
            return Failed(reason=FailureReason.UNREACHABLE, detail=f"the mail server cannot be {problem}: {why}")

    def _timed_out(self) -> AttemptError:
        seconds = self._outgoing.deadline.total_seconds()
        return _attempt(FailureReason.TIMEOUT, f"the mail server did not answer within {seconds:g} s")

    @property
    def _port(self) -> int:
        return self._options.port or _PORTS[self._options.encryption]

    async def _connected(self) -> socket.socket:
        host, port = self._options.host, self._port
        proxy = await self._outgoing.http.proxy.url_for(httpx.URL(scheme="http", host=host, port=port))
        if proxy is not None:
            return await tunnel(proxy, host, port, options=self._outgoing)
        return await connected_socket(await checked_addresses(host, port, options=self._outgoing), port)

    async def _forget_oldest(self) -> None:
        while len(self._reached) > _MOST_REMEMBERED:
            oldest = next(iter(self._reached))
            del self._reached[oldest]
            if oldest in self._transactions:
                await self._transactions.pop(oldest).cancel()

    async def _send(
        self,
        content: bytes,
        password: str | None,
        connection: socket.socket,
        reached: "_Reached",
        transaction: "_Transaction",
    ) -> Outcome:
        options = self._options
        client = _Client(
            transaction,
            # The name is for the certificate only; the connection is to an address that was checked.
            hostname=options.host,
            # Else aiosmtplib asks a name server for ours, in the event loop and without a deadline.
            local_hostname=_own_name(connection),
            sock=connection,
            timeout=self._outgoing.deadline.total_seconds(),
            use_tls=options.encryption is Encryption.TLS,
            start_tls=options.encryption is Encryption.STARTTLS,
            tls_context=None if self._tls is None else await self._tls.current(),
        )
        try:
            await self._begin(client, password)
            outcome = await self._hand_over(client, content, reached)
            # The message is accepted by now, however the server closes the connection.
            with suppress(OSError, aiosmtplib.SMTPException, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await client.quit()
        except aiosmtplib.SMTPHeloError as error:
            return _not_begun(error)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code, error.message)
        finally:
            await _close(client, connection)
        return outcome

    async def _begin(self, client: aiosmtplib.SMTP, password: str | None) -> None:
        """Connect and log in.

        Raises:
            AttemptError: the server refuses that. Even if it does so for good, it has not seen the message.
        """
        username = self._options.username
        try:
            await client.connect()
            if username is not None and password is not None:
                await client.login(username, password)
        except aiosmtplib.SMTPResponseException as error:
            raise AttemptError(_not_begun(error)) from error

    async def _hand_over(self, client: aiosmtplib.SMTP, content: bytes, reached: "_Reached") -> Outcome:
        """Send the letter to those who do not have it; what becomes of the message depends on who still has not."""
        waiting = [one.address for one in self._to if one.address not in reached.delivered | reached.refused.keys()]
        try:
            answers, _ = await client.sendmail(self._sender.address, waiting, content)
            refused = {address: (answer.code, answer.message) for address, answer in answers.items()}
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {one.recipient: (one.code, one.message) for one in error.recipients}
        reached.delivered |= {address for address in waiting if address not in refused}
        codes = [code for code, _ in refused.values()]
        of_one_kind = len({code >= _PERMANENT for code in codes}) == 1
        refusals = {address: one_line(f"{address}: {code} {text}") for address, (code, text) in refused.items()}
        if not reached.delivered and not reached.refused and of_one_kind:
            return _refused(max(codes), f"all recipients were refused: {', '.join(refusals.values())}")
        later = [refusals[address] for address, (code, _) in refused.items() if code < _PERMANENT]
        reached.refused |= {address: text for address, text in refusals.items() if refused[address][0] >= _PERMANENT}
        if later:
            detail = f"these recipients were refused, and are tried again alone: {', '.join(later)}"
            return Failed(reason=FailureReason.SERVER_ERROR, detail=detail, in_part=bool(reached.delivered))
        if reached.refused:
            detail = f"these recipients were refused, the others have it: {', '.join(reached.refused.values())}"
            # Sent again, it goes to the recipients that do not have it.
            reached.refused.clear()
            return Rejected(detail=detail)
        return Delivered()

    def _letter(self, message: OutgoingMessage) -> bytes:
        said = self._writer.words(message.notifications)
        headers = self._headers(message.key, f"[{_mark(message)}] {said.headline}")
        if message.only is not None and not message.firing:
            first = self._id(_beginning(message.only))
            headers |= {"In-Reply-To": first, "References": first}
        return letter(headers, plain=_plain(said), html=html(said))

    def _report(self, message: ReportMessage) -> bytes:
        # A file name in the key would need quotes in the id of a mail.
        id_ = blake2b(message.key.encode(), digest_size=16).hexdigest()
        headers = self._headers(message.key, f"{message.title}: {message.summary}", id_=id_)
        link = f'<p><a href="{escape(message.url)}">Open the report</a></p></body>'
        return letter(headers, plain=f"{message.text}\n{message.url}\n", html=message.page.replace("</body>", link, 1))

    def _headers(self, key: str, subject: str, *, id_: str = "") -> dict[str, str]:
        return {
            "Subject": encoded_words("Subject", shortened(subject, _SUBJECT_CHARS)),
            "From": self._sender.header,
            "To": mailboxes(self._to),
            "Date": format_datetime(self._clock.now()),
            "Message-ID": self._id(id_ or key),
            "Auto-Submitted": "auto-generated",
            "X-Sloburn-Idempotency-Key": key,
        }

    def _id(self, key: str) -> str:
        return f"<{key}@{self._sender.domain}>"


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        probe_file(ca_file)
        context.load_verify_locations(ca_file)
    return context


async def _close(client: aiosmtplib.SMTP, connection: socket.socket) -> None:
    """Close the connection before the event loop may end, however the server behaves."""
    client.close()
    with suppress(OSError):
        # TLS would wait 30 s for the server to close its side.
        connection.shutdown(socket.SHUT_RDWR)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_S):
            while connection.fileno() >= 0:  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(_CLOSE_POLL_S)


class _Transaction:
    """One attempt to hand over a mail, which goes on while the server has not confirmed the whole of it."""

    task: asyncio.Task[Outcome]
    handed_over = False

    async def cancel(self) -> None:
        """End it, even while it waits for an answer."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class _Client(aiosmtplib.SMTP):
    """A client that waits longer for the answer to a mail than for others, and notes that in its transaction."""

    def __init__(self, transaction: _Transaction, **options: Any) -> None:
        super().__init__(**options)
        self._transaction = transaction

    @override
    async def data(self, message: str | bytes, /, **_options: Any) -> aiosmtplib.SMTPResponse:
        self._transaction.handed_over = True
        return await super().data(message, timeout=_CONFIRMED_WITHIN_S)


@dataclass(slots=True)
class _Reached:
    """Who has a message, and who was refused for good and why; the others are still to get it."""

    delivered: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def html(words: MessageText) -> str:
    """The message for readers that show more than text; nothing in the data is taken for markup."""
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in words.text.splitlines() if line)
    links = " · ".join(f'<a href="{escape(href)}">{escape(text)}</a>' for text, href in words.links)
    return f"<html><body><h3>{escape(words.headline)}</h3>{paragraphs}<p>{links}</p></body></html>\n"


def _plain(words: MessageText) -> str:
    addresses = "\n".join(f"{text}: {href}" for text, href in words.links)
    return f"{words.headline}\n\n{words.text}\n\n{addresses}\n"


def _mark(message: OutgoingMessage) -> str:
    if not message.firing:
        return "resolved" if message.recovered else "closed"
    return min(notification.severity.value for notification in message.notifications)


def _beginning(notification: Notification) -> str:
    return idempotency_key(replace(notification, status=NotificationStatus.FIRING, ends_at=None))


def _own_name(connection: socket.socket) -> str:
    """What we call ourselves: the name of the machine if it is a whole one, else our address."""
    name = socket.gethostname()
    if "." in name:
        return name
    address = str(connection.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _not_begun(error: aiosmtplib.SMTPResponseException) -> Failed:
    by_login = isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= _PERMANENT
    reason = FailureReason.UNAUTHORIZED if by_login or error.code in _LOG_IN else FailureReason.SERVER_ERROR
    return Failed(reason=reason, detail=one_line(f"{error.code} {error.message}"))


def _refused(code: int, message: str) -> Outcome:
    detail = one_line(f"{code} {message}")
    if code in _LOG_IN:
        return Failed(reason=FailureReason.UNAUTHORIZED, detail=detail)
    if code >= _PERMANENT:
        return Rejected(detail=detail)
    return Failed(reason=FailureReason.SERVER_ERROR, detail=detail)


def _attempt(reason: FailureReason, detail: str) -> AttemptError:
    return AttemptError(Failed(reason=reason, detail=detail))
