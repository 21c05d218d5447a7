"""Conditions of an SLO that open a ticket of their own: its data is missing, its budget is going or gone (ADR-0016).

Their alerts have the life cycle of burn-rate alerts, but no windows: the caller says whether a condition holds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.alerting.alert import Alert, Transition, TransitionKind
from app.alerting.definition import definition_of
from app.alerting.ends import SUPERSEDED, SWITCHED_OFF, End
from app.alerting.evidence import BudgetCounts
from app.alerting.lifecycle import retire, step_condition
from app.alerting.notifications.notification import Notification, firing_notification
from app.slo import AlertState, BudgetAlerts, Cause, Evidence, GroupKey, Severity, Slo, SloId, format_duration

ALERTNAMES = {
    Cause.NO_DATA: "SLODataUnavailable",
    Cause.NO_TRAFFIC: "SLOTrafficStopped",
    Cause.BUDGET_CONSUMED: "ErrorBudgetConsumed",
    Cause.BUDGET_RUNS_OUT: "ErrorBudgetRunsOut",
    Cause.BUDGET_EXHAUSTED: "ErrorBudgetExhausted",
    # Not a condition that is stepped here: a state of the error budget policy, of which the gate notifies.
    Cause.POLICY: "ErrorBudgetPolicy",
}
_RECORDED = frozenset({TransitionKind.FIRED, TransitionKind.UNMUTED, TransitionKind.RESOLVED})
# Hysteresis: a ticket that fires ends below this share of its threshold. A rolling budget goes up and down with the
# events that leave and enter its window, 3.3% of them a day at 30 days, and one near its threshold would open a ticket
# a day.
_SLACK = 0.95
# The same for the date of exhaustion, which moves more: it ends when the budget lasts a quarter longer than it warns
# of.
_LONGER = 1.25
# A burn rate of minutes changes quickly: only a date of exhaustion that stays near for half an hour is worth a ticket.
_SETTLED = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCondition:
    """Whether something *holds* now; None where that is not known, and everything stays as it is.

    *says* puts it into words that follow the name of the SLO, *name* is short and never changes. *ended* says why its
    alert ends, where that is not because it no longer holds; *muted* that the page of the same SLO mutes it.
    """

    cause: Cause
    holds: bool | None
    name: str
    says: str
    pending_for: timedelta = timedelta(0)
    ended: End | None = None
    severity: Severity = Severity.TICKET
    muted: bool = False

    def without_member(self, end: End) -> "AlertCondition":
        """The condition of a member that is no longer reported: it does not hold, since it cannot be judged."""
        return replace(self, holds=False, ended=end)


def no_data(
    *,
    missing: bool,
    since: datetime | None,
    query: str,
    no_data_for: timedelta,
    at: datetime,
    unanswered: str | None = None,
    refusal: str | None = None,
    partial: str | None = None,
    bad_goes_on: bool = False,
) -> AlertCondition:
    """The condition that the SLO has had no data for a while: *since* its newest, or ever.

    So it is where data has been *partial* since then, which says what is missing.

    Where there was some its age decides, so that a restart in between changes nothing. *unanswered* says why Prometheus
    does not answer the *query*, None if it does; *refusal* why it is not asked; *bad_goes_on* that bad events come.
    """
    ever = "ever" if since is None else f"since {since:%Y-%m-%d %H:%M} UTC"
    why = f"{query} has no new samples" if unanswered is None else f"Prometheus gives none ({unanswered})"
    why = refusal or why
    if bad_goes_on and unanswered is None and refusal is None:
        # Not about the page: whether it fires is said by itself.
        why += ", while bad events are still counted"
    says = (
        f"no data {ever}, so alerts cannot be judged: {why}" if partial is None else f"partial data {ever}: {partial}"
    )
    return AlertCondition(
        cause=Cause.NO_DATA,
        # The age of the newest sample survives a restart, a `for` that is counted would begin again with it. Only where
        # there never was a sample is there no age to go by.
        holds=missing and (since is None or at - since >= no_data_for),
        name="no data",
        says=says,
        pending_for=no_data_for if since is None else timedelta(0),
    )


def no_traffic(*, stopped: bool | None, severity: Severity, no_traffic_for: timedelta, muted: bool) -> AlertCondition:
    """The condition that no events come although they did at that time before; *stopped* is None if unknown."""
    return AlertCondition(
        cause=Cause.NO_TRAFFIC,
        holds=stopped,
        name="no traffic",
        says=f"no events for {format_duration(no_traffic_for)} or longer, although there were at this time before",
        severity=severity,
        muted=muted,
    )


def of_budget(
    wanted: BudgetAlerts,
    firing: frozenset[Cause],
    *,
    consumed: float,
    lasts_s: float,
    counts: BudgetCounts | None = None,
    evidence: Evidence | None = None,
    exhausting_burn_rate: float = math.nan,
    forecast_lasts_s: float | None = math.nan,
) -> tuple[AlertCondition, ...]:
    """The conditions of an error budget of which *consumed* is spent, and the rest lasts *lasts_s* seconds.

    Args:
        wanted: which of them the SLO asks for.
        firing: which of them fire; those end a little later than they begin, so that they do not come and go.
        consumed: a ratio; NaN where it is not known, such as without data.
        lasts_s: NaN if it lasts the SLO window, or is not known.
        counts: the events behind that; a ticket that does not fire yet asks them for *evidence*, if both are given.
        evidence: how sure a ticket must be.
        exhausting_burn_rate: the burn rate of the last hour at which none would be left within the time that is wanted;
            NaN only where there are no *counts*.
        forecast_lasts_s: how long the rest lasts by its forecast; infinity beyond its horizon, NaN without a forecast,
            None where one is still to be made.
    """
    known = not math.isnan(consumed)
    shown = _Shown(counts=counts, evidence=evidence, firing=firing)
    # None keeps the alert as it is: a budget that is not known now was not refilled by that.
    exhausted = consumed >= 1.0 and shown.spent(1.0, Cause.BUDGET_EXHAUSTED) if known else None
    # Of two tickets about one budget only the more urgent one fires.
    superseded = wanted.exhausted and (exhausted or (exhausted is None and Cause.BUDGET_EXHAUSTED in firing))
    conditions = []
    if wanted.consumed is not None:
        limit = wanted.consumed * (_SLACK if Cause.BUDGET_CONSUMED in firing else 1.0)
        spent = consumed >= limit and shown.spent(wanted.consumed, Cause.BUDGET_CONSUMED) if known else None
        conditions.append(_consumed(wanted.consumed, holds=spent))
    if wanted.runs_out_within is not None:
        fires = Cause.BUDGET_RUNS_OUT in firing
        # NaN (lasts the whole window) compares as false, so that a budget that lasts ends the ticket.
        limit_s = wanted.runs_out_within.total_seconds() * (_LONGER if fires else 1.0)
        at_this_rate = by_forecast = None
        if known:
            at_this_rate = lasts_s <= limit_s and shown.burns(exhausting_burn_rate)
        if known and forecast_lasts_s is not None:
            # A forecast knows chance; but where two failures spend a budget, one is no reason for a ticket.
            by_forecast = forecast_lasts_s <= limit_s and shown.spent(min(consumed, 1.0), Cause.BUDGET_RUNS_OUT)
        conditions.append(_runs_out(wanted.runs_out_within, at_this_rate, by_forecast, fires=fires))
    if superseded:
        conditions = [replace(one, holds=False, ended=SUPERSEDED) for one in conditions]
    if wanted.exhausted:
        says = "the error budget is exhausted, the objective is missed"
        conditions.append(AlertCondition(cause=Cause.BUDGET_EXHAUSTED, holds=exhausted, name="exhausted", says=says))
    return tuple(conditions)


def _consumed(share: float, *, holds: bool | None) -> AlertCondition:
    percent = f"{share * 100:.4g}%"
    return AlertCondition(
        cause=Cause.BUDGET_CONSUMED,
        holds=holds,
        name=f"{percent} consumed",
        says=f"{percent} of the error budget is consumed",
    )


def _runs_out(within: timedelta, at_this_rate: bool | None, by_forecast: bool | None, *, fires: bool) -> AlertCondition:
    """The nearer of both dates counts: a forecast alone would be later in an outage, most of which end soon (ADR-0081).

    After a start forecasts are still to be made: what fires goes on until then.
    """
    words = format_duration(within)
    holds = at_this_rate
    if at_this_rate is False:
        holds = None if by_forecast is None and fires else bool(by_forecast)
    says = f"at the present rate the error budget runs out within {words}"
    if by_forecast and not at_this_rate:
        says = f"the error budget is forecast to run out within {words}"
    return AlertCondition(
        cause=Cause.BUDGET_RUNS_OUT,
        holds=holds,
        name=f"runs out within {words}",
        says=says,
        pending_for=_SETTLED,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What the events show of a budget; a ticket that fires is not asked again."""

    counts: BudgetCounts | None
    evidence: Evidence | None
    firing: frozenset[Cause]

    def spent(self, share: float, cause: Cause) -> bool:
        if self.counts is None or self.evidence is None or cause in self.firing:
            return True
        return self.counts.show_that_spent(share, self.evidence)

    def burns(self, burn_rate: float) -> bool:
        if self.counts is None or self.evidence is None or Cause.BUDGET_RUNS_OUT in self.firing:
            return True
        if not burn_rate > 0:
            return self.counts.show_that_spent(1.0, self.evidence)
        return self.counts.show_that_burns(burn_rate, self.evidence)


