"""A receiver of messages: one for each change, or one digest when there are too many."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification, NotificationStatus
from app.delivery.notifier import Notifier, OutgoingMessage, SendResult, halves_of, outgoing_message
from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Outcome, Rejected, failing_attempt
from app.delivery.ports import DeliveryInstruments, MessageRefs, Receiver
from app.delivery.report_messages import ReportMessage, ReportNotifier
from app.http.failures import AttemptError
from app.http.secrets import redacted
from app.slo import Cause, Severity
from app.store import StoreError
from app.tracing import trace_span

# The lease of an entry is 30 s and a request takes 15 s at most, so no batch may outlive its lease: what is not begun
# within this time is left for the next pass.
_BEGIN_WITHIN_S = 12.0
_MINUTE_S = 60.0
# What was not begun in this pass is due again at once, but not in a busy loop.
_SOON = timedelta(seconds=1)
# Bodies of errors may be whole HTML pages; their beginning names the reason.
_DETAIL_CHARS = 300
# A single SLO without data reads better as a message of its own.
_FEWEST_IN_DIGEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Messages a minute before there is a digest, and messages that are sent at the same time."""

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
    """Turns notifications into messages of one notifier, within its rate limit."""

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
        # Alerts whose last message failed, and those of a message of their own that some recipients have.
        self._failing: set[str] = set()
        self._in_part: set[str] = set()

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

    async def send_report(self, message: ReportMessage) -> Outcome:
        """Try once to send a report."""
        notifier = self._notifier
        if not isinstance(notifier, ReportNotifier):
            return Rejected(detail="the receiver takes no reports")
        try:
            with (
                failing_attempt("sending a report failed unexpectedly", receiver=self._name),
                trace_span("sloburn.send_report", {"sloburn.receiver": self._name}),
            ):
                outcome = await notifier.send_report(message)
        except AttemptError as error:
            outcome = error.failed
        if isinstance(outcome, Delivered):
            self._instruments.notified(self._name)
        elif isinstance(outcome, Failed):
            self._instruments.failed(self._name, outcome.reason)
        elif isinstance(outcome, Rejected):
            self._instruments.failed(self._name, FailureReason.REFUSED)
        return self._redacted(outcome)

    @override
    async def deliver(self, notifications: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
        begin_until = asyncio.get_running_loop().time() + _BEGIN_WITHIN_S
        outcomes: dict[Notification, Outcome] = {}
        # A message that fails whenever it is sent must not keep those behind it from being sent at all.
        messages = deque(sorted(await self._plan(notifications, outcomes), key=self._has_failed))
        sent = _Sent()
        await self._note_sent(messages, sent, at)
        await self._send_all(messages, outcomes, sent, begin_until=begin_until, at=at)
        # Not in a `finally`: what a cancelled attempt has sent stays noted.
        await self._note_answers(sent, at)
        return [outcomes.get(notification, Deferred(until=at + _SOON)) for notification in notifications]

    async def _plan(
        self, notifications: Sequence[Notification], outcomes: dict[Notification, Outcome]
    ) -> deque[OutgoingMessage]:
        """The messages to send; a notification that needs none gets its outcome in *outcomes*."""
        firing = [notification for notification in notifications if notification.status is NotificationStatus.FIRING]
        ended: list[Notification] = []
        shown: dict[str, list[Notification]] = {}
        counts: dict[str, int] = {}
        resolved = [one for one in notifications if one.status is not NotificationStatus.FIRING]
        # All at once: one by one, thousands take longer on a busy machine than a pass may last before it sends.
        refs = await asyncio.to_thread(self._refs.recall, self._name, resolved) if resolved else {}
        for notification in resolved:
            ref = refs.get(notification)
            if ref is None:
                ended.append(notification)
            else:
                shown.setdefault(ref.handle, []).append(notification)
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
                ended_keys = {notification.key for notification in over}
                still = tuple(notification for notification in others if notification.key not in ended_keys)[:left]
                messages.append(outgoing_message(over, handle=handle, still_firing=still, unlisted=left - len(still)))
            else:
                await asyncio.to_thread(self._refs.forget, self._name, over)
                outcomes.update(dict.fromkeys(over, Delivered()))
        messages.extend(self._within_quota(ended, digests=self._notifier.digests_ends))
        # What waits for its turn is not over for the receiver yet.
        planned = {notification for message in messages if not message.firing for notification in message.notifications}
        over_now = [
            notification for notification in notifications if notification in planned or notification in outcomes
        ]
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
        opens = {self._opens(message): message.notifications for message in messages if message.firing}
        new = {
            handle: notifications
            for handle, notifications in opens.items()
            if handle is not None and handle not in sent.noted
        }
        if new:
            sent.noted.update(new)
            await asyncio.to_thread(self._refs.note_sent, self._name, new, at=at)

    async def _note_answers(self, sent: _Sent, at: datetime) -> None:
        if sent.noted or sent.answered:
            unsent = sent.noted - sent.answered - sent.unanswered
            await asyncio.to_thread(self._refs.note_answers, self._name, answered=sent.answered, unsent=unsent, at=at)

    def _within_quota(self, notifications: Sequence[Notification], *, digests: bool) -> list[OutgoingMessage]:
        """A message for each, or one for all of a severity where those would be too many.

        Missing data is sent at once. Ends that no digest can hold wait for their turn, unless the receiver gets each
        end of a digest by itself, and so takes as many as there are.
        """
        # In a digest they would be sent once more to those who have them.
        again = [notification for notification in notifications if notification.key in self._in_part]
        notifications = [notification for notification in notifications if notification.key not in self._in_part]
        blind, others = _without_data(notifications) if digests else ([], notifications)
        groups: list[Sequence[Notification]] = _by_severity(blind)
        left = self._left() - len(groups)
        if digests and len(others) > max(left, 0):
            groups += _by_severity(others)
        elif not digests and self._notifier.needs_each_end:
            return [outgoing_message([notification]) for notification in (*others, *again)]
        else:
            groups += [[notification] for notification in others[: max(left, 0)]]
        self._sent.extend([asyncio.get_running_loop().time()] * len(groups))
        return [outgoing_message(group) for group in (*groups, *([notification] for notification in again))]

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
        begun = False

        async def work() -> None:
            nonlocal begun
            # One is sent in each pass: where it takes long to get so far, the next pass would take as long.
            while messages and not failures and (loop.time() < begin_until or not begun):
                begun, message = True, messages.popleft()
                outcome = await self._send(message, sent, at)
                keys = {notification.key for notification in message.notifications}
                self._failing -= keys
                self._in_part -= keys
                if isinstance(outcome, Failed):
                    self._failing |= keys
                    if outcome.in_part and message.only is not None:
                        self._in_part |= keys
                    if outcome.reason is not FailureReason.INTERNAL and not outcome.in_part:
                        failures.append(outcome)
                if message.repeated and isinstance(outcome, Rejected):
                    # There is nothing to end, and the other message about these alerts counts.
                    continue
                if message.only is None and not message.repeated and self._may_be_one(outcome):
                    # One alert has spoilt it for the others: halve until the offender is alone.
                    messages.extendleft(reversed(halves_of(message)))
                else:
                    for notification in message.notifications:
                        outcomes[notification] = _worse(outcomes.get(notification), outcome)

        await asyncio.gather(*(work() for _ in range(self._rate_limit.at_once)))
        # A receiver that has just failed would fail for the rest too, and each attempt takes time.
        for message in messages if failures else ():
            outcomes.update(dict.fromkeys(message.notifications, failures[0]))

    def _has_failed(self, message: OutgoingMessage) -> bool:
        return any(notification.key in self._failing for notification in message.notifications)

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
            with failing_attempt("sending a message failed unexpectedly", receiver=self._name):
                result = await self._notifier.send(message)
        except AttemptError as error:
            result = SendResult(outcome=error.failed)
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
            await asyncio.to_thread(self._refs.remember, self._name, message.notifications, handle=handle, at=at)
        elif not message.firing and message.handle is not None:
            await asyncio.to_thread(self._refs.forget, self._name, message.notifications)

    def _redacted(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Failed | Rejected):
            return outcome
        detail = redacted(outcome.detail, self._notifier.secrets)
        return replace(outcome, detail=detail[:_DETAIL_CHARS])


def _worse(one: Outcome | None, other: Outcome) -> Outcome:
    """What counts of two messages about one alert: it is delivered when both are."""
    return other if one is None or isinstance(one, Delivered) else one


def _without_data(notifications: Sequence[Notification]) -> tuple[list[Notification], list[Notification]]:
    """Those of SLOs without data, if there are several, and the rest: several have hardly ever more than one cause."""
    blind = [notification for notification in notifications if notification.cause is Cause.NO_DATA]
    if len(blind) < _FEWEST_IN_DIGEST:
        return [], list(notifications)
    return blind, [notification for notification in notifications if notification.cause is not Cause.NO_DATA]


def _by_severity(notifications: Sequence[Notification]) -> list[Sequence[Notification]]:
    """Pages apart from tickets: receivers treat a message by its severity."""
    by_severity = (
        [notification for notification in notifications if notification.severity is severity] for severity in Severity
    )
    return [some for some in by_severity if some]
