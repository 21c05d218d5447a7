"""Snapshots as a tick would publish them, for the rooms that display."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.alerting import default_policies
from app.sli import sli_of_bad, sli_of_good
from app.slo import (
    Alerting,
    AlertState,
    GroupKey,
    Labels,
    Matcher,
    MatchOp,
    RollingWindow,
    Selector,
    Severity,
    Slo,
    SloId,
    Window,
    group_id,
)
from app.status import (
    AlertView,
    BudgetView,
    DataState,
    HealthState,
    Problem,
    ProblemCode,
    ProblemLevel,
    Progress,
    Snapshot,
    WindowView,
)

AS_OF = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATA_SINCE = AS_OF - timedelta(days=109)
STANDARD_WINDOWS = tuple(timedelta(minutes=minutes) for minutes in (5, 30, 60, 120, 360, 1440, 4320))
QUIET_ALERTS = (
    AlertView(severity=Severity.PAGE, state=AlertState.INACTIVE, since=None, tier=None),
    AlertView(severity=Severity.TICKET, state=AlertState.INACTIVE, since=None, tier=None),
)
NAN = float("nan")


def an_slo(
    service: str = "checkout",
    name: str = "availability",
    *,
    objective: float = 0.999,
    window: Window = RollingWindow(timedelta(days=30)),  # noqa: B008  frozen
    labels: Labels = (("team", "payments"),),
    by: tuple[str, ...] = (),
) -> Slo:
    """An SLO over bad and total counters."""
    total = Selector(
        (Matcher("__name__", MatchOp.EQUAL, "http_requests_total"), Matcher("job", MatchOp.EQUAL, service))
    )
    bad = total.with_matchers(Matcher("code", MatchOp.REGEX, "5.."))
    return Slo(
        id=SloId(f"{service}-{name}"),
        service=service,
        name=name,
        objective=objective,
        window=window,
        sli=sli_of_bad(total=total, bad=bad, by=by),
        description="Requests succeed.",
        labels=labels,
        alerting=Alerting(policies=default_policies(window, objective)),
    )


def a_latency_slo(histogram: str = "http_request_duration_seconds", *, by: tuple[str, ...] = ()) -> Slo:
    """An SLO over the bucket of a histogram up to 0.3."""
    count = Selector((Matcher("__name__", MatchOp.EQUAL, f"{histogram}_count"),))
    within = Selector((Matcher("__name__", MatchOp.EQUAL, f"{histogram}_bucket"), Matcher("le", MatchOp.EQUAL, "0.3")))
    return replace(an_slo(name="speed"), sli=sli_of_good(total=count, good=within, by=by))


def problems_in_words(text: str | None, level: ProblemLevel) -> tuple[Problem, ...]:
    """One problem with these words, none without words."""
    return () if text is None else (Problem(code=ProblemCode.NO_SERIES, level=level, detail=text),)


def a_snapshot(  # a builder has as many arguments as there is to vary
    slo: Slo | None = None,
    *,
    group: GroupKey = (),
    good: float = 999_530.0,
    bad: float = 470.0,
    data: DataState = DataState.FRESH,
    health: HealthState = HealthState.MEETING,
    problem: str | None = None,
    alerts: Sequence[AlertView] = QUIET_ALERTS,
    backfill: Progress | None = None,
    data_since: datetime | None = DATA_SINCE,
) -> Snapshot:
    """A snapshot whose figures agree with each other."""
    slo = slo or an_slo()
    total = good + bad
    sli = good / total if total else NAN
    consumed = bad / (total * slo.error_budget) if total else 0.0
    start, end = slo.window.bounds(AS_OF)
    return Snapshot(
        id=group_id(slo.id, group),
        slo=slo,
        group=group,
        as_of=AS_OF,
        window_start=start,
        window_end=end,
        data=data,
        problems=problems_in_words(problem, ProblemLevel.WARNING),
        data_since=data_since,
        coverage=0.998,
        health=health,
        sli=sli,
        good=good,
        bad=bad,
        total=total,
        budget=BudgetView(
            total_events=total * slo.error_budget,
            consumed_ratio=consumed,
            remaining_ratio=1 - consumed,
            remaining_events=total * slo.error_budget - bad,
            exhausted_at=None,
            month_remaining_ratio=1 - consumed / 2,
        ),
        windows=tuple(
            WindowView(
                window=window,
                burn_rate=consumed,
                sli=sli,
                good=good / 100,
                bad=bad / 100,
                total=total / 100,
                coverage=1.0,
            )
            for window in STANDARD_WINDOWS
        ),
        alerts=tuple(alerts),
        good_ever=good * 2,
        bad_ever=bad * 2,
        backfill=backfill,
        refused_members=0 if slo.sli.by else None,
    )


def an_unmeasured_snapshot(slo: Slo | None = None, *, problem: str = "no series match") -> Snapshot:
    """A snapshot before anything was measured: every figure is unknown."""
    slo = slo or an_slo()
    return Snapshot(
        id=slo.id,
        slo=slo,
        group=(),
        as_of=None,
        window_start=None,
        window_end=None,
        data=DataState.ERROR,
        problems=problems_in_words(problem, ProblemLevel.ERROR),
        data_since=None,
        coverage=0.0,
        health=HealthState.UNKNOWN,
        sli=NAN,
        good=0.0,
        bad=0.0,
        total=0.0,
        budget=BudgetView(
            total_events=NAN, consumed_ratio=NAN, remaining_ratio=NAN, remaining_events=NAN, exhausted_at=None
        ),
        windows=tuple(
            WindowView(window=window, burn_rate=NAN, sli=NAN, good=0.0, bad=0.0, total=0.0, coverage=0.0)
            for window in STANDARD_WINDOWS
        ),
        alerts=QUIET_ALERTS,
        good_ever=0.0,
        bad_ever=0.0,
        backfill=Progress(done_hours=12.0, wanted_hours=720.0),
    )
