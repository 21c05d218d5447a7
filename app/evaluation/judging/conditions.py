"""Which conditions of the SLOs hold at a slot: data that is missing, budgets that are going or gone."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

from app.alerting import (
    Alert,
    AlertCondition,
    BudgetCounts,
    Notification,
    Transition,
    compose_condition,
    no_data,
    no_traffic,
    of_budget,
    step_conditions,
)
from app.budget.forecast import NoForecast, Outlook
from app.evaluation.figures.members import Member
from app.evaluation.figures.problems import why_not_measured
from app.evaluation.figures.snapshots import exhaustion_time
from app.evaluation.judging.vanished import PRESENT, Vanished
from app.slo import AlertState, Cause, Evidence, GroupKey, NoData, Severity, Slo, SloId

_NAN = float("nan")
_SETTING = "SLOBURN_"
# An older forecast is none: its SLO should have had another six times since.
_FORECAST_KEPT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of one member at a slot; NaN where it is not known."""

    as_of_s: float
    stale: bool
    remaining: float
    lasts_s: float
    estimated: bool = False
    counts: BudgetCounts | None = None
    exhausting_burn_rate: float = math.nan
    forecast: Outlook | NoForecast = NoForecast.PENDING
    window_read: bool = True
    vanished: Vanished = PRESENT
    traffic_stopped: bool | None = None
    bad_goes_on: bool = False
    muted: str | None = None


@dataclass(slots=True)
class Owner:
    """An SLO, or a member of its group, with its conditions."""

    slo: Slo
    group: GroupKey
    remaining: float
    estimated: bool = False
    exhausted_at: datetime | None = None
    conditions: list[AlertCondition] = field(default_factory=list)


@dataclass(slots=True)
class Conditions:
    """The alerts of all conditions after one slot, by their owner, and what has changed."""

    alerts: dict[SloId, tuple[Alert, ...]] = field(default_factory=dict)
    changed: list[Alert] = field(default_factory=list)
    gone: list[Alert] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    notifications: dict[str, Notification] = field(default_factory=dict)

    def policy(self, slo: Slo, vanished: Vanished) -> NoData:
        """What becomes of alerts without data: the SLO's policy once its ticket for that fires, else the member's."""
        ticket_fires = any(alert.cause is Cause.NO_DATA and alert.firing for alert in self.alerts.get(slo.id, ()))
        return slo.alerting.no_data if ticket_fires else vanished.no_data


class MemberStates(Protocol):
    """What is known of all members at a slot, by their positions; each is put together when it is asked for."""

    @property
    def stale(self) -> Sequence[bool]:
        """As in `State`."""

    def __getitem__(self, index: int) -> State:
        """What is known of one member."""


def alerts_of_conditions(alerts: Mapping[SloId, tuple[Alert, ...]]) -> dict[SloId, tuple[Alert, ...]]:
    """The alerts of the few that have others than those of burn rates, without those."""
    return {
        slo_id: tuple(alert for alert in of_slo if alert.cause is not Cause.BURN)
        for slo_id, of_slo in alerts.items()
        if _has_conditions(of_slo)
    }


def judge_conditions(
    members: Sequence[Member],
    states: MemberStates,
    before: Mapping[SloId, tuple[Alert, ...]],
    of_conditions: Mapping[SloId, tuple[Alert, ...]],
    notified_before: Mapping[str, Notification],
    *,
    at: datetime,
    muted: Mapping[SloId, str] = MappingProxyType({}),
) -> Conditions:
    """Step the alerts of all conditions through the slot *at*; *of_conditions* are theirs among those *before*.

    Those of members and SLOs that are *muted* stay as they are.
    """
    judged = Conditions()
    owners: dict[SloId, Owner] = {}
    _add_own(owners, members, states, before, of_conditions)
    _add_no_data(owners, members, states, of_conditions, at)
    if muted:
        # A whole group is muted where all of its members are.
        awake = {member.slo.id for member in members if member.id not in muted}
        for slo_id, owner in owners.items():
            if slo_id in muted or (slo_id == owner.slo.id and owner.slo.sli.by and slo_id not in awake):
                owner.conditions = [replace(condition, holds=None) for condition in owner.conditions]
    resting = of_conditions.keys() - owners.keys()
    if resting:
        resting &= {key for member in members for key in (member.id, member.slo.id)}
    judged.alerts |= {slo_id: of_conditions[slo_id] for slo_id in resting}
    for slo_id, owner in owners.items():
        known = of_conditions.get(slo_id, ())
        stepped, changes = step_conditions(known, owner.conditions, slo=slo_id, at=at, document=owner.slo)
        judged.alerts[slo_id] = stepped
        judged.transitions += changes
        judged.changed += [alert for alert in stepped if alert not in known]
        causes = {(condition.cause, condition.severity): condition for condition in owner.conditions}
        judged.gone += [alert for alert in known if (alert.cause, alert.severity) not in causes]
        for alert in stepped:
            if alert.is_notified:
                judged.notifications[alert.key] = _notification(
                    alert, causes[alert.cause, alert.severity], owner, notified_before, at
                )
    return judged


