"""Stepping the alerts of all members through one slot."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import numpy as np

from app.alerting import (
    GROUP_CHANGED,
    SLO_REMOVED,
    Alert,
    BudgetCounts,
    Definition,
    End,
    MeasuredWindow,
    NormalRate,
    Notification,
    Reading,
    Transition,
    alert_key,
    are_at_rest,
    compose,
    definition_of,
    end_of_member,
    is_calm,
    is_estimated,
    is_stale,
    long_window,
    notifications_for,
    reading_of,
    relabel,
    resolve,
    retire,
    step_slo,
)
from app.budget import exhausting_burn_rate
from app.budget.forecast import NoForecast
from app.evaluation.figures.figures import HOUR, Figures, WindowFigures
from app.evaluation.figures.members import Member
from app.evaluation.figures.problems import bad_never_matched, ended_series, hides_errors, why_not_measured
from app.evaluation.figures.snapshots import ForecastOf, exhaustion_time, not_forecast
from app.evaluation.judging.conditions import State, alerts_of_conditions, judge_conditions
from app.evaluation.judging.incidents import OngoingIncident, incident_errors
from app.evaluation.judging.missing_total import missing_totals
from app.evaluation.judging.normal_rates import NormalRates
from app.evaluation.judging.recent_changes import changes_before, with_change
from app.evaluation.judging.since_resolved import SinceResolved
from app.evaluation.judging.slots_with_errors import bad_slots
from app.evaluation.judging.traffic import traffic_stopped
from app.evaluation.judging.unseen import unseen_members
from app.evaluation.judging.vanished import PRESENT, Vanished, vanished
from app.ledger import AdjustedTime
from app.slo import (
    AlertState,
    BudgetAlerts,
    BurnRateRule,
    Cause,
    NoData,
    Severity,
    SeverityPolicy,
    Slo,
    SloId,
    format_duration,
    group_in_id,
    ungrouped_id,
)
from app.status import RecentChanges

AlertsBySlo = Mapping[SloId, tuple[Alert, ...]]
NotificationsByKey = Mapping[str, Notification]

_NO_DATA_YET = "there is no data yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All alerts after one slot, what has changed, and what receivers are notified of.

    *notifications* are the notifications of active alerts, by key; *changed* the alerts that differ from before; *gone*
    those of SLOs that are no longer there.
    """

    alerts: dict[SloId, tuple[Alert, ...]]
    changed: tuple[Alert, ...]
    gone: tuple[Alert, ...]
    transitions: tuple[Transition, ...]
    notifications: dict[str, Notification]
    notified: tuple[Notification, ...]

    def explained(self, top_contributors: Mapping[str, str]) -> "Judgement":
        """The same with what burned it, by the keys of alerts."""
        if not top_contributors:
            return self
        return replace(
            self,
            notifications={
                key: _explained(notification, top_contributors) for key, notification in self.notifications.items()
            },
            notified=tuple(_explained(notification, top_contributors) for notification in self.notified),
        )

    def with_changes(self, recent: RecentChanges, *, interval: timedelta) -> "Judgement":
        """The same with the changes that came before its errors, or in their first slot."""
        changes = changes_before(self.notifications, recent, interval=interval) if self.notifications else {}
        if not changes:
            return self
        return replace(
            self,
            notifications={key: with_change(each, changes) for key, each in self.notifications.items()},
            notified=tuple(with_change(each, changes) for each in self.notified),
        )


