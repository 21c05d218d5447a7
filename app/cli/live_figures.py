"""What Prometheus holds for each SLO, in figures: series, groups, scrapes, history, traffic, and the budget today."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from app.cli.console import table_fits
from app.ingest.series.tracked_slis import MOST_GROUPS
from app.prometheus import Matrix, PrometheusClient, PrometheusError
from app.promql import probe
from app.sli import NotExpressibleError
from app.slo import (
    UNKNOWN_FIGURE,
    Evaluated,
    GroupKey,
    Sli,
    SliKind,
    Slo,
    SloId,
    format_duration,
    format_percent,
    rounded_percent,
    short,
)
from app.slo.arrays import Floats

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
# Prometheus reads 50 million samples for one query at most, and a small one is to answer others meanwhile.
_MOST_SAMPLES = 10_000_000
_USUAL_SCRAPE_S = 30.0
# One scrape that is missed or late among them changes nothing.
_NEWEST_INTERVALS = 5
# Each group has budgets, alerts and series of its own; more are rarely what is meant.
_MANY_GROUPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """What Prometheus holds for one SLO; None where it is not known.

    *metrics* is what the series are. *history* is how far they reach back, up to the SLO window. *events_a_day* are
    those of the last day, *small_groups* how many groups have fewer than their budget needs to allow one bad event a
    week. *sli* and *budget_remaining* are those of the last *over*, up to the SLO window, of the worst group. *source*
    is whose figures they are where the SLO is counted from several.
    """

    slo: SloId
    metrics: str
    series: int
    groups: int | None = None
    scraped_every_s: float | None = None
    history: timedelta | None = None
    events_a_day: float | None = None
    small_groups: int | None = None
    over: timedelta | None = None
    sli: float | None = None
    budget_remaining: float | None = None
    source: str | None = None

    @property
    def json(self) -> dict[str, Any]:
        """The figures for machines; durations are in seconds."""
        return {
            name: value.total_seconds() if isinstance(value, timedelta) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class FiguresFinding:
    """Something that the figures of an SLO say."""

    code: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FiguresReader:
    """Asks one Prometheus for the figures of SLOs at one moment."""

    client: PrometheusClient
    at: datetime
    deadline_s: float

    async def read(self, slo: Slo) -> LiveFigures | None:
        """The figures; None where there are no series, or for a composite, whose components have their own."""
        evaluated = slo.sli.evaluated
        if evaluated is not None and (evaluated.composition is not None or evaluated.rule is not None):
            return None
        if evaluated is not None:
            return await self._of_expression(slo, evaluated)
        total = slo.sli.terms[0].selector
        series = await self._count(probe.series_count(total))
        if not series:
            native = [await self._count(probe.series_count(selector)) for selector in slo.sli.native]
            return LiveFigures(slo=slo.id, metrics="native histogram", series=max(native)) if any(native) else None
        history, every_s = await self._history(slo), await self._scraped_every_s(slo)
        day = await self._events(slo.sli, _DAY)
        over = self._span(slo, history, series * len(slo.sli.terms), every_s)
        events = {} if over is None else await self._events(slo.sli, over)
        shares = [bad / total for total, bad in events.values() if total > 0]
        sli = 1.0 - max(shares) if shares else None
        return LiveFigures(
            slo=slo.id,
            metrics=_metrics_of(slo.sli),
            series=series,
            groups=len(day) if slo.sli.by else None,
            scraped_every_s=every_s,
            history=history,
            events_a_day=sum(total for total, _ in day.values()),
            small_groups=sum(total * (_WEEK / _DAY) * slo.error_budget < 1 for total, _ in day.values()),
            over=over,
            sli=sli,
            budget_remaining=None if sli is None else 1.0 - (1.0 - sli) / slo.error_budget,
        )

    async def _of_expression(self, slo: Slo, evaluated: Evaluated) -> LiveFigures | None:
        try:
            series = len((await self._ask(evaluated.value)).labels)
            shares = (await self._ask(slo.sli.error_ratio(min(_DAY, slo.window.nominal)))).values
        except (PrometheusError, NotExpressibleError):
            return None
        sli = 1.0 - float(np.max(shares)) if len(shares) else None
        groups = series if slo.sli.by else None
        return LiveFigures(slo=slo.id, metrics=str(SliKind.EXPRESSION), series=series, groups=groups, sli=sli)

    async def _history(self, slo: Slo) -> timedelta | None:
        """How far back there are series, of some times within the SLO window; None for less than a day."""
        window = slo.window.nominal
        for back in sorted({window, window / 2, window / 4, _WEEK, _DAY}, reverse=True):
            selector = slo.sli.terms[0].selector
            if _DAY <= back <= window and await self._count(probe.series_count(selector), at=self.at - back):
                return back
        return None

    async def _scraped_every_s(self, slo: Slo) -> float | None:
        selector = slo.sli.terms[0].selector
        scraped = (await self._ask(probe.scraped_series(selector))).labels
        if not scraped:
            return None
        found = await self._ask(probe.samples_of(selector, scraped[0]))
        return scraped_every_s(found)

    def _span(self, slo: Slo, history: timedelta | None, series: int, every_s: float | None) -> timedelta | None:
        """The part of the SLO window that can be read; None where nothing is known of a day."""
        if history is None:
            return None
        begun = self.at - slo.window.bounds(self.at)[0]
        for span in (min(begun, history), _WEEK, _DAY):
            samples = series * span.total_seconds() / (every_s or _USUAL_SCRAPE_S)
            if span <= min(begun, history) and samples <= _MOST_SAMPLES:
                return timedelta(seconds=max(60, span.total_seconds() // 60 * 60))
        return None

    async def _events(self, sli: Sli, window: timedelta) -> dict[GroupKey, tuple[float, float]]:
        """All and bad events of each group in a window; empty where Prometheus cannot answer."""
        found: defaultdict[GroupKey, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
        try:
            for query, weights in sli.event_queries((), window):
                answer = await self._ask(probe.sum_by(query, sli.by))
                for labels, events in zip(answer.labels, answer.values.tolist(), strict=True):
                    total, bad = found[tuple(sorted(labels.items()))]
                    found[tuple(sorted(labels.items()))] = total + events * weights.total, bad + events * weights.bad
        except PrometheusError:
            return {}
        return {group: events for group, events in found.items() if events[0] > 0}

    async def _count(self, expr: str, *, at: datetime | None = None) -> int:
        return int(sum((await self._ask(expr, at=at)).values))

    async def _ask(self, expr: str, *, at: datetime | None = None) -> Matrix:
        return await self.client.instant(expr, at or self.at, deadline=self.deadline_s)


def scraped_every_s(samples: Matrix) -> float | None:
    """How often the first of some series is scraped: others may be there, with its labels and more."""
    return newest_interval_s(samples.times[: samples.lengths[:1].sum()])


def newest_interval_s(times: Floats) -> float | None:
    """How far apart the newest of some samples are, in seconds; None of fewer than two.

    Older ones may be of another interval, or have been imported.

    >>> newest_interval_s(np.array([0.0, 300.0, 600.0, 605.0, 610.0, 615.0, 620.0]))
    5.0
    """
    intervals = np.diff(np.sort(times))[-_NEWEST_INTERVALS:]
    return float(np.median(intervals)) if len(intervals) else None


def findings_of(slo: Slo, figures: LiveFigures) -> Iterator[FiguresFinding]:
    """What an SLO promises otherwise than its history and its traffic allow."""
    if figures.groups is not None and figures.groups > _MANY_GROUPS:
        problem = f"has {figures.groups} groups by {', '.join(slo.sli.by)}, each with budgets and alerts of its own"
        remedy = f"write fewer labels in by; at most {MOST_GROUPS} groups are evaluated"
        yield FiguresFinding("high_cardinality", problem, remedy)
    if figures.history is None:
        # Of less than a day nothing can be said about a week or a month.
        return
    if figures.sli is not None and figures.over is not None and figures.sli < slo.objective:
        reached, wanted = rounded_percent(figures.sli, 4), format_percent(slo.objective)
        worst = " of its worst group" if slo.sli.by else ""
        events = f"over the last {_length(figures.over)} {reached} of the events{worst} were good"
        problem = f"{events}, and {wanted} are promised"
        yield FiguresFinding("objective_above_history", problem, "write an objective that has been met before")
    if figures.small_groups and 2 * figures.small_groups > (figures.groups or 1):
        whose = f"{figures.small_groups} of {figures.groups} groups" if slo.sli.by else "it"
        events = f"{short((figures.events_a_day or 0.0) * (_WEEK / _DAY), 0)} events a week"
        problem = f"at {events} the error budget of {whose} allows less than one bad event a week"
        remedy = "write a lower objective, or evaluate it for more traffic at once"
        yield FiguresFinding("budget_below_one_event", problem, remedy)


def print_figures(console: Console, slos: Sequence[tuple[Slo, LiveFigures | None]]) -> None:
    """The figures, one SLO a row of a table; where that does not fit, a line each with the headings."""
    headings = (
        "metrics",
        "series",
        "groups",
        "scraped",
        "shortest window",
        "history",
        "events/day",
        "SLI",
        "budget",
    )
    rows = [(_name(slo, figures), _cells(slo, figures)) for slo, figures in slos]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("SLO", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "metrics" else "right", no_wrap=True)
    for slo_id, cells in rows:
        table.add_row(slo_id, *cells)
    if table_fits(console, table):
        console.print(table)
        return
    for slo_id, cells in rows:
        known = [f"{heading} {cell}" for heading, cell in zip(headings, cells, strict=True) if cell != UNKNOWN_FIGURE]
        # The first is what the SLI is, which is known without Prometheus.
        figures = ", ".join(known) if len(known) > 1 else "no figures"
        console.print(f"{slo_id}: {figures}", markup=False, soft_wrap=True)


def _name(slo: Slo, figures: LiveFigures | None) -> str:
    return str(slo.id) if figures is None or figures.source is None else f"{slo.id} ({figures.source})"


def _cells(slo: Slo, figures: LiveFigures | None) -> list[str]:
    if figures is None:
        return [str(slo.sli.kind), *[UNKNOWN_FIGURE] * 8]
    every_s = figures.scraped_every_s
    shortest = min((rule.short for policy in slo.alerting.policies for rule in policy.rules), default=None)
    return [
        figures.metrics,
        f"{figures.series:,}",
        UNKNOWN_FIGURE if figures.groups is None else f"{figures.groups:,}",
        UNKNOWN_FIGURE if every_s is None else f"{short(every_s, 1)}s",
        _length(shortest),
        UNKNOWN_FIGURE if figures.history is None else f"{_length(figures.history)} of {_length(slo.window.nominal)}",
        UNKNOWN_FIGURE if figures.events_a_day is None else short(figures.events_a_day, 0),
        UNKNOWN_FIGURE if figures.sli is None else rounded_percent(figures.sli, 4),
        UNKNOWN_FIGURE if figures.budget_remaining is None else rounded_percent(figures.budget_remaining, 1),
    ]


def _length(duration: timedelta | None) -> str:
    return UNKNOWN_FIGURE if duration is None else format_duration(timedelta(seconds=round(duration.total_seconds())))


def _metrics_of(sli: Sli) -> str:
    if sli.buckets:
        return "histogram"
    return "gauge" if sli.samples_are_events else "counter"