def _notification(
    alert: Alert, condition: AlertCondition, owner: Owner, notified_before: Mapping[str, Notification], at: datetime
) -> Notification:
    last = notified_before.get(alert.key)
    if last is not None and (condition.holds is None or _says_it_still(last, alert, condition)):
        # That data is still missing is seen now; what a budget is without data is not.
        unconfirmed = last.unconfirmed and condition.holds is None
        return replace(last.redescribed(owner.slo, owner.group), unconfirmed=unconfirmed)
    return compose_condition(
        alert,
        condition,
        slo=owner.slo,
        group=owner.group,
        budget_remaining=owner.remaining,
        budget_estimated=owner.estimated,
        at=at,
        exhausted_at=owner.exhausted_at,
    )


def _roused(alerts: Sequence[Alert]) -> bool:
    return any(alert.state is not AlertState.INACTIVE for alert in alerts)


def _says_it_still(last: Notification, alert: Alert, condition: AlertCondition) -> bool:
    """Whether data is still missing: since when and why has been said, and failures since differ in words only.

    That data is late, and which setting helps, may only be known once some of it has come.
    """
    advised = _SETTING in (last.condition or "") or _SETTING not in condition.says
    return alert.cause is Cause.NO_DATA and last.incident == alert.incident and advised


def _unanswered(member: Member) -> str | None:
    problem = member.tracked.problem
    if problem is None or member.tracked.query_rejected:
        return None
    return problem


def _add_own(
    owners: dict[SloId, Owner],
    members: Sequence[Member],
    states: MemberStates,
    before: Mapping[SloId, tuple[Alert, ...]],
    of_conditions: Mapping[SloId, tuple[Alert, ...]],
) -> None:
    """The conditions that each member of a group has for itself: its budget and its traffic."""
    for index, member in enumerate(members):
        alerting = member.slo.alerting
        if alerting.budget is None and alerting.no_traffic.severity is None and member.id not in of_conditions:
            continue
        state, known = states[index], before.get(member.id, ())
        conditions = (*_of_budget(member, state, known), *_of_traffic(member, state, known))
        ended = state.vanished.ended
        owners[member.id] = Owner(
            slo=member.slo,
            group=member.group,
            remaining=state.remaining,
            estimated=state.estimated,
            exhausted_at=exhaustion_time(state.as_of_s, state.lasts_s),
            conditions=[one if ended is None else one.without_member(ended) for one in conditions],
        )


def _has_conditions(alerts: Sequence[Alert]) -> bool:
    return any(alert.cause is not Cause.BURN for alert in alerts)


def _of_budget(member: Member, state: State, known: Sequence[Alert]) -> Iterator[AlertCondition]:
    wanted = member.slo.alerting.budget
    if wanted is None:
        return
    for condition in of_budget(
        wanted,
        frozenset(alert.cause for alert in known if alert.firing and alert.cause is not Cause.BURN),
        consumed=_NAN if state.stale else 1.0 - state.remaining,
        lasts_s=state.lasts_s,
        counts=state.counts,
        # All severities have the evidence of the document.
        evidence=next((policy.evidence for policy in member.slo.alerting.policies), Evidence()),
        exhausting_burn_rate=state.exhausting_burn_rate,
        forecast_lasts_s=_forecast_lasts_s(state),
    ):
        # How much of the budget is left to run out is only known of a whole window.
        unknown = not state.window_read and condition.cause is Cause.BUDGET_RUNS_OUT
        # What is missing may hold the bad events: partial data opens a ticket and closes none.
        part = member.tracked.partial is not None or not state.window_read
        yield replace(condition, holds=None) if unknown or (part and not condition.holds) else condition