def judge_all(
    members: Sequence[Member],
    figures: Figures,
    before: AlertsBySlo,
    notified_before: NotificationsByKey,
    *,
    since_resolved: SinceResolved,
    normal_rates: NormalRates,
    at: datetime,
    interval: timedelta,
    muted: Mapping[SloId, str] = MappingProxyType({}),
    left_out: Mapping[SloId, AdjustedTime] = MappingProxyType({}),
    forecast_of: ForecastOf = not_forecast,
) -> Judgement:
    """Step every alert through the slot *at*; *notified_before* are the notifications of the slot before.

    *since_resolved* are the events since alerts ended; *normal_rates* and their ledger are asked of few events. *muted*
    says of members why an adjustment mutes alerts, *left_out* which time alerts do not see, *forecast_of* the forecast.
    """
    columns = _Columns(
        figures, members, normal_rates, at=at, interval=interval, left_out=left_out, forecast_of=forecast_of
    )
    of_conditions = alerts_of_conditions(before)
    states = _States(columns, members, figures, of_conditions, at=at, muted=muted, left_out=left_out)
    conditions = judge_conditions(members, states, before, of_conditions, notified_before, at=at, muted=muted)
    alerts: dict[SloId, tuple[Alert, ...]] = dict(conditions.alerts)
    judged: list[_JudgedSlo] = []
    for index, member in enumerate(members):
        policies, known = member.slo.alerting.policies, before.get(member.id, ())
        if member.id in of_conditions:
            known = tuple(alert for alert in known if alert.cause is Cause.BURN)
        if are_at_rest(known, policies) and columns.calm(index, policies):
            of_member = conditions.alerts.get(member.id)
            alerts[member.id] = known if of_member is None else (*known, *of_member)
            continue
        state = states[index]
        no_data = conditions.policy(member.slo, state.vanished)
        one = judge_slo(columns, index, known, state, since_resolved=since_resolved, no_data=no_data, at=at)
        alerts[member.id] = (*one.alerts, *alerts.get(member.id, ()))
        judged.append(one)
    transitions = [*conditions.transitions, *(change for one in judged for change in one.transitions)]
    asserted = [each for one in judged for each in one.asserted]
    notifications = conditions.notifications | columns.notifications(asserted, notified_before, at=at)
    # Before what has changed is notified, so that those notifications have the new labels.
    notifications, relabelled = relabel(notifications, notified_before, at=at)
    notified = (*notifications_for(transitions, notifications, notified_before), *relabelled)
    documents = {member.slo.id: member.documented for member in members}
    # Last, since only now it is known which alerts of the slot before have no SLO any more.
    unseen = unseen_members(before, alerts, members, at=at)
    alerts |= unseen.alerts
    notifications |= unseen.notifications(notified_before)
    gone, ended, final = _leave(before, alerts, notified_before, documents=documents, at=at)
    return Judgement(
        alerts=alerts,
        changed=(*conditions.changed, *(alert for one in judged for alert in one.changed), *unseen.changed),
        gone=(*gone, *conditions.gone, *(alert for one in judged for alert in one.switched_off)),
        transitions=(*transitions, *unseen.transitions, *ended),
        notifications=notifications,
        notified=(*notified, *final),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _JudgedSlo:
    """The alerts of one SLO after a slot: *asserted* are the active ones, each with its member's index and reading."""

    alerts: tuple[Alert, ...]
    changed: tuple[Alert, ...]
    switched_off: tuple[Alert, ...]
    transitions: tuple[Transition, ...]
    asserted: tuple[tuple[int, Alert, Reading], ...]


def judge_slo(
    columns: "_Columns",
    index: int,
    known: tuple[Alert, ...],
    state: State,
    *,
    since_resolved: SinceResolved,
    no_data: NoData,
    at: datetime,
) -> _JudgedSlo:
    """Step the burn-rate alerts of one SLO, or of one member of its group, through the slot *at*."""
    member = columns.members[index]
    policies, error_budget = member.slo.alerting.policies, member.slo.error_budget
    active = any(alert.state is not AlertState.INACTIVE for alert in known)
    # While a ticket fires, its page is at rest most of the time, and the other way round.
    resting = () if state.muted is not None else columns.resting(index, known)
    readings = {
        policy.severity: columns.reading(index, policy, error_budget, stale=state.stale, with_evidence=active)
        for policy in policies
        if policy.severity not in resting
    }
    for alert in known:
        since_end = None if alert.resolved_at is None else since_resolved.get(alert.key)
        if since_end is not None and alert.severity in readings:
            readings[alert.severity] = replace(readings[alert.severity], since_end=since_end)
    if state.muted is not None:
        # Nor does it count as missing data, for any setting of the SLO.
        readings = {
            severity: replace(reading, muted=state.muted, stale=False) for severity, reading in readings.items()
        }
    # Of the document: scrapes that become rarer widen the windows, and that is no change of the SLO.
    severities = {*(policy.severity for policy in policies), *(alert.severity for alert in known)}
    definitions = {severity: _definition_of_burn(member, severity) for severity in severities}
    for alert in known:
        policy = member.slo.alerting.policy(alert.severity)
        changed = alert.fired_by is not None and alert.fired_by.sli != definitions[alert.severity].sli
        if changed and policy is not None and alert.severity in readings:
            untrusted = columns.untrusted(index, alert, policy)
            readings[alert.severity] = replace(readings[alert.severity], untrusted=untrusted)
    stepped, changes = step_slo(
        known,
        readings,
        policies,
        slo=member.id,
        at=at,
        no_data=no_data,
        ended=state.vanished.ended,
        definitions=definitions,
        resting=resting,
    )
    # An alert whose severity was switched off in the document has no policy to compose a notification by.
    asserting = (alert for alert in stepped if alert.is_notified and alert.severity in readings)
    return _JudgedSlo(
        alerts=stepped,
        changed=stepped if stepped != known else (),
        switched_off=tuple(alert for alert in known if member.slo.alerting.policy(alert.severity) is None),
        transitions=changes,
        asserted=tuple((index, alert, readings[alert.severity]) for alert in asserting),
    )


def _definition_of_burn(member: Member, severity: Severity) -> Definition:
    """The definition of a burn-rate alert of a member, which is the same as long as the member is."""
    found = member.definitions.get(severity)
    if found is None:
        found = member.definitions[severity] = definition_of(member.documented, Cause.BURN, severity)
    return found


class _States:
    """What is known of each member at the slot *at*; SLOs at rest are not asked for."""

    def __init__(
        self,
        columns: "_Columns",
        members: Sequence[Member],
        figures: Figures,
        of_conditions: AlertsBySlo,
        *,
        at: datetime,
        muted: Mapping[SloId, str],
        left_out: Mapping[SloId, AdjustedTime],
    ) -> None:
        self._columns = columns
        self._muted = muted
        self._vanished = vanished(members, figures, columns.stale, at_s=at.timestamp())
        without_traffic = {
            slo_id
            for slo_id, alerts in of_conditions.items()
            if any(alert.cause is Cause.NO_TRAFFIC and alert.firing for alert in alerts)
        }
        firing = {index for index, member in enumerate(members) if member.id in without_traffic}
        self._traffic_stopped = traffic_stopped(members, figures, columns.ledger, firing=firing, left_out=left_out)

    @property
    def stale(self) -> Sequence[bool]:
        """As in `State`."""
        return self._columns.stale

    def __getitem__(self, index: int) -> State:
        return self._columns.state(
            index,
            self._vanished.get(index, PRESENT),
            traffic_stopped=self._traffic_stopped.get(index),
            muted=self._muted.get(self._columns.members[index].id),
        )


def burning_members(members: Sequence[Member], figures: Figures, alerts: AlertsBySlo) -> Iterator[Member]:
    """Members without a firing alert of which a short window reaches its factor, the fastest burn first."""
    # Few members burn at all: only those are looked at one by one.
    fastest = np.fmax.reduce([window.burn_rate for window in figures.windows.values()])
    for index in np.argsort(-np.nan_to_num(fastest), kind="stable").tolist():
        member = members[index]
        # Sorted by burn rate: no slower one can reach a factor, which is at least 1. NaN, no events, is last.
        if not fastest[index] >= 1.0:
            return
        firing = any(alert.firing and alert.cause is Cause.BURN for alert in alerts.get(member.id, ()))
        rules = (rule for policy in member.slo.alerting.policies for rule in policy.rules)
        if not firing and any(figures.windows[rule.short].burn_rate[index] >= rule.factor for rule in rules):
            yield member


def alerts_for(member: Member, alerts: AlertsBySlo) -> tuple[Alert, ...]:
    """The alerts that are shown with a member: its own, and those of the SLO whose group it is of."""
    own = alerts.get(member.id, ())
    return own if member.id == member.slo.id else (*own, *alerts.get(member.slo.id, ()))


def _leave(
    before: AlertsBySlo,
    after: AlertsBySlo,
    notified_before: NotificationsByKey,
    *,
    documents: Mapping[SloId, Slo],
    at: datetime,
) -> tuple[tuple[Alert, ...], tuple[Transition, ...], tuple[Notification, ...]]:
    """The alerts of SLOs that are gone, their last transitions, and the all-clear that says why.

    *documents* are all SLOs that are there.
    """
    ends = {slo: _why_gone(slo, alerts, documents) for slo, alerts in before.items() if slo not in after}
    gone = tuple(alert for slo in ends for alert in before[slo])
    ended = tuple(change for slo, end in ends.items() for change in retire(before[slo], at=at, end=end))
    final_notifications = tuple(
        resolve(notified_before[alert.key], at=at, end=ends[alert.slo])
        for alert in gone
        if alert.is_notified and alert.key in notified_before
    )
    return gone, ended, final_notifications


def _why_gone(member: SloId, alerts: Sequence[Alert], documents: Mapping[SloId, Slo]) -> End:
    slo = documents.get(ungrouped_id(member))
    if slo is None:
        return SLO_REMOVED
    if group_in_id(member, slo.sli.by) is None:
        return GROUP_CHANGED
    fired_by = next((alert.fired_by for alert in alerts if alert.fired_by is not None), None)
    return end_of_member(fired_by, definition_of(slo, Cause.BURN, Severity.PAGE))


def _explained(notification: Notification, top_contributors: Mapping[str, str]) -> Notification:
    text = top_contributors.get(notification.key)
    return notification if text is None else replace(notification, top_contributors=text)


class _Columns:
    """Figures as lists, since reading numpy element by element is slow."""

    def __init__(
        self,
        figures: Figures,
        members: Sequence[Member],
        normal_rates: NormalRates,
        *,
        at: datetime,
        interval: timedelta,
        left_out: Mapping[SloId, AdjustedTime],
        forecast_of: ForecastOf,
    ) -> None:
        self.members = members
        self._forecast_of = forecast_of
        self._left_out = left_out
        self.ledger = normal_rates.ledger
        self._normal_rates = normal_rates
        self.as_of = figures.as_of_s.tolist()
        at_s, interval_s = at.timestamp(), interval.total_seconds()
        self.stale = [
            is_stale(as_of_s, at_s=at_s - member.tracked.later_by_s, interval_s=interval_s)
            for as_of_s, member in zip(self.as_of, members, strict=True)
        ]
        self.budget_remaining = figures.budget.remaining.tolist()
        self._lasts_s = figures.exhausted_in_s.tolist()
        self._start_s = figures.start_s.tolist()
        self._allowed_events = figures.budget.total_events.tolist()
        self._leaves_in_s = figures.leaves_in_s.tolist()
        self._elapsed = figures.elapsed.tolist()
        self._windows: dict[timedelta, _Window] = {}
        self._figures = figures
        self._calm: dict[BurnRateRule, list[bool]] = {}
        # By the identity of rules, which many SLOs share.
        self._calm_by_rules: dict[int, tuple[list[bool], ...]] = {}
        self._hides_errors = hides_errors(figures)
        self._ended_s = figures.ended_s.tolist()
        # Nothing keeps the figures of these members from showing that they are calm, but for partial data.
        self._sound = [
            not (stale or hides or ended_s == ended_s)  # noqa: PLR0124  NaN
            for stale, hides, ended_s in zip(self.stale, self._hides_errors, self._ended_s, strict=True)
        ]
        self._window_read = figures.window_read.tolist()
        self.missing_totals = missing_totals(figures, members, self.stale, self.ledger, at_s=at_s, left_out=left_out)

    def calm(self, index: int, policies: Sequence[SeverityPolicy]) -> bool:
        """Whether no rule trips and all are well enough measured to know that: most of the SLOs, most of the time."""
        tracked = self.members[index].tracked
        if not self._sound[index] or tracked.partial is not None:
            return False
        for policy in policies:
            for calm in self._calm_by_all(policy.rules):
                if not calm[index]:
                    return False
        return tracked.partial_history is None or all(self.partial(index, policy) is None for policy in policies)

    def resting(self, index: int, known: Sequence[Alert]) -> Collection[Severity]:
        """The severities whose alerts are at rest and whose rules are calm: judged, these would stay as they are."""
        # What is estimated at the usual traffic is not what windows hold.
        if index in self.missing_totals:
            return ()
        alerting = self.members[index].slo.alerting
        policies = [(alert, (policy,)) for alert in known if (policy := alerting.policy(alert.severity)) is not None]
        return [alert.severity for alert, own in policies if are_at_rest((alert,), own) and self.calm(index, own)]

    def _calm_by_all(self, rules: tuple[BurnRateRule, ...]) -> tuple[list[bool], ...]:
        calm = self._calm_by_rules.get(id(rules))
        if calm is None:
            calm = self._calm_by_rules[id(rules)] = tuple(self._calm_by(rule) for rule in rules)
        return calm

    def _calm_by(self, rule: BurnRateRule) -> list[bool]:
        calm = self._calm.get(rule)
        if calm is None:
            long, short = self._figures.windows[rule.long], self._figures.windows[rule.short]
            calm = self._calm[rule] = is_calm(
                rule,
                burn_rates=(long.burn_rate, short.burn_rate),
                coverages=(long.coverage, short.coverage),
            ).tolist()
        return calm

    def state(self, index: int, gone_alone: Vanished, *, traffic_stopped: bool | None, muted: str | None) -> State:
        """What the conditions of one member are judged by."""
        wanted = self.members[index].slo.alerting.budget
        return State(
            as_of_s=self.as_of[index],
            stale=self.stale[index],
            remaining=self.budget_remaining[index],
            lasts_s=self._lasts_s[index],
            estimated=self._is_estimated(index),
            counts=self._budget_counts(index) if wanted is not None else None,
            exhausting_burn_rate=math.nan if wanted is None else self._exhausting_burn_rate(index, wanted),
            forecast=NoForecast.PENDING if wanted is None else self._forecast_of(self.members[index].id),
            window_read=self._window_read[index],
            vanished=gone_alone,
            traffic_stopped=traffic_stopped,
            bad_goes_on=index in self.missing_totals,
            muted=muted,
        )

    def _is_estimated(self, index: int) -> bool:
        whole, error_budget = self._figures.slo_window, self.members[index].slo.error_budget
        return is_estimated(
            float(whole.bad[index]), float(whole.total[index]), error_budget, elapsed=self._elapsed[index]
        )

    def _budget_counts(self, index: int) -> BudgetCounts:
        slo, whole, lately = self.members[index].slo, self._figures.slo_window, self._figures.windows[HOUR]
        return BudgetCounts(
            bad=float(whole.bad[index]),
            total=float(whole.total[index]),
            lately_bad=float(lately.bad[index]),
            lately_total=float(lately.total[index]),
            error_budget=slo.error_budget,
            elapsed=self._elapsed[index],
            history_unread=not self._window_read[index],
        )

    def _exhausting_burn_rate(self, index: int, wanted: BudgetAlerts) -> float:
        if wanted.runs_out_within is None:
            return math.nan
        hour = self._figures.windows[HOUR]
        measured_s = float(self.as_of[index] - self._figures.data_since_s[index])
        return exhausting_burn_rate(
            wanted.runs_out_within.total_seconds(),
            remaining_events=float(self._figures.budget.remaining_events[index]),
            # A service that began minutes ago has its events of these minutes, not of an hour.
            events_per_s=float(hour.total[index]) / min(max(measured_s, 1.0), HOUR.total_seconds()),
            error_budget=self.members[index].slo.error_budget,
            leaves_in_s=self._leaves_in_s[index],
        )

    def notifications(
        self, asserted: Sequence[tuple[int, Alert, Reading]], notified_before: NotificationsByKey, *, at: datetime
    ) -> dict[str, Notification]:
        """By key, the notifications of active burn-rate alerts; each with its member's index and its reading."""
        ongoing = [
            incident
            for index, alert, _ in asserted
            # A frozen alert keeps the figures of its last notification.
            if alert.frozen is None and (incident := self._incident(index, alert, notified_before)) is not None
        ]
        errors = incident_errors(ongoing, self.ledger)
        found = {}
        for index, alert, reading in asserted:
            member = self.members[index]
            policy = member.slo.alerting.policy(alert.severity)
            if policy is None:
                continue
            found[alert.key] = compose(
                alert,
                reading,
                policy,
                slo=member.slo,
                group=member.group,
                budget_remaining=self.budget_remaining[index],
                budget_estimated=self._is_estimated(index),
                at=at,
                last=notified_before.get(alert.key),
                errors=errors.get(alert.key),
                exhausted_at=exhaustion_time(self.as_of[index], self._lasts_s[index]),
            )
        return found

    def _incident(self, index: int, alert: Alert, notified_before: NotificationsByKey) -> OngoingIncident | None:
        """The incident of an alert that fires; None if no rule of windows fires it."""
        member = self.members[index]
        policy = member.slo.alerting.policy(alert.severity)
        rule = next((rule for rule in policy.rules if rule.name == alert.tier), None) if policy is not None else None
        if member.row is None or rule is None or alert.since is None:
            return None
        # The page and the ticket of one incident have one beginning.
        known = [
            notification
            for severity in Severity
            if (notification := notified_before.get(alert_key(alert.slo, severity))) is not None
            and notification.incident == alert.incident
        ]
        return OngoingIncident(
            key=alert.key,
            row=member.row,
            rule=rule,
            error_budget=member.slo.error_budget,
            allowed_events=self._allowed_events[index],
            fired_s=alert.since.timestamp(),
            as_of_s=self.as_of[index],
            window_start_s=self._start_s[index],
            first_bad_s=min((one.first_bad_at.timestamp() for one in known if one.first_bad_at), default=None),
            last_bad_s=max((one.last_bad_at.timestamp() for one in known if one.last_bad_at), default=None),
        )

    def reading(
        self, index: int, policy: SeverityPolicy, error_budget: float, *, stale: bool, with_evidence: bool
    ) -> Reading:
        """What one severity of one member is judged by; with the evidence for it if it burns or *with_evidence*."""
        missing = self.missing_totals.get(index)
        estimated = None if missing is None else missing.reading(policy, error_budget, self.ledger)
        if estimated is not None:
            return estimated
        return reading_of(
            _MemberWindows(self, index),
            policy,
            error_budget=error_budget,
            with_evidence=with_evidence,
            stale=stale,
            stale_because=self._stale_because(index) if stale else None,
            partial=self.partial(index, policy),
            of_some_sources=self.members[index].tracked.of_some_sources,
        )

    def _stale_because(self, index: int) -> str | None:
        never_measured = math.isnan(self.as_of[index])
        return why_not_measured(self.members[index].tracked) or (_NO_DATA_YET if never_measured else None)

    def untrusted(self, index: int, alert: Alert, policy: SeverityPolicy) -> str | None:
        """Why an SLI that was changed while its alert fires does not show that it is over; None if it does."""
        if not self._figures.bad_ever[index] > 0:
            return bad_never_matched(self.members[index].tracked) or "it has counted no bad events so far"
        measured_s = self.as_of[index] - float(self._figures.data_since_s[index])
        length = long_window(alert, policy)
        if measured_s < length.total_seconds():
            return f"it has been measured for less than {format_duration(length)}"
        return None

    def partial(self, index: int, policy: SeverityPolicy) -> str | None:
        """Why what was counted of a member may show a burn, but never that there is none; None if it may."""
        if self._hides_errors[index]:
            return "more good events than events are counted, which hides errors"
        ended_s, tracked = self._ended_s[index], self.members[index].tracked
        if ended_s == ended_s:  # noqa: PLR0124  NaN
            return ended_series(tracked, ended_s)
        longest_s = max(rule.long.total_seconds() for rule in policy.rules)
        if tracked.partial_history is not None and self.as_of[index] - longest_s < tracked.complete_from_s:
            return tracked.partial_history_explained
        return tracked.partial_explained

    def window(self, index: int, length: timedelta) -> MeasuredWindow:
        """The figures of a window of one member."""
        window = self._windows.get(length)
        if window is None:
            window = self._windows[length] = _Window(self._figures.windows[length])
        return MeasuredWindow(
            burn_rate=window.burn_rate[index],
            good=window.good[index],
            bad=window.bad[index],
            coverage=window.coverage[index],
        )

    def bad_slots(self, index: int, length: timedelta) -> float:
        """In how many slots of a window of one member events were bad."""
        row, end_s = self.members[index].row, self.as_of[index]
        if row is None:
            return math.inf
        left_out = self._left_out.get(self.members[index].id)
        return bad_slots(self.ledger, row, start_s=end_s - length.total_seconds(), end_s=end_s, left_out=left_out)

    def normal_rate(self, index: int) -> NormalRate | None:
        """What share of the events of one member is normally bad, None where that is not known."""
        row, end_s = self.members[index].row, self.as_of[index]
        return None if row is None or math.isnan(end_s) else self._normal_rates.of(row, end_s)


class _Window:
    def __init__(self, window: WindowFigures) -> None:
        self.burn_rate = window.burn_rate.tolist()
        self.coverage = window.coverage.tolist()
        self.good = (window.total - window.bad).tolist()
        self.bad = window.bad.tolist()


@dataclass(frozen=True, slots=True)
class _MemberWindows:
    """The windows of one member, as alerts are judged by them."""

    columns: _Columns
    index: int

    def window(self, length: timedelta) -> MeasuredWindow:
        """The figures of a window."""
        return self.columns.window(self.index, length)

    def bad_slots(self, length: timedelta) -> float:
        """In how many slots of a window events were bad: a search in the ledger."""
        return self.columns.bad_slots(self.index, length)

    def normal_rate(self) -> NormalRate | None:
        """What share of the events is normally bad: once a day a search in the ledger."""
        return self.columns.normal_rate(self.index)
