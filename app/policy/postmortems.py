"""Which incidents need a postmortem by the policy of their SLO.

Source: https://sre.google/workbook/error-budget-policy/#outage-policy
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.policy.model import PostmortemRule
from app.slo import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPostmortem:
    """A postmortem that is done; *url* is where it is, empty if that is not known."""

    written_at: datetime
    author: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastIncident:
    """One incident: what it *spent* of the budget, a ratio, None where not known; *ended_at* None while it lasts.

    *written* is its postmortem, None if there is none.
    """

    id: str
    slo: str
    labels: Labels
    started_at: datetime
    ended_at: datetime | None
    spent: float | None
    written: WrittenPostmortem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemDue:
    """A postmortem that is needed: of one incident, or of all *incidents* of a class, oldest first; *reason* says why.

    It is *due_at* some time after the newest of them ended; None while that lasts. *written* is the postmortem of the
    newest of them: one about a class is written when the class was seen last.
    """

    incidents: tuple[str, ...]
    subject: str
    spent: float
    reason: str
    due_at: datetime | None
    written: WrittenPostmortem | None = None


def postmortems_due(
    rule: PostmortemRule, incidents: Sequence[PastIncident], *, at: datetime
) -> tuple[PostmortemDue, ...]:
    """The postmortems that a rule asks for, the newest first.

    Incidents that need one of their own count for their class too.
    """
    known = sorted((one for one in incidents if one.spent is not None), key=lambda one: (one.started_at, one.id))
    due: list[tuple[datetime, PostmortemDue]] = []
    if rule.incident_above is not None:
        due += [
            (one.started_at, _due(rule, (one,), one.slo, f"it spent {one.spent:.0%} of the budget"))
            for one in known
            if one.spent is not None and one.spent > rule.incident_above
        ]
    if rule.class_above is not None:
        by_class: dict[str, list[PastIncident]] = {}
        for one in known:
            if one.started_at > at - rule.within:
                by_class.setdefault(_class_of(one, rule), []).append(one)
        for name, several in by_class.items():
            spent = sum(one.spent or 0.0 for one in several)
            # A single incident is what `incident_above` is for.
            if len(several) > 1 and spent > rule.class_above:
                reason = f"{len(several)} incidents spent {spent:.0%} of the budget within {rule.within.days} days"
                due.append((several[-1].started_at, _due(rule, tuple(several), name, reason)))
    return tuple(one for _, one in sorted(due, key=lambda found: found[0], reverse=True))


def _due(rule: PostmortemRule, incidents: tuple[PastIncident, ...], subject: str, reason: str) -> PostmortemDue:
    ended = incidents[-1].ended_at
    return PostmortemDue(
        incidents=tuple(one.id for one in incidents),
        subject=subject,
        spent=sum(one.spent or 0.0 for one in incidents),
        reason=reason,
        due_at=None if ended is None else ended + rule.due_in,
        written=incidents[-1].written,
    )


def _class_of(incident: PastIncident, rule: PostmortemRule) -> str:
    value = dict(incident.labels).get(rule.class_label, "") if rule.class_label else ""
    return f"{rule.class_label}={value}" if value else incident.slo
