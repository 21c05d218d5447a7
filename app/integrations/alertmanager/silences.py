"""Asks Alertmanagers which of our active alerts are silenced or inhibited there, for pages and API to show.

It is asked beside delivery, and only while alerts are active: neither evaluation nor a reader waits for it (ADR-0108).
Both calls are of Alertmanager since 0.16; silences are asked one by one, since the list of all has every silence of the
last five days.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from app.alerting import AlertSilence, AlertSilences, Notification, sent_labels
from app.clock import Clock
from app.http.failures import AttemptError
from app.integrations.alertmanager.api import AlertmanagerApi
from app.wording.plain_text import shortened

# Who has made a silence looks at the page again soon after; half the time in which alerts are repeated.
_ASKED_EVERY = timedelta(seconds=15)
# For one Alertmanager with all its silences: a slow one delays what is known of the others by no more.
_ANSWERED_WITHIN = timedelta(seconds=15)
# What an Alertmanager that does not answer said before: longer than its restart, shorter than a short silence.
_REMEMBERED = timedelta(minutes=5)
# A silence of a whole cluster covers many alerts; this many different ones are more than people make in one incident.
_MOST_SILENCES = 50
# Ids are UUIDs. A comment of more than this is read in Alertmanager.
_LONGEST_ID, _LONGEST_NAME, _LONGEST_COMMENT = 200, 200, 2_000
_SUPPRESSED = "/api/v2/alerts?active=false&unprocessed=false&filter=" + quote('slo=~".+"', safe="")

_Labels = frozenset[tuple[str, str]]
_Id = Annotated[str, Field(max_length=_LONGEST_ID)]


class _Status(BaseModel):
    silencedBy: list[_Id] = []  # noqa: N815  as Alertmanager writes it
    inhibitedBy: list[str] = []  # noqa: N815


class _Alert(BaseModel):
    labels: dict[str, str]
    status: _Status


class _Silence(BaseModel):
    id: _Id
    endsAt: AwareDatetime  # noqa: N815
    createdBy: str = ""  # noqa: N815
    comment: str = ""


_ALERTS = TypeAdapter(list[_Alert])


@dataclass(slots=True)
class SilencedCluster:
    """The Alertmanagers of one receiver, which share their silences, with what they answered last.

    *name* is empty unless there are several such receivers.
    """

    name: str
    apis: Sequence[AlertmanagerApi]
    answered: Mapping[_Labels, AlertSilence] = field(default_factory=lambda: MappingProxyType({}))
    answered_at: datetime | None = None


class SilenceReader:
    """Runs in the event loop of delivery; *active* gives the active alerts by key, *publish* takes what is found."""

    def __init__(
        self,
        clusters: Sequence[SilencedCluster],
        *,
        active: Callable[[], Mapping[str, Notification]],
        publish: Callable[[AlertSilences], None],
        clock: Clock,
    ) -> None:
        self._clusters = clusters
        self._active = active
        self._publish = publish
        self._clock = clock

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(_ASKED_EVERY.total_seconds())

    async def read(self) -> None:
        """Ask all clusters once, and publish what they answer."""
        active = self._active()
        self._publish(await self._found(active) if active and self._clusters else AlertSilences())

    async def _found(self, active: Mapping[str, Notification]) -> AlertSilences:
        labels_of = {key: frozenset(sent_labels(one).items()) for key, one in active.items()}
        wanted = frozenset(labels_of.values())
        answered = await asyncio.gather(*(self._ask(cluster, wanted) for cluster in self._clusters))
        now = self._clock.now()
        in_force: dict[_Labels, AlertSilence] = {}
        for cluster in self._clusters:
            if cluster.answered_at is not None and now - cluster.answered_at <= _REMEMBERED:
                in_force |= {
                    labels: one for labels, one in cluster.answered.items() if one.until is None or one.until > now
                }
        by_key = {key: in_force.get(labels) for key, labels in labels_of.items()}
        return AlertSilences(
            by_key=MappingProxyType({key: one for key, one in by_key.items() if one is not None}),
            unanswered=tuple(
                cluster.name for cluster, is_known in zip(self._clusters, answered, strict=True) if not is_known
            ),
        )

    async def _ask(self, cluster: SilencedCluster, wanted: AbstractSet[_Labels]) -> bool:
        """Whether a peer of the cluster has answered; one is enough, since they share their silences."""
        for api in cluster.apis:
            with suppress(AttemptError, ValidationError, TimeoutError):
                at = self._clock.now()
                async with asyncio.timeout(_ANSWERED_WITHIN.total_seconds()):
                    cluster.answered = await _silences(api, cluster.name, at, wanted)
                cluster.answered_at = at
                return True
        return False


async def _silences(
    api: AlertmanagerApi, receiver: str, at: datetime, wanted: AbstractSet[_Labels]
) -> Mapping[_Labels, AlertSilence]:
    """Which alerts of the *wanted* labels are silenced or inhibited: others may have theirs in the same Alertmanager.

    Raises:
        AttemptError: it does not answer, or refuses.
        ValidationError: the answer is no list of alerts, or a part of one.
    """
    answer = await api.get(_SUPPRESSED)
    # In a thread: of megabytes it takes long enough to hold up deliveries.
    alerts = await asyncio.to_thread(_wanted_alerts, answer, wanted)
    ids = list(dict.fromkeys(each for alert in alerts.values() for each in alert.status.silencedBy))[:_MOST_SILENCES]
    silences = {each: silence for each in ids if (silence := await _silence(api, each)) is not None}
    found: dict[_Labels, AlertSilence] = {}
    for labels, alert in alerts.items():
        by = alert.status.silencedBy
        if by or alert.status.inhibitedBy:
            found[labels] = AlertSilence(read_at=at, receiver=receiver, id=by[0] if by else "")
        known = [silences[each] for each in by if each in silences]
        if known:
            # By several of them it is silenced until the last one ends.
            last = max(known, key=lambda each: each.endsAt)
            found[labels] = replace(
                found[labels],
                id=last.id,
                until=last.endsAt,
                created_by=shortened(last.createdBy, _LONGEST_NAME),
                comment=shortened(last.comment, _LONGEST_COMMENT),
            )
    return found


def _wanted_alerts(answer: bytes, wanted: AbstractSet[_Labels]) -> Mapping[_Labels, _Alert]:
    by_labels = {frozenset(alert.labels.items()): alert for alert in _ALERTS.validate_json(answer)}
    return {labels: alert for labels, alert in by_labels.items() if labels in wanted}


async def _silence(api: AlertmanagerApi, silence: str) -> _Silence | None:
    """None where it cannot be read: that an alert is silenced is known without it."""
    with suppress(AttemptError, ValidationError):
        return _Silence.model_validate_json(await api.get(f"/api/v2/silence/{quote(silence, safe='')}"))
    return None
