"""Charts without scripts: the same series as a picture and as a table."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.budget.forecast import Outlook
from app.slo import Slo, format_duration
from app.status import RangeSeries

POINTS = 120
"""Steps of a picture; scripts ask for more."""
_WIDTH, _HEIGHT = 600.0, 100.0
# Rows of a table that somebody reads to its end.
_MOST_ROWS = 60
# Times below a picture: on a phone no more of them have room. Minutes, hours and days between two of them.
_MOST_TICKS = 5
_TICK_STEPS = [
    *(timedelta(minutes=minutes) for minutes in (1, 5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 5, 7, 14, 28, 91, 364)),
]
# The first and the last part of the width, in which a text would be cut.
_EDGE = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a picture: *points* are those of an SVG path, *kind* selects its style."""

    name: str
    kind: str
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One picture: *unmeasured* are left edges and widths of what was not measured, *low* and *high* the scale."""

    key: str
    title: str
    lines: tuple[Line, ...]
    low: str
    high: str
    unmeasured: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A time below a picture: how far from its left edge in percent, and what is written there, in UTC."""

    x: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step of the table; None is not known."""

    since: datetime
    until: datetime
    budget: float
    burn: float
    good: float
    bad: float
    sli: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPicture:
    """The forecast of a budget as a picture: the 80% interval is an area, *low* and *high* the scale."""

    area: str
    median: str
    zero: str
    low: str
    high: str
    ticks: Sequence[Tick]


def forecast_picture(found: Outlook, remaining: float) -> ForecastPicture:
    """The picture of a forecast from what is *remaining* now on, where that is known."""
    if not math.isfinite(remaining):
        remaining = found.steps[0].remaining.median
    span_s = max((found.until - found.at).total_seconds(), 1.0)
    xs = ["0.0", *(f"{(step.at - found.at).total_seconds() / span_s * _WIDTH:.1f}" for step in found.steps)]
    low, median, high = (
        [remaining, *column]
        for column in zip(
            *((one.remaining.low, one.remaining.median, one.remaining.high) for one in found.steps), strict=True
        )
    )
    least, most = min(*low, 0.0), max(*high, 0.0)
    most = most if most > least else least + 1.0

    def along(column: Sequence[float]) -> list[str]:
        return [f"{x} {_y(value, least, most)}" for x, value in zip(xs, column, strict=True)]

    return ForecastPicture(
        ticks=ticks(found.at, found.until),
        area=f"M{'L'.join([*along(low), *along(high)[::-1]])}Z",
        median=f"M{'L'.join(along(median))}",
        zero=f"M0 {_y(0.0, least, most)}H{_WIDTH:g}",
        low=f"{least * 100:.3g}%",
        high=f"{most * 100:.3g}%",
    )


def ticks(start: datetime, end: datetime) -> list[Tick]:
    """Round times between *start* and *end*, few enough to be read below a picture."""
    span = max(end - start, timedelta(minutes=1))
    step = next((one for one in _TICK_STEPS if span / one <= _MOST_TICKS), span / _MOST_TICKS)
    first = datetime.fromtimestamp(-(-start.timestamp() // step.total_seconds()) * step.total_seconds(), UTC)
    times = [first + number * step for number in range(_MOST_TICKS + 1)]
    places = [((at - start) / span, at) for at in times]
    return [
        Tick(x=f"{place * 100:.1f}", text=_tick_text(at, step)) for place, at in places if _EDGE < place < 1 - _EDGE
    ]


def _tick_text(at: datetime, step: timedelta) -> str:
    """The time of a day; the day where it begins, and where there are only days."""
    if step < timedelta(days=1) and (at.hour or at.minute):
        return f"{at:%H:%M}"
    return f"{at:%b} {at.day}" if step < timedelta(days=91) else f"{at:%b %Y}"


def pictures(series: RangeSeries, slo: Slo, start: datetime, end: datetime) -> list[Chart]:
    """The charts of a range as pictures."""
    if not series.at or series.since is None:
        return []
    axis = _Axis(series, start, end)
    burns = [(window, column) for window, column in series.burn_rates.items() if window in compared_windows(slo)]
    return [
        axis.chart("budget", "Error budget remaining", [("remaining", "main", series.budget_remaining)], percent=True),
        axis.chart(
            "burn",
            "Burn rate",
            [(format_duration(window), f"w{place % 4}", column) for place, (window, column) in enumerate(burns)],
        ),
        axis.chart("events", "Events", [("bad", "bad", series.bad)]),
        axis.chart("sli", "SLI", [("sli", "main", series.sli)], percent=True, level=slo.objective, high=1.0),
        axis.chart("coverage", "Coverage", [("measured", "muted", series.coverage)], percent=True, high=1.0),
    ]


def compared_windows(slo: Slo) -> tuple[timedelta, ...]:
    """The windows that alerts of an SLO compare with a factor, shortest first."""
    rules = [rule for policy in slo.alerting.policies for rule in policy.rules]
    return tuple(sorted({length for rule in rules for length in (rule.long, rule.short)}))


def rows(series: RangeSeries) -> list[Row]:
    """The newest steps as rows of a table, the newest first."""
    if series.since is None:
        return []
    since = [series.since, *series.at[:-1]]
    burn = [_highest(values) for values in zip(*series.burn_rates.values(), strict=True)]
    every = zip(
        since,
        series.at,
        series.budget_remaining,
        burn or [math.nan] * len(since),
        series.good,
        series.bad,
        series.sli,
        series.coverage,
        strict=True,
    )
    names = ("since", "until", "budget", "burn", "good", "bad", "sli", "coverage")
    made = [Row(**dict(zip(names, one, strict=True))) for one in every]
    return made[-_MOST_ROWS:][::-1]


def _highest(values: Sequence[float]) -> float:
    return max((value for value in values if math.isfinite(value)), default=math.nan)


class _Axis:
    """Where the times of a series are in a picture."""

    def __init__(self, series: RangeSeries, start: datetime, end: datetime) -> None:
        self._start, self._span = start, max((end - start).total_seconds(), 1.0)
        self._since = self._x(series.since or start)
        self._at = [self._x(at) for at in series.at]
        self._unmeasured = tuple(self._holes(series))

    def chart(
        self,
        key: str,
        title: str,
        columns: Sequence[tuple[str, str, Sequence[float]]],
        *,
        percent: bool = False,
        level: float | None = None,
        high: float | None = None,
    ) -> Chart:
        """The picture of some columns; *level* is a line across; the scale reaches *high* at least."""
        known = [value for _, _, column in columns for value in column if math.isfinite(value)]
        known += [] if level is None else [level]
        least = min([*known, 0.0] if level is None else known)
        most = max([*known, least if high is None else high])
        most = most if most > least else least + 1.0
        lines = [Line(name=name, kind=kind, points=self._path(column, least, most)) for name, kind, column in columns]
        for across, kind in ((level, "level"), (0.0 if key == "budget" else None, "zero")):
            if across is not None:
                y = _y(across, least, most)
                lines.append(Line(name="", kind=kind, points=f"M0 {y}H{_WIDTH:g}"))
        low_text, high_text = (f"{value * 100:.5g}%" if percent else f"{value:.4g}" for value in (least, most))
        return Chart(
            key=key, title=title, lines=tuple(lines), low=low_text, high=high_text, unmeasured=self._unmeasured
        )

    def _path(self, column: Sequence[float], least: float, most: float) -> str:
        """A path that ends where a value is not known, and begins again behind."""
        parts, before, drawn = [], self._since, False
        for x, value in zip(self._at, column, strict=True):
            if math.isfinite(value):
                y = _y(value, least, most)
                # A step has one value from its start to its end.
                parts.append(f"L{before} {y}H{x}" if drawn else f"M{before} {y}H{x}")
            drawn, before = math.isfinite(value), x
        return "".join(parts)

    def _holes(self, series: RangeSeries) -> Iterator[tuple[str, str]]:
        before = self._since
        for x, coverage in zip(self._at, series.coverage, strict=True):
            if not coverage > 0:
                yield before, f"{float(x) - float(before):.1f}"
            before = x
        if float(self._since) > 0:
            yield "0", self._since
        if self._at and float(self._at[-1]) < _WIDTH:
            yield self._at[-1], f"{_WIDTH - float(self._at[-1]):.1f}"

    def _x(self, at: datetime) -> str:
        return f"{min(max((at - self._start).total_seconds() / self._span, 0.0), 1.0) * _WIDTH:.1f}"


def _y(value: float, least: float, most: float) -> str:
    return f"{_HEIGHT - (value - least) / (most - least) * _HEIGHT:.1f}"
