"""Slack: an incoming webhook, or a bot, whose message turns from firing to resolved.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/reference/methods/chat.postMessage
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from typing_extensions import override

from app.alerting import Notification
from app.delivery.notifier import OutgoingMessage, SendResult
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected, outcome_of
from app.delivery.report_messages import ReportMessage
from app.http.answers import POISON, Answer
from app.http.failures import AttemptError
from app.http.secrets import Secret, header_of
from app.integrations.http_notifier import HttpNotifier
from app.slo import Severity
from app.wording.messages import MessageWriter
from app.wording.plain_text import shortened, visible

API = "https://slack.com/api"
_SCHEME = "://"
# Slack collapses longer texts, and the links come after the text.
_TEXT_CHARS = 3_000
_HEADLINE_CHARS = 1_000
_RED, _AMBER, _GREEN, _GREY = "#cc0000", "#e69900", "#2e8540", "#757575"
# A hook that was revoked, or whose channel is archived, stays so.
_REVOKED: frozenset[int] = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
# Slack's Web API answers 200 with an error code: these pass, all others blame the token, the channel or the message.
_PASSING: Mapping[str, FailureReason] = {
    "ratelimited": FailureReason.RATE_LIMITED,
    "rate_limited": FailureReason.RATE_LIMITED,
    "message_limit_exceeded": FailureReason.RATE_LIMITED,
    "internal_error": FailureReason.SERVER_ERROR,
    "fatal_error": FailureReason.SERVER_ERROR,
    "service_unavailable": FailureReason.SERVER_ERROR,
    "request_timeout": FailureReason.TIMEOUT,
    "team_added_to_org": FailureReason.SERVER_ERROR,
}
# What Microsoft Teams answers with 200 where it has not taken a message, and asks to try again later.
_PASSING_TEXT = re.compile(r"HTTP error (429|5\d\d)")
# The firing message was deleted or is too old to edit: the end is posted as a new message.
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"})


class SlackWebhook(HttpNotifier[Secret]):
    """An incoming webhook: every change is a message of its own."""

    tracks_alerts = False
    digests_ends = True
    needs_each_end = False
    splits_rejected = False

    @property
    @override
    def secrets(self) -> Sequence[Secret]:
        return (self._target, *self._outgoing.secrets)

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        return SendResult(outcome=await self._post(payload(message, self._writer)))

    async def send_report(self, message: ReportMessage) -> Outcome:
        """Post a report: its sentence, and where all of it is."""
        return await self._post(report_payload(message))

    async def _post(self, said: Mapping[str, Any]) -> Outcome:
        answer = await self._outgoing.post(
            await self._target.read(),
            orjson.dumps(said),
            {"Content-Type": "application/json; charset=utf-8"},
            read=True,
        )
        return _outcome_of_hook(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackWebhookOptions:
    """The URL of an incoming webhook."""

    url: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBotOptions:
    """The bot's token, the channel that it writes to, and where the API is."""

    token: Secret
    channel: str
    api: str = API


class SlackBot(HttpNotifier[SlackBotOptions]):
    """A bot: the firing message is changed when the alert is resolved."""

    tracks_alerts = False
    digests_ends = True
    needs_each_end = False
    splits_rejected = False

    @property
    @override
    def secrets(self) -> Sequence[Secret]:
        return (self._target.token, *self._outgoing.secrets)

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        said = payload(message, self._writer)
        if message.handle is not None:
            channel, _, stamp = message.handle.partition(":")
            changed = await self._call("chat.update", {**said, "channel": channel, "ts": stamp})
            if not (isinstance(changed.outcome, Rejected) and changed.outcome.detail in _GONE):
                return changed
        return await self._call("chat.postMessage", {**said, "channel": self._target.channel})

    async def send_report(self, message: ReportMessage) -> Outcome:
        """Post a report: its sentence, and where all of it is."""
        sent = await self._call("chat.postMessage", {**report_payload(message), "channel": self._target.channel})
        return sent.outcome

    async def _call(self, method: str, arguments: Mapping[str, Any]) -> SendResult:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Authorization": await header_of("Authorization", self._target.token, scheme="Bearer"),
        }
        url = f"{self._target.api.rstrip('/')}/{method}"
        answer = await self._outgoing.post(url, orjson.dumps(arguments), headers, read=True)
        if not answer.ok:
            return SendResult(outcome=outcome_of(answer))
        said = _json(answer)
        if said.get("ok") is True:
            return SendResult(outcome=Delivered(), handle=f"{said.get('channel', '')}:{said.get('ts', '')}")
        return SendResult(outcome=_outcome(str(said.get("error", "")), answer))


