"""The time of an incident as a drawing: the share of bad events in each step, and the budget left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.slo import rounded_percent
from app.status import HistoryPoint
from app.store.incidents import Incident
from app.ui.views import moment
from app.wording.sentences import event_words, share

WIDTH, HEIGHT = 600, 90
"""The size of each drawing, in units of its own."""
# Before and after the incident, in parts of its length: what was normal is seen beside it.
_AROUND = 0.35
_SHORTEST = timedelta(minutes=10)
_STEPS = 80
_SHORTEST_STEP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The bad events of one step; *title* has the exact figures."""

    x: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChart:
    """Two drawings over the time from *start* to *end*: bars, and the *line* of the budget left.

    *fired* is where the alert fires, as x and width; *highest* the share of the highest bar; *budgets* the highest and
    the lowest budget of the line.
    """

    start: datetime
    end: datetime
    bars: tuple[Bar, ...]
    highest: str
    objective_y: float
    line: str
    budgets: tuple[str, str] | None
    fired: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSpan:
    """What the chart of an incident shows."""

    start: datetime
    end: datetime
    step: timedelta


def chart_span(incident: Incident, now: datetime) -> ChartSpan:
    """The time of an incident, with some around it."""
    first = min(filter(None, (incident.first_bad_at, incident.started_at)))
    last = max(incident.ended_at or now, first)
    around = max((last - first) * _AROUND, _SHORTEST)
    # What is not over yet has nothing behind it.
    end = min(last + around, max(now, last))
    step = max(_SHORTEST_STEP, timedelta(seconds=math.ceil((end - first + around).total_seconds() / _STEPS / 30) * 30))
    return ChartSpan(start=first - around, end=end, step=step)


def incident_chart(
    points: Sequence[HistoryPoint], incident: Incident, span: ChartSpan, now: datetime
) -> IncidentChart | None:
    """The drawing; None where nothing is known of that time any more."""
    known = [point for point in points if point.total > 0]
    if not known:
        return None
    length = (span.end - span.start).total_seconds()

    def x(at: datetime) -> float:
        return round(min(1.0, max(0.0, (at - span.start).total_seconds() / length)) * WIDTH, 1)

    highest = max(point.bad / point.total for point in known)
    objective = 1 - incident.notification.objective
    top = max(highest, objective) or 1.0
    begins, ends = x(incident.started_at), x(incident.ended_at or now)
    line, budgets = _line([(x(point.at), point.budget_remaining_ratio) for point in points])
    return IncidentChart(
        start=span.start,
        end=span.end,
        bars=tuple(
            Bar(
                x=x(point.at - span.step),
                width=max(1.0, round(x(point.at) - x(point.at - span.step) - 0.5, 1)),
                height=round(point.bad / point.total / top * (HEIGHT - 4), 1),
                title=_title(point),
            )
            for point in known
        ),
        highest=share(highest),
        objective_y=round(HEIGHT - objective / top * (HEIGHT - 4), 1),
        line=line,
        budgets=budgets,
        fired=(begins, max(2.0, round(ends - begins, 1))),
    )


def _line(points: Sequence[tuple[float, float]]) -> tuple[str, tuple[str, str] | None]:
    known = [(x, left) for x, left in points if math.isfinite(left)]
    if not known:
        return "", None
    lowest, highest = min(left for _, left in known), max(left for _, left in known)
    reach = highest - lowest or 1.0
    drawn = (f"{x},{round(4 + (highest - left) / reach * (HEIGHT - 8), 1)}" for x, left in known)
    return " ".join(drawn), (rounded_percent(highest, 1), rounded_percent(lowest, 1))


def _title(point: HistoryPoint) -> str:
    bad = f"{event_words(point.bad)} of {event_words(point.total)} events bad ({share(point.bad / point.total)})"
    left = point.budget_remaining_ratio
    budget = f", budget left {rounded_percent(left, 2)}" if math.isfinite(left) else ""
    return f"{moment(point.at)}: {bad}{budget}"