def step_conditions(
    alerts: Sequence[Alert],
    conditions: Sequence[AlertCondition],
    *,
    slo: SloId,
    at: datetime,
    document: Slo | None = None,
) -> tuple[tuple[Alert, ...], tuple[Transition, ...]]:
    """The alerts of all conditions after the slot *at*, and what has changed; the rest is resolved.

    The *document* is the SLO as it is now: an alert that ends since it was changed has not recovered.
    """
    known = {(alert.cause, alert.severity): alert for alert in alerts}
    stepped: list[Alert] = []
    changes: list[Transition] = []
    for condition in conditions:
        alert = known.pop((condition.cause, condition.severity), None)
        alert = alert or Alert(slo=slo, severity=condition.severity, cause=condition.cause)
        # Before the definition, which costs more than all else: most conditions of most SLOs are at rest.
        if condition.holds is None or (not condition.holds and alert.state is AlertState.INACTIVE):
            stepped.append(alert)
            continue
        alert, changed = step_condition(
            alert,
            holds=condition.holds,
            name=condition.name,
            pending_for=condition.pending_for,
            at=at,
            ended=condition.ended,
            muted=condition.muted,
            definition=None if document is None else definition_of(document, condition.cause, condition.severity),
        )
        stepped.append(alert)
        # Every short gap in the data would be recorded as pending and cleared.
        changes += (one for one in changed if one.kind in _RECORDED)
    # A condition that the document no longer asks for is not stepped any more, and would fire for ever.
    changes += retire(tuple(known.values()), at=at, end=SWITCHED_OFF)
    return tuple(stepped), tuple(changes)


def compose_condition(
    alert: Alert,
    condition: AlertCondition,
    *,
    slo: Slo,
    group: GroupKey,
    budget_remaining: float,
    budget_estimated: bool = False,
    at: datetime,
    exhausted_at: datetime | None = None,
) -> Notification:
    """The notification of a condition's alert that fires; *exhausted_at* is as in `Notification`.

    Raises:
        ValueError: the alert does not fire.
    """
    notification = firing_notification(
        alert,
        slo=slo,
        group=group,
        at=at,
        alertname=ALERTNAMES[condition.cause],
        annotations=slo.alerting.annotations,
        tier=condition.name,
    )
    notification = replace(notification, cause=condition.cause, condition=condition.says)
    return (
        notification
        if condition.cause is Cause.NO_DATA
        else replace(
            notification,
            budget_remaining=budget_remaining,
            budget_estimated=budget_estimated,
            exhausted_at=exhausted_at,
        )
    )
