"""From figures to snapshots: what is shown of each member."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import repeat

import numpy as np

from app.alerting import Alert, is_estimated, is_stale
from app.budget.forecast import NoForecast, Outlook
from app.evaluation.figures.figures import Figures, WindowFigures
from app.evaluation.figures.members import Member
from app.evaluation.figures.problems import (
    contradictions,
    is_unjudgeable,
    long_bad_shares,
    noted_counters,
    problems_of,
)
from app.slo import AlertState, CalendarWindow, Cause, RollingWindow, Severity, SloId, Window
from app.slo.arrays import Ints
from app.status import (
    AlertView,
    BudgetView,
    DataState,
    HealthState,
    Progress,
    Snapshot,
    WindowView,
)

# A tenth of 30 days is left: three days at the pace that spends the budget exactly in time.
_AT_RISK = 0.1
# What is shown of nearly all alerts in nearly every evaluation; immutable, and so made once.
_AT_REST = {
    severity: AlertView(severity=severity, state=AlertState.INACTIVE, since=None, tier=None) for severity in Severity
}


ForecastOf = Callable[[SloId], Outlook | NoForecast]
"""The newest forecast of an SLO or of a member of a group, or why there is none."""


def not_forecast(_: SloId) -> NoForecast:
    """No forecast of any SLO yet."""
    return NoForecast.PENDING


def snapshots(
    members: Sequence[Member],
    figures: Figures,
    alerts: Sequence[Sequence[Alert]],
    *,
    at: datetime,
    interval: timedelta,
    forecast_of: ForecastOf,
) -> tuple[Snapshot, ...]:
    """One snapshot for each member; *alerts* are those of each, in the same order."""
    rows = _Rows(figures, members, at_s=at.timestamp(), interval_s=interval.total_seconds())
    return tuple(
        rows.snapshot(index, member, of_member, forecast_of(member.id))
        for index, (member, of_member) in enumerate(zip(members, alerts, strict=True))
    )


def with_counted(
    shown: Sequence[Snapshot],
    members: Sequence[Member],
    alerts: Sequence[Sequence[Alert]],
    counted: tuple[Ints, Figures],
    *,
    at: datetime,
    interval: timedelta,
) -> tuple[Snapshot, ...]:
    """The snapshots, those of members with adjustments each with the one that it has without them."""
    places, figures = counted[0].tolist(), counted[1]
    without = snapshots(
        [members[place] for place in places],
        figures,
        [alerts[place] for place in places],
        at=at,
        interval=interval,
        forecast_of=lambda _: NoForecast.AS_COUNTED,
    )
    complete = list(shown)
    for place, snapshot in zip(places, without, strict=True):
        complete[place] = replace(complete[place], counted=snapshot)
    return tuple(complete)


def exhaustion_time(as_of_s: float, exhausted_in_s: float) -> datetime | None:
    """When none of a budget is left that lasts some seconds more; None if it is used up, lasts, or is not known."""
    return _moment(as_of_s + exhausted_in_s) if exhausted_in_s > 0 else None


class _Rows:
    """Figures by member instead of by column; lists, since reading numpy element by element is slow."""

    def __init__(self, figures: Figures, members: Sequence[Member], *, at_s: float, interval_s: float) -> None:
        self._at_s, self._interval_s = at_s, interval_s
        moments = _Moments()
        self.as_of = figures.as_of_s.tolist()
        self.as_of_at = [moments[seconds] for seconds in self.as_of]
        self.data_since_at = [moments[seconds] for seconds in figures.data_since_s.tolist()]
        self.start = figures.start_s.tolist()
        self.start_at = [moments[seconds] for seconds in self.start]
        self.period = figures.period_s.tolist()
        self.exhausted_in = figures.exhausted_in_s.tolist()
        self.month_remaining = figures.month_remaining.tolist()
        self.good_ever = figures.good_ever.tolist()
        self.bad_ever = figures.bad_ever.tolist()
        self.budget = list(
            zip(
                figures.budget.total_events.tolist(),
                figures.budget.consumed.tolist(),
                figures.budget.remaining.tolist(),
                figures.budget.remaining_events.tolist(),
                strict=True,
            )
        )
        self.contradictions = contradictions(figures)
        self.window_read = figures.window_read.tolist()
        self.bad_shares = long_bad_shares(figures)
        self.counters = noted_counters(figures)
        young = figures.data_since_s > figures.start_s
        self.unknown_before = np.where(young, figures.data_since_s, np.nan).tolist()
        self.windows = {length: _views(repeat(length), window) for length, window in figures.windows.items()}
        self.slo_window = _views(map(_length, members), figures.slo_window)
        self.estimated = [
            is_estimated(whole.bad, whole.total, member.slo.error_budget, elapsed=elapsed)
            for whole, member, elapsed in zip(self.slo_window, members, figures.elapsed.tolist(), strict=True)
        ]
        self._windows_of: dict[tuple[Window, tuple[timedelta, ...]], list[list[WindowView]]] = {}

    def snapshot(self, index: int, member: Member, alerts: Sequence[Alert], forecast: Outlook | NoForecast) -> Snapshot:
        as_of = self.as_of_at[index]
        whole = self.slo_window[index]
        due_s = self._at_s - member.tracked.later_by_s
        stale = is_stale(self.as_of[index], at_s=due_s, interval_s=self._interval_s)
        remaining, window_read = self.budget[index][2], self.window_read[index]
        window_end = as_of
        if as_of is not None and isinstance(member.slo.window, CalendarWindow):
            window_end = _moment(self.start[index] + self.period[index])
        problems = problems_of(
            member,
            as_of,
            stale=stale,
            contradiction=self.contradictions[index],
            good=max(whole.good, self.good_ever[index]),
            bad=max(whole.bad, self.bad_ever[index]),
            counters=self.counters[index],
            window_read=window_read,
            bad_share=self.bad_shares[index],
            unknown_before_s=self.unknown_before[index],
        )
        unjudgeable, estimated = is_unjudgeable(problems), self.estimated[index]
        backfill = _progress(member)
        is_reading = backfill is not None and not stale
        return Snapshot(
            id=member.id,
            slo=member.slo,
            group=member.group,
            as_of=as_of,
            window_start=self.start_at[index],
            window_end=window_end,
            data=DataState.ERROR if unjudgeable else _data(member, as_of, stale=stale, total=whole.total),
            problems=problems,
            data_since=self.data_since_at[index],
            coverage=whole.coverage,
            health=HealthState.UNKNOWN
            if unjudgeable
            else _health(remaining, alerts, window_read=window_read, estimated=estimated),
            sli=whole.sli,
            good=whole.good,
            bad=whole.bad,
            total=whole.total,
            budget=self._budget(index, estimated=estimated),
            windows=self._windows(index, member),
            alerts=tuple(
                _alert(alert, is_reading=is_reading) for alert in alerts if alert.cause is Cause.BURN or alert.firing
            ),
            good_ever=self.good_ever[index],
            bad_ever=self.bad_ever[index],
            backfill=backfill,
            refused_members=len(member.tracked.refused_groups) if member.slo.sli.by else None,
            forecast=forecast,
        )

    def _budget(self, index: int, *, estimated: bool) -> BudgetView:
        total_events, consumed, remaining, remaining_events = self.budget[index]
        return BudgetView(
            total_events=total_events,
            consumed_ratio=consumed,
            remaining_ratio=remaining,
            remaining_events=remaining_events,
            exhausted_at=exhaustion_time(self.as_of[index], self.exhausted_in[index]),
            estimated=estimated,
            month_remaining_ratio=self.month_remaining[index],
        )

    def _windows(self, index: int, member: Member) -> tuple[WindowView, ...]:
        # Nearly all members show the same windows, which are put in order once.
        alike = member.slo.window, member.shown
        columns = self._windows_of.get(alike)
        if columns is None:
            columns = self._windows_of[alike] = self._columns(*alike)
        return tuple([column[index] for column in columns])

    def _columns(self, window: Window, shown: tuple[timedelta, ...]) -> list[list[WindowView]]:
        """The views of the windows that are shown of some members, the shortest window first."""
        columns = {length: self.windows[length] for length in shown}
        if isinstance(window, RollingWindow):
            columns.setdefault(window.duration, self.slo_window)
        return [columns[length] for length in sorted(columns)]


class _Moments(dict[float, datetime | None]):
    """Times by unix seconds, of which nearly all members have the same few; None for NaN."""

    def __missing__(self, seconds: float) -> datetime | None:
        moment = self[seconds] = _moment(seconds)
        return moment


def _length(member: Member) -> timedelta:
    """The length of a rolling SLO window; none of a calendar period."""
    return member.slo.window.duration if isinstance(member.slo.window, RollingWindow) else timedelta(0)


def _views(lengths: Iterable[timedelta], figures: WindowFigures) -> list[WindowView]:
    columns = (
        figures.burn_rate,
        figures.sli,
        figures.total - figures.bad,
        figures.bad,
        figures.total,
        figures.coverage,
    )
    # Nine of each SLO in each evaluation: made by the constructor of tuples, which is three times as fast as their own.
    rows = zip(lengths, *(column.tolist() for column in columns), strict=False)
    return list(map(partial(tuple.__new__, WindowView), rows))


def _moment(seconds: float) -> datetime | None:
    return None if math.isnan(seconds) else datetime.fromtimestamp(seconds, UTC)


def _data(member: Member, as_of: datetime | None, *, stale: bool, total: float) -> DataState:
    tracked = member.tracked
    if (
        tracked.refusal is not None
        or tracked.query_rejected
        or (as_of is None and tracked.backfilled and tracked.problem is None)
    ):
        return DataState.ERROR
    if tracked.started and not tracked.backfilled:
        return DataState.BACKFILLING
    if stale:
        return DataState.STALE
    return DataState.FRESH if total > 0 else DataState.NO_TRAFFIC


def _health(remaining: float, alerts: Sequence[Alert], *, window_read: bool, estimated: bool) -> HealthState:
    """The status of an SLO; of a window that is half read nothing is known but that a page fires.

    A budget that is *estimated* from the first events of a window is at risk where it seems exhausted.
    """
    if math.isnan(remaining):
        return HealthState.UNKNOWN
    if window_read and remaining <= 0 and not estimated:
        return HealthState.EXHAUSTED
    paged = any(alert.severity is Severity.PAGE and alert.firing for alert in alerts)
    if not window_read:
        return HealthState.AT_RISK if paged else HealthState.UNKNOWN
    return HealthState.AT_RISK if paged or remaining < _AT_RISK else HealthState.MEETING


def _alert(alert: Alert, *, is_reading: bool) -> AlertView:
    """The alert as it is shown; *is_reading*: the history that it lacks is still being read."""
    says_nothing = alert.frozen is None and alert.suppressed is None and alert.tier is None and alert.ended is None
    if says_nothing and alert.state is AlertState.INACTIVE and alert.cause is Cause.BURN:
        return _AT_REST[alert.severity]
    quiet = alert.state is AlertState.INACTIVE and alert.frozen is None
    reason = alert.frozen or alert.suppressed
    if is_reading and alert.frozen is not None and alert.frozen_cause is None:
        reason = f"history is being read: {reason}"
    return AlertView(
        severity=alert.severity,
        state=alert.shown_state,
        since=None if quiet else alert.since,
        tier=alert.tier if alert.firing or alert.frozen is None else None,
        reason=reason,
        cause=alert.cause,
        muted=alert.firing and alert.muted,
        ended_at=None if alert.ended is None else alert.resolved_at,
        ended=alert.ended,
    )


def _progress(member: Member) -> Progress | None:
    tracked = member.tracked
    if not tracked.started or tracked.backfilled:
        return None
    return Progress(
        done_hours=(tracked.settled_s - tracked.complete_from_s) / 3600,
        wanted_hours=(tracked.settled_s - tracked.wanted_from_s) / 3600,
    )
