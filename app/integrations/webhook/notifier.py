"""Any webhook: Alertmanager's JSON (version 4), so that what receives that receives ours, signed if there is a secret.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and, for the signature,
https://www.standardwebhooks.com
"""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from typing_extensions import override

from app.alerting import Notification, NotificationStatus, sent_labels
from app.clock import Clock
from app.delivery.notifier import OutgoingMessage, SendResult
from app.delivery.outcome import Outcome, outcome_of
from app.delivery.report_messages import ReportMessage
from app.http.client import CheckedClient
from app.http.secrets import PlainValue, Secret, header_of
from app.integrations.http_notifier import HttpNotifier
from app.tracing import trace_headers
from app.wording.links import page_for
from app.wording.messages import MessageWriter

# As the HTTP clients of most consumers; each hop is checked.
_REDIRECTS = 3
# Go's zero time, which Alertmanager sends for an alert that has not ended.
_NOT_ENDED = "0001-01-01T00:00:00Z"
# FNV-1a with 64 bits, as Prometheus's model.LabelSet.Fingerprint.
_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_64_BITS = 0xFFFFFFFFFFFFFFFF
_ENCODED_SECRET = "whsec_"  # noqa: S105  # how the standard marks a secret in base64


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """Where messages go, with which further headers, and the secret that they are signed with.

    With *trace_context* the receiver gets the ids of our trace, to continue it.
    """

    url: Secret
    secret: Secret | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)
    trace_context: bool = False


class Webhook(HttpNotifier[WebhookOptions]):
    """Posts alerts; a digest is one post with all of them, and a group of its own until the last of them is resolved.

    A consumer that keys on `groupKey` or `groupLabels` must never take the end of one alert for the end of another: an
    alert that was sent alone ends alone, and one of a digest in a message of that digest.
    """

    tracks_alerts = True
    digests_ends = False
    needs_each_end = True
    splits_rejected = True

    def __init__(
        self, name: str, options: WebhookOptions, *, outgoing: CheckedClient, writer: MessageWriter, clock: Clock
    ) -> None:
        super().__init__(options, outgoing=outgoing, writer=writer)
        self._name = name
        self._clock = clock

    @property
    @override
    def secrets(self) -> Sequence[Secret]:
        own = (self._target.secret,) if self._target.secret is not None else ()
        headers = (value for value in self._target.headers.values() if not isinstance(value, PlainValue))
        return (self._target.url, *own, *headers, *self._outgoing.secrets)

    @override
    def opens(self, message: OutgoingMessage) -> str | None:
        return orjson.dumps(_group_labels(message)).decode()

    @override
    async def send(self, message: OutgoingMessage) -> SendResult:
        # Thousands of alerts take long to put into words, and evaluations must not wait for that.
        body = await asyncio.to_thread(self._body, message)
        return SendResult(outcome=await self._post(body, message.key), handle=_handle_of(message))

    async def send_report(self, message: ReportMessage) -> Outcome:
        """Post a report as JSON: its sentence, where all of it is, and its figures."""
        body = await asyncio.to_thread(orjson.dumps, report_payload(message, receiver=self._name))
        return await self._post(body, message.key)

    async def _post(self, body: bytes, key: str) -> Outcome:
        of_host = {name: await header_of(name, value) for name, value in self._target.headers.items()}
        if self._target.trace_context:
            of_host |= trace_headers()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._target.secret is not None:
            headers |= signature(body, key=key, secret=await self._target.secret.read(), at=self._clock.now())
        answer = await self._outgoing.post(
            await self._target.url.read(), body, headers, redirects=_REDIRECTS, of_host=of_host
        )
        return outcome_of(answer, any_page=True)

    def _body(self, message: OutgoingMessage) -> bytes:
        return orjson.dumps(payload(message, receiver=self._name, writer=self._writer))


