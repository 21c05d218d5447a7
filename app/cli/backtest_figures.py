"""The figures of a backtest as tables within 80 columns."""

import math
from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.table import Table

from app.replay import TODAY, BacktestResult, RulesScore, SloOutcome
from app.slo import format_duration, format_seconds

_MOST_FIRINGS = 40


def backtest_tables(result: BacktestResult, console: Console) -> None:
    """All rules side by side; then the pages and tickets of today's."""
    incidents = sum(not one.is_noise for slo in result.slos for one in slo.incidents)
    question = result.question
    resolution = format_seconds(result.resolution_s) if result.resolution_s else "-"
    console.print(
        f"{len(result.slos)} SLOs, {question.start:%Y-%m-%d %H:%M} to {question.end:%Y-%m-%d %H:%M} UTC, "
        f"{incidents} incidents; counts by {resolution} or finer",
        markup=False,
        soft_wrap=True,
    )
    console.print()
    console.print(_scores(result))
    console.print()
    console.print(_firings(result.slos))
    if question.suggests:
        console.print()
        _suggest(result, console)


def _scores(result: BacktestResult) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rules", no_wrap=True)
    for heading in ("pages", "tickets", "precision", "recall", "detects", "resets", "spent", "nights"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, score in result.scores.items():
        table.add_row(name, *_row(score))
    return table


def _row(score: RulesScore) -> Iterable[str]:
    return (
        f"{score.pages:,}",
        f"{score.tickets:,}",
        _ratio(score.precision),
        _ratio(score.recall),
        _seconds(score.detection_s),
        _seconds(score.reset_s),
        _percent(score.spent_before),
        f"{len(score.nights):,}",
    )


def _suggest(result: BacktestResult, console: Console) -> None:
    found = result.suggested
    question = result.question
    console.print(
        f"Rules that no others beat; * has a precision of {question.wanted_precision:.2f} and detects within "
        f"{format_duration(question.wanted_detection)}:",
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("rules", overflow="fold")
    for heading in ("pages", "precision", "recall", "detects", "resets"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        pages, _, *others = _row(one.score)
        table.add_row("*" if one.is_wanted else "", one.candidate.name, pages, *others[:4])
    console.print(table)
    if found and found[0].is_wanted:
        console.print()
        console.print(found[0].candidate.document, markup=False, soft_wrap=True)


def _firings(slos: Iterable[SloOutcome]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("SLO", overflow="fold")
    for heading in ("alert", "start (UTC)", "lasts", "rule", "right", "spent"):
        table.add_column(heading, no_wrap=True)
    rows = [
        (slo, judged)
        for slo in slos
        for outcome in slo.outcomes
        if outcome.rules == TODAY
        for judged in outcome.firings
    ]
    for slo, judged in rows[:_MOST_FIRINGS]:
        firing = judged.firing
        spent = _percent(judged.spent_before)
        right = {True: "yes", False: "no", None: "?"}[judged.is_right]
        lasts = _length(firing.start, firing.end)
        table.add_row(
            slo.id, str(firing.severity), f"{firing.start:%Y-%m-%d %H:%M}", lasts, firing.tier or "", right, spent
        )
    if len(rows) > _MOST_FIRINGS:
        table.add_row(f"and {len(rows) - _MOST_FIRINGS:,} more; --format json has all", "", "", "", "", "", "")
    return table


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else format_seconds(value)


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


def _length(start: datetime, end: datetime | None) -> str:
    return "fires" if end is None else format_seconds((end - start).total_seconds())
