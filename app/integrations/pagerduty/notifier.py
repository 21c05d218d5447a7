"""PagerDuty, by its Events API v2: the same `dedup_key` opens and closes an incident.

Source: https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import orjson
from typing_extensions import override

from app.alerting import Notification, sent_labels
from app.delivery.notifier import OutgoingMessage, SendResult
from app.delivery.outcome import outcome_of
from app.http.secrets import Secret
from app.integrations.http_notifier import HttpNotifier
from app.slo import Severity
from app.wording.links import page_for
from app.wording.messages import MessageText
from app.wording.plain_text import shortened, visible

# Of accounts in the United States; those of the European Union have another, as `PagerDutyOptions.url`.
URL = "https://events.pagerduty.com/v2/enqueue"
# Limits of the Events API v2: 1,024 characters of summary, 512 KB of body.
_SUMMARY_CHARS = 1024
_LARGEST = 500_000
_DETAIL_CHARS = 1_000
_MOST_DETAILS = 100
_SEVERITIES: Mapping[Severity, str] = {Severity.PAGE: "critical", Severity.TICKET: "warning"}
# The event itself is at fault: the same one would be refused again.
_FINAL = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyOptions:
    """The integration key of a PagerDuty service; *url* differs by the region of the account."""

    routing_key: Secret
    url: str = URL


class PagerDuty(HttpNotifier[PagerDutyOptions]):
    """Triggers and resolves; a digest is one incident that is resolved with the last of its alerts."""

    tracks_alerts = True
    digests_ends = False
    needs_each_end = False
    splits_rejected = False

    @property
    @override
    def secrets(self) -> Sequence[Secret]:
        return (self._target.routing_key, *self._outgoing.secrets)

    @override
    def opens(self, message: OutgoingMessage) -> str | None:
        return f"sloburn-digest-{message.digest}" if message.only is None else dedup_key(message.notifications[0])

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        digest = self.opens(message) if message.only is None and message.firing else None
        key = message.handle or digest or dedup_key(message.notifications[0])
        event = {
            "routing_key": await self._target.routing_key.read(),
            "event_action": "trigger" if message.firing else "resolve",
            "dedup_key": key,
        }
        body = event | (self._trigger(message) if message.firing else self._closed(message))
        headers = {"Content-Type": "application/json"}
        answer = await self._outgoing.post(self._target.url, _bounded(body), headers, read=True)
        return SendResult(outcome=outcome_of(answer, final=_FINAL), handle=digest)

    def _trigger(self, message: OutgoingMessage) -> dict[str, Any]:
        words = self._writer.words(message.notifications)
        first = min(message.notifications, key=lambda notification: notification.severity is not Severity.PAGE)
        page = page_for(self._writer.external_url, first) if message.only else self._writer.external_url
        return {
            "payload": {
                "summary": shortened(words.headline, _SUMMARY_CHARS),
                "source": first.service,
                "severity": _SEVERITIES[first.severity],
                "timestamp": min(notification.starts_at for notification in message.notifications)
                .astimezone(UTC)
                .isoformat(),
                "component": first.name if message.only else "sloburn",
                "group": first.service if message.only else "digest",
                "class": visible(first.alertname),
                "custom_details": self._details(message, words),
            },
            "links": [{"href": href, "text": text} for text, href in words.links],
            "client": "Sloburn",
            "client_url": page,
        }

    def _closed(self, message: OutgoingMessage) -> dict[str, Any]:
        """What the log of the incident says where its alert has not recovered; PagerDuty asks for none."""
        if message.recovered:
            return {}
        words, first = self._writer.words(message.notifications), message.notifications[0]
        return {
            "payload": {
                "summary": shortened(words.headline, _SUMMARY_CHARS),
                "source": first.service,
                "severity": _SEVERITIES[first.severity],
                "custom_details": {"description": words.text},
            }
        }

    def _details(self, message: OutgoingMessage, words: MessageText) -> dict[str, Any]:
        if message.only is None:
            return {"alerts": words.text.splitlines()}
        shown = {name: visible(value) for name, value in sent_labels(message.only).items()}
        return {**self._writer.annotations(message.only), "labels": shown}


def dedup_key(notification: Notification) -> str:
    """The identity of an alert at PagerDuty: the same whenever it fires and resolves, and never too long."""
    return f"sloburn-{sha256(notification.key.encode()).hexdigest()}"


def _bounded(body: dict[str, Any]) -> bytes:
    """The body, its details cut where it would be too large: the links stay."""
    content = orjson.dumps(body)
    if len(content) <= _LARGEST:
        return content
    # Fixed parts and links are a few KiB; only many annotations or labels, each cut to 8 KiB, are too large.
    details = list(body["payload"]["custom_details"].items())[:_MOST_DETAILS]
    cut = {name: shortened(value, _DETAIL_CHARS) for name, value in details if isinstance(value, str)}
    return orjson.dumps({**body, "payload": {**body["payload"], "custom_details": cut}})