def payload(message: OutgoingMessage, *, receiver: str, writer: MessageWriter) -> dict[str, Any]:
    """The message as Alertmanager writes it: all alerts of the group, those that go on too.

    Some consumers read `status`, others, such as jiralert, whether any of the alerts fires.
    """
    alerts = [_alert(notification, writer) for notification in (*message.still_firing, *message.notifications)]
    group = _group_labels(message)
    return {
        "version": "4",
        "groupKey": "{}:" + _go_labels(group),
        "truncatedAlerts": message.unlisted,
        "status": "firing" if message.firing or message.still_firing or message.unlisted else "resolved",
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": writer.external_url,
        "alerts": alerts,
    }


def report_payload(message: ReportMessage, *, receiver: str) -> dict[str, Any]:
    """A report; `kind` tells it from alerts."""
    return {
        "kind": "report",
        "receiver": receiver,
        "title": message.title,
        "summary": message.summary,
        "text": message.text,
        "url": message.url,
        "report": message.document,
    }


def signature(body: bytes, *, key: str, secret: str, at: datetime) -> dict[str, str]:
    """The headers that prove who sent *body*, and when."""
    stamp = str(int(at.timestamp()))
    signed = b".".join((key.encode(), stamp.encode(), body))
    digest = base64.b64encode(hmac.new(_key_of(secret), signed, sha256).digest()).decode()
    return {"webhook-id": key, "webhook-timestamp": stamp, "webhook-signature": f"v1,{digest}"}


def alert_fingerprint(own: Mapping[str, str]) -> str:
    """What Alertmanager calls an alert with these labels: FNV-1a over the sorted pairs."""
    value = _FNV_OFFSET
    for name, text in sorted(own.items()):
        for byte in (*name.encode(), 0xFF, *text.encode(), 0xFF):
            value = ((value ^ byte) * _FNV_PRIME) & _64_BITS
    return f"{value:016x}"


def _handle_of(message: OutgoingMessage) -> str | None:
    """What names the digest that the message is, or belongs to: its group labels; None for an alert on its own."""
    if message.handle is not None:
        return message.handle
    return None if message.only is not None else orjson.dumps(_group_labels(message)).decode()


def _group_labels(message: OutgoingMessage) -> dict[str, str]:
    """What the alerts of the message have in common, and no message of other alerts has.

    MessageRefs about a digest that go on to the end of its last alert have the labels of the first.
    """
    if message.handle is not None:
        labels: dict[str, str] = orjson.loads(message.handle)
        return labels
    common = _common([sent_labels(notification) for notification in message.notifications])
    if message.only is not None:
        return {name: common[name] for name in ("alertname", "severity", "slo")}
    shared: dict[str, str] = {name: common[name] for name in ("alertname", "severity") if name in common}
    shared["digest"] = message.digest
    return dict(sorted(shared.items()))


def _alert(notification: Notification, writer: MessageWriter) -> dict[str, Any]:
    firing = notification.status is NotificationStatus.FIRING or notification.ends_at is None
    own = sent_labels(notification)
    return {
        "status": "firing" if firing else "resolved",
        "labels": own,
        "annotations": writer.annotations(notification),
        "startsAt": notification.starts_at.astimezone(UTC).isoformat(),
        "endsAt": _NOT_ENDED
        if firing or notification.ends_at is None
        else notification.ends_at.astimezone(UTC).isoformat(),
        "generatorURL": page_for(writer.external_url, notification),
        "fingerprint": alert_fingerprint(own),
    }


def _common(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: text for name, text in each[0].items() if all(other.get(name) == text for other in each)}


def _go_labels(own: Mapping[str, str]) -> str:
    quoted: Callable[[str], str] = lambda text: orjson.dumps(text).decode()  # noqa: E731
    return "{" + ", ".join(f"{name}={quoted(text)}" for name, text in own.items()) + "}"


def _key_of(secret: str) -> bytes:
    if secret.startswith(_ENCODED_SECRET):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED_SECRET), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()
