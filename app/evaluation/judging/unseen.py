"""Members of groups whose SLI was changed while they fire, and that the new one has not shown so far (ADR-0060)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.alerting import Alert, Notification, Transition, freeze_unseen
from app.evaluation.figures.members import Member
from app.ingest.series.group_limit import GONE_S
from app.slo import SloId, group_in_id, ungrouped_id


@dataclass(slots=True)
class UnseenMembers:
    """Their alerts, which stay as they are, by member, and what has changed."""

    alerts: dict[SloId, tuple[Alert, ...]] = field(default_factory=dict)
    changed: list[Alert] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)

    def notifications(self, notified_before: Mapping[str, Notification]) -> dict[str, Notification]:
        """By key, the notifications of those that fire: as they were, marked as stale."""
        return {
            alert.key: replace(notified_before[alert.key], stale=alert.frozen, stale_cause=alert.frozen_cause)
            for alerts in self.alerts.values()
            for alert in alerts
            if alert.is_notified and alert.key in notified_before
        }


def unseen_members(
    before: Mapping[SloId, tuple[Alert, ...]],
    after: Mapping[SloId, tuple[Alert, ...]],
    members: Sequence[Member],
    *,
    at: datetime,
) -> UnseenMembers:
    """The members with firing alerts *before* that are not among the *members* while their SLI has yet to be read.

    Until Prometheus has answered for the SLI nothing is known of them; after that their history may show them for an
    hour, as long as a member of an SLI that is read may be gone.
    """
    found = UnseenMembers()
    missing = {slo_id: alerts for slo_id, alerts in before.items() if slo_id not in after}
    if not any(alert.firing for alerts in missing.values() for alert in alerts):
        return found
    unread = {member.slo.id: (member.tracked, member.slo.sli.by) for member in members if not member.tracked.backfilled}
    for slo_id, alerts in missing.items():
        tracked, by = unread.get(ungrouped_id(slo_id), (None, ()))
        if tracked is None or group_in_id(slo_id, by) is None or not any(alert.firing for alert in alerts):
            continue
        kept = tuple(_waiting(alert, at) if tracked.started else alert for alert in alerts)
        if any(_waited(alert, at) for alert in kept):
            continue
        frozen, transitions = freeze_unseen(kept, at=at)
        found.alerts[slo_id] = frozen
        found.changed += [alert for alert in frozen if alert not in alerts]
        found.transitions += transitions
    return found


def _waiting(alert: Alert, at: datetime) -> Alert:
    return replace(alert, silent_since=at) if alert.firing and alert.silent_since is None else alert


def _waited(alert: Alert, at: datetime) -> bool:
    return alert.silent_since is not None and at - alert.silent_since >= timedelta(seconds=GONE_S)