def _forecast_lasts_s(state: State) -> float | None:
    """How long the budget lasts by its forecast.

    Infinity beyond its horizon, NaN where there is no forecast, None before it is made.
    """
    forecast = state.forecast
    if isinstance(forecast, NoForecast):
        return None if forecast is NoForecast.PENDING else math.nan
    if not state.as_of_s - forecast.at.timestamp() <= _FORECAST_KEPT_S:
        return None
    if forecast.expected is None:
        return math.inf
    return forecast.expected.timestamp() - state.as_of_s


def _of_traffic(member: Member, state: State, known: Sequence[Alert]) -> Iterator[AlertCondition]:
    severity = member.slo.alerting.no_traffic.severity
    if severity is None:
        return
    pages = (one for one in known if one.cause is Cause.BURN and one.severity is Severity.PAGE)
    yield no_traffic(
        stopped=None if state.stale else state.traffic_stopped,
        severity=severity,
        no_traffic_for=member.slo.alerting.no_traffic_for,
        muted=any(page.is_notified for page in pages),
    )


def _catches_up(member: Member, at: datetime) -> bool:
    tracked = member.tracked
    # What is refused is not read either, and never catches up.
    is_read = tracked.started and tracked.problem is None and tracked.refusal is None
    return is_read and tracked.counted_s < at.timestamp() - tracked.later_by_s


def _add_no_data(
    owners: dict[SloId, Owner],
    members: Sequence[Member],
    states: MemberStates,
    of_conditions: Mapping[SloId, tuple[Alert, ...]],
    at: datetime,
) -> None:
    """One condition for each SLO, however many members its group has: all of them have no data.

    None for an SLO that has data and whose alert is at rest: that is thousands in every evaluation.
    """
    stale_slos = (member.slo.id for member, stale in zip(members, states.stale, strict=True) if stale)
    looked_at = {*owners, *of_conditions, *stale_slos}
    of_slo: dict[SloId, list[tuple[Member, State]]] = {}
    for index, member in enumerate(members):
        if member.slo.id in looked_at or member.tracked.partial is not None:
            of_slo.setdefault(member.slo.id, []).append((member, states[index]))
    for slo_id, all_of_it in of_slo.items():
        member = all_of_it[0][0]
        stale = all(state.stale for _, state in all_of_it)
        partial = None if stale else member.tracked.partial
        missing = stale or partial is not None
        wanted = member.slo.alerting.no_data_for
        if (wanted is None or not missing) and slo_id not in owners and not _roused(of_conditions.get(slo_id, ())):
            continue
        owner = owners.setdefault(slo_id, Owner(slo=member.slo, group=(), remaining=_NAN))
        if wanted is None:
            continue
        newest = max((state.as_of_s for _, state in all_of_it if state.as_of_s > 0), default=None)
        if partial is not None:
            newest = member.tracked.partial_since_s
        if member.tracked.partial is not None and newest is not None:
            # A start begins to count the time again, and so does the last of partial data: neither ends a ticket.
            tickets = (one for one in of_conditions.get(slo_id, ()) if one.cause is Cause.NO_DATA and one.firing)
            begun = ((one.since - wanted).timestamp() for one in tickets if one.since is not None)
            newest = min([newest, *begun])
        condition = no_data(
            missing=missing,
            since=None if newest is None else datetime.fromtimestamp(newest, UTC),
            query=member.tracked.query,
            no_data_for=wanted,
            at=at,
            unanswered=_unanswered(member) if stale else None,
            refusal=(why_not_measured(member.tracked) if missing else None)
            or (member.tracked.late_explained if stale else None),
            partial=None if partial is None else member.tracked.partial_explained,
            bad_goes_on=any(state.bad_goes_on for _, state in all_of_it),
        )
        # What was missed while nothing was evaluated is read an hour at a time: what is missing is not known yet.
        owner.conditions.append(replace(condition, holds=None) if _catches_up(member, at) else condition)