def payload(message: OutgoingMessage, writer: MessageWriter) -> dict[str, Any]:
    """The message as Slack wants it; nothing in the data can call a channel or pretend to be a link."""
    words = writer.words(message.notifications)
    links = " · ".join(f"<{_address(href)}|{escaped(text)}>" for text, href in words.links)
    mark = ":rotating_light:" if message.firing else ":white_check_mark:" if message.recovered else ":grey_exclamation:"
    headline, text = (_unlinked(text, message.notifications) for text in (words.headline, words.text))
    headline, text = escaped(shortened(headline, _HEADLINE_CHARS)), escaped(shortened(text, _TEXT_CHARS))
    text = _linked(text, writer.written_addresses(message.notifications))
    return {
        "text": f"{mark} {headline}",
        # Slack would make links of all that looks like one, in values of labels too; those of documents are marked.
        "parse": "none",
        "attachments": [
            {
                "color": _colour(message),
                "fallback": headline,
                "text": f"{text}\n{links}".strip(),
                "mrkdwn_in": ["text"],
            }
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def report_payload(message: ReportMessage) -> dict[str, Any]:
    """A report as Slack wants it."""
    link = f"<{_address(message.url)}|Open the report>"
    text = f"*{escaped(message.title)}*\n{escaped(message.summary)}\n{link}"
    return {"text": text, "parse": "none", "unfurl_links": False, "unfurl_media": False}


def escaped(text: str) -> str:
    """Text that Slack shows as it is: what calls people (``<!channel>``, ``<@U1>``) is made of these characters.

    >>> escaped("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _unlinked(text: str, notifications: Sequence[Notification]) -> str:
    """The text with addresses in values of labels written so that no client opens them: ``https[:]//``."""
    for notification in notifications:
        for value in (*(value for _, value in notification.group), notification.top_contributors):
            if _SCHEME in value:
                shown = visible(value)
                text = text.replace(shown, shown.replace(_SCHEME, "[:]//"))
    return text


def _linked(text: str, addresses: Collection[str]) -> str:
    """The escaped text with these addresses as links."""
    if not addresses:
        return text
    longest_first = sorted(map(escaped, addresses), key=len, reverse=True)
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))})(?=[.,;:!?)]*(?:\\s|$))")
    return pattern.sub(lambda found: f"<{found[0].replace('|', '%7C')}>", text)


def _address(href: str) -> str:
    return escaped(href).replace("|", "%7C")


def _colour(message: OutgoingMessage) -> str:
    if not message.firing:
        return _GREEN if message.recovered else _GREY
    return _RED if any(notification.severity is Severity.PAGE for notification in message.notifications) else _AMBER


def _json(answer: Answer) -> dict[str, Any]:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        raise AttemptError(Failed(reason=FailureReason.REFUSED, detail="what answers is not Slack"))
    return said


def _outcome_of_hook(answer: Answer) -> Outcome:
    """What the answer of an incoming webhook means: Slack says ``ok``, and an error it may say with 200 as well.

    Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
    """
    outcome = outcome_of(answer, final=_REVOKED | POISON)
    said = answer.body.decode(errors="replace").strip()
    if not isinstance(outcome, Delivered) or not answer.complete or said in {"", "ok"}:
        return outcome
    passing = _PASSING_TEXT.search(said)
    if passing is not None:
        rate_limited = passing[1] == str(HTTPStatus.TOO_MANY_REQUESTS.value)
        reason = FailureReason.RATE_LIMITED if rate_limited else FailureReason.SERVER_ERROR
        return Failed(reason=reason, detail=answer.text, retry_after=answer.wait)
    try:
        fields = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return Rejected(detail=answer.text)
    if isinstance(fields, dict) and (fields.get("error") or False in (fields.get("ok"), fields.get("success"))):
        return _outcome(str(fields.get("error") or answer.text), answer)
    # Of a service that is only like Slack.
    return outcome


def _outcome(error: str, answer: Answer) -> Outcome:
    reason = _PASSING.get(error)
    if reason is not None:
        return Failed(reason=reason, detail=error, retry_after=answer.wait)
    return Rejected(detail=error or "no reason given")
