"""A receiver that people read or are called by: a message for each change, or one digest when there are too many.

Its lease is 30 s, so no batch may take longer: what was not begun in time is left for the next pass.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Protocol

import structlog
from typing_extensions import override

from app.alerting import Notification, NotificationStatus
from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Outcome, Rejected, unexpected
from app.delivery.ports import DeliveryInstruments, MessageRefs, Receiver
from app.http.failures import AttemptError
from app.http.secrets import Secret, redacted
from app.slo import Cause, Severity
from app.store import StoreError
from app.store.outbox import idempotency_key

_log = structlog.get_logger(__name__)
_BEGIN_WITHIN_S = 12.0
_MINUTE_S = 60.0
_SOON = timedelta(seconds=1)
_DETAIL_CHARS = 300
_SEVERAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message to send, about alerts of one status: *key* is the same for every attempt.

    *handle* names the message that said that these alerts fire, where there is one that can be changed; *still_firing*
    are other alerts of that message, which go on, and *unlisted* counts those whose end has not been told either.
    *repeated* says that it ends a message which was not answered, beside another one that ends the same alerts.
    """

    notices: tuple[Notification, ...]
    key: str
    handle: str | None = None
    still_firing: tuple[Notification, ...] = ()
    unlisted: int = 0
    repeated: bool = False

    @property
    def firing(self) -> bool:
        """Whether the alerts fire; else they are over."""
        return self.notices[0].status is NotificationStatus.FIRING

    @property
    def digest(self) -> str:
        """The identity of a digest: that of its first alert, so that an attempt with more alerts is the same digest."""
        return blake2b(f"digest\n{idempotency_key(self.notices[0])}".encode(), digest_size=16).hexdigest()

    @property
    def only(self) -> Notification | None:
        """The alert, if there is but one."""
        return self.notices[0] if len(self.notices) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of a message; *handle* names it where it can be changed later."""

    outcome: Outcome
    handle: str | None = None


class Notifier(Protocol):
    """Speaks to one service; raises `AttemptError` for what may work later."""

    @property
    def secrets(self) -> Sequence[Secret]:
        """What must not be seen in any text about it."""

    @property
    def tracks_alerts(self) -> bool:
        """Whether the service keeps an alert open until it is told the end."""

    @property
    def digests_ends(self) -> bool:
        """Whether one message can say that many alerts are over."""

    @property
    def needs_each_end(self) -> bool:
        """Whether it is told which alerts of a digest are over while others of it still fire."""

    @property
    def splits_rejected(self) -> bool:
        """Whether a digest that is refused is worth dividing, since a single alert in it may be to blame."""

    def opens(self, message: OutgoingMessage) -> str | None:
        """What a message that alerts fire opens at the receiver, as its handle; None where that is not known before."""

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Send one message, once."""

    async def aclose(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How a receiver wants to be treated: messages a minute before there is a digest, and messages at once."""

    per_minute: int = 20
    at_once: int = 2


_DEFAULT = RateLimit()


@dataclass(slots=True)
class _Sent:
    """Handles of the messages of one pass: *noted* in the store, and how the receiver has answered."""

    noted: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)


class MessageReceiver(Receiver):
    """Tells one notifier, within its rate limit."""

    def __init__(
        self,
        name: str,
        notifier: Notifier,
        *,
        message_refs: MessageRefs,
        instruments: DeliveryInstruments,
        rate_limit: RateLimit = _DEFAULT,
    ) -> None:
        self._name = name
        self._notifier = notifier
        self._refs = message_refs
        self._instruments = instruments
        self._rate_limit = rate_limit
        self._sent: deque[float] = deque()

    @property
    @override
    def name(self) -> str:
        return self._name

    @property
    @override
    def tracks_alerts(self) -> bool:
        return self._notifier.tracks_alerts

    async def aclose(self) -> None:
        """Close the connections."""
        await self._notifier.aclose()

    @override
    async def deliver(self, notices: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
        begin_until = asyncio.get_running_loop().time() + _BEGIN_WITHIN_S
        outcomes: dict[Notification, Outcome] = {}
        messages = await self._plan(notices, outcomes)
        sent = _Sent()
        await self._note_sent(messages, sent, at)
        await self._send_all(messages, outcomes, sent, begin_until=begin_until, at=at)
        # Not in a `finally`: what a cancelled attempt has sent stays noted.
        await self._note_answers(sent, at)
        return [outcomes.get(notice, Deferred(until=at + _SOON)) for notice in notices]

    async def _plan(
        self, notices: Sequence[Notification], outcomes: dict[Notification, Outcome]
    ) -> deque[OutgoingMessage]:
        """The messages to send; what needs none has its outcome already."""
        firing = [notice for notice in notices if notice.status is NotificationStatus.FIRING]
        ended: list[Notification] = []
        shown: dict[str, list[Notification]] = {}
        counts: dict[str, int] = {}
        for notice in notices:
            if notice.status is NotificationStatus.FIRING:
                continue
            ref = await asyncio.to_thread(self._refs.recall, self._name, notice)
            if ref is None:
                ended.append(notice)
            else:
                shown.setdefault(ref.handle, []).append(notice)
                counts[ref.handle] = ref.alerts
        messages = deque(self._within_quota(firing, digests=True))
        for handle, over in shown.items():
            left = counts[handle] - len(over)
            if not left:
                messages.append(outgoing_message(over, handle=handle))
            elif self._notifier.needs_each_end:
                try:
                    others = await asyncio.to_thread(self._refs.firing_in, self._name, handle)
                except StoreError:
                    # Without those that go on the message would close them; it waits until they are known.
                    continue
                ended_keys = {notice.key for notice in over}
                still = tuple(notice for notice in others if notice.key not in ended_keys)[:left]
                messages.append(outgoing_message(over, handle=handle, still_firing=still, unlisted=left - len(still)))
            else:
                await asyncio.to_thread(self._refs.forget, self._name, over)
                outcomes.update(dict.fromkeys(over, Delivered()))
        messages.extend(self._within_quota(ended, digests=self._notifier.digests_ends))
        # What waits for its turn is not over for the receiver yet.
        planned = {notice for message in messages if not message.firing for notice in message.notices}
        over_now = [notice for notice in notices if notice in planned or notice in outcomes]
        messages.extend(await self._unanswered_ends(messages, over_now))
        return messages

    async def _unanswered_ends(
        self, messages: Sequence[OutgoingMessage], over_now: Sequence[Notification]
    ) -> list[OutgoingMessage]:
        """The ends of messages without response that no other message ends; *over_now* ends with *messages*."""
        if not over_now:
            return []
        ended_by = {message.handle or self._opens(message) for message in messages if not message.firing}
        unanswered = await asyncio.to_thread(self._refs.resolve_unanswered, self._name, over_now)
        return [
            replace(outgoing_message(all_ended, handle=handle), repeated=True)
            for handle, all_ended in unanswered.items()
            if handle not in ended_by
        ]

    def _opens(self, message: OutgoingMessage) -> str | None:
        # Labels that no encoding takes spoil this message only, which fails when it is sent.
        with suppress(ValueError, TypeError):
            return self._notifier.opens(message)
        return None

    async def _note_sent(self, messages: Sequence[OutgoingMessage], sent: _Sent, at: datetime) -> None:
        """Note what messages open before they are sent: this process may end before a response is seen."""
        opens = {self._opens(message): message.notices for message in messages if message.firing}
        new = {handle: notices for handle, notices in opens.items() if handle is not None and handle not in sent.noted}
        if new:
            sent.noted.update(new)
            await asyncio.to_thread(self._refs.note_sent, self._name, new, at=at)

    async def _note_answers(self, sent: _Sent, at: datetime) -> None:
        if sent.noted or sent.answered:
            unsent = sent.noted - sent.answered - sent.unanswered
            await asyncio.to_thread(self._refs.note_answers, self._name, answered=sent.answered, unsent=unsent, at=at)

    def _within_quota(self, notices: Sequence[Notification], *, digests: bool) -> list[OutgoingMessage]:
        """A message for each, or one for all of a severity where those would be too many.

        What nobody has data of is told at once. Ends that no digest can tell wait for their turn, unless the receiver
        is told each end of a digest too, and so takes as many as there are.
        """
        blind, others = _without_data(notices) if digests else ([], notices)
        groups: list[Sequence[Notification]] = _by_severity(blind)
        left = self._left() - len(groups)
        if digests and len(others) > max(left, 0):
            groups += _by_severity(others)
        elif not digests and self._notifier.needs_each_end:
            return [outgoing_message([notice]) for notice in others]
        else:
            groups += [[notice] for notice in others[: max(left, 0)]]
        self._sent.extend([asyncio.get_running_loop().time()] * len(groups))
        return [outgoing_message(group) for group in groups]

    def _left(self) -> int:
        """How many messages may still be sent in this minute."""
        now = asyncio.get_running_loop().time()
        while self._sent and now - self._sent[0] > _MINUTE_S:
            self._sent.popleft()
        return self._rate_limit.per_minute - len(self._sent)

    async def _send_all(
        self,
        messages: deque[OutgoingMessage],
        outcomes: dict[Notification, Outcome],
        sent: _Sent,
        *,
        begin_until: float,
        at: datetime,
    ) -> None:
        loop = asyncio.get_running_loop()
        failures: list[Failed] = []

        async def work() -> None:
            while messages and not failures and loop.time() < begin_until:
                message = messages.popleft()
                outcome = await self._send(message, sent, at)
                if isinstance(outcome, Failed) and outcome.reason is not FailureReason.INTERNAL:
                    failures.append(outcome)
                if message.repeated and isinstance(outcome, Rejected):
                    # There is nothing to end, and the other message about these alerts counts.
                    continue
                if message.only is None and not message.repeated and self._may_be_one(outcome):
                    # One alert has spoilt it for the others: halve until the offender is alone.
                    messages.extendleft(reversed(_halves(message)))
                else:
                    for notice in message.notices:
                        outcomes[notice] = _worse(outcomes.get(notice), outcome)

        await asyncio.gather(*(work() for _ in range(self._rate_limit.at_once)))
        # A receiver that has just failed would fail for the rest too, and each attempt takes time.
        for message in messages if failures else ():
            outcomes.update(dict.fromkeys(message.notices, failures[0]))

    def _may_be_one(self, outcome: Outcome) -> bool:
        """Whether a single alert may be why a digest was not sent."""
        if isinstance(outcome, Failed):
            return outcome.reason is FailureReason.INTERNAL
        return isinstance(outcome, Rejected) and self._notifier.splits_rejected

    async def _send(self, message: OutgoingMessage, sent: _Sent, at: datetime) -> Outcome:
        # A half of a digest that was refused is another digest.
        await self._note_sent([message], sent, at)
        opened = self._opens(message)
        try:
            result = await self._notifier.send(message)
        except AttemptError as error:
            result = SendResult(outcome=error.failed)
        except Exception as error:  # noqa: BLE001  whatever it is, the next message must go out and this one be counted
            _log.exception("sending a message failed unexpectedly", receiver=self._name)
            result = SendResult(outcome=unexpected(error))
        outcome = self._redacted(result.outcome)
        if isinstance(outcome, Failed):
            self._instruments.failed(self._name, outcome.reason)
            if opened is not None and message.firing and outcome.unanswered:
                sent.unanswered.add(opened)
        if isinstance(outcome, Delivered):
            ended_or_opened = message.handle or opened
            if ended_or_opened is not None:
                sent.answered.add(ended_or_opened)
            await self._note(message, result.handle, at)
        return outcome

    async def _note(self, message: OutgoingMessage, handle: str | None, at: datetime) -> None:
        if message.repeated:
            return
        if message.firing and handle is not None:
            await asyncio.to_thread(self._refs.remember, self._name, message.notices, handle=handle, at=at)
        elif not message.firing and message.handle is not None:
            await asyncio.to_thread(self._refs.forget, self._name, message.notices)

    def _redacted(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Failed | Rejected):
            return outcome
        detail = redacted(outcome.detail, self._notifier.secrets)
        return replace(outcome, detail=detail[:_DETAIL_CHARS])


def _worse(one: Outcome | None, other: Outcome) -> Outcome:
    """What counts of two messages about one alert: it is delivered when both are."""
    return other if one is None or isinstance(one, Delivered) else one


def _without_data(notices: Sequence[Notification]) -> tuple[list[Notification], list[Notification]]:
    """Those of SLOs without data, if there are several, and the rest: several have hardly ever more than one cause."""
    blind = [notice for notice in notices if notice.cause is Cause.NO_DATA]
    if len(blind) < _SEVERAL:
        return [], list(notices)
    return blind, [notice for notice in notices if notice.cause is not Cause.NO_DATA]


def _by_severity(notices: Sequence[Notification]) -> list[Sequence[Notification]]:
    """Pages apart from tickets: receivers treat a message by its severity."""
    by_severity = ([notice for notice in notices if notice.severity is severity] for severity in Severity)
    return [some for some in by_severity if some]


def outgoing_message(
    notices: Sequence[Notification],
    *,
    handle: str | None = None,
    still_firing: Sequence[Notification] = (),
    unlisted: int = 0,
) -> OutgoingMessage:
    """The message about alerts of one status."""
    keys = sorted(idempotency_key(notice) for notice in notices)
    key = keys[0] if len(keys) == 1 else blake2b("\n".join(keys).encode(), digest_size=16).hexdigest()
    still = tuple(still_firing)
    return OutgoingMessage(notices=tuple(notices), key=key, handle=handle, still_firing=still, unlisted=unlisted)


def _halves(message: OutgoingMessage) -> tuple[OutgoingMessage, OutgoingMessage]:
    """Two messages for one: where both are of one digest, it is not over with the first."""
    middle = len(message.notices) // 2
    first, second = message.notices[:middle], message.notices[middle:]
    handle, still = message.handle, message.still_firing
    left = message.unlisted + (len(second) if handle is not None else 0)
    return (
        outgoing_message(first, handle=handle, still_firing=still, unlisted=left),
        outgoing_message(second, handle=handle, still_firing=still, unlisted=message.unlisted),
    )
