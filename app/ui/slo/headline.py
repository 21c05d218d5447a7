"""The headline that a page begins with: whether an SLO is fine, doubtful, burning or exhausted, and how long."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.slo import Severity, rounded_percent
from app.status import DataState, HealthState, RangeSeries, Snapshot
from app.ui.views import falling_words, history_read


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What is the matter in one word and one sentence; *kind* chooses colour and shape.

    *since* is when it began, or a time at which it had begun already if it *began_before*; *until* is when the budget
    is exhausted; None where that is not known, or never. *lately* is what the newest minutes have where they are better
    than the rates that *until* goes by.
    """

    kind: str
    word: str
    sentence: str
    since: datetime | None = None
    began_before: bool = False
    until: datetime | None = None
    lately: str = ""


def headline_of(slo: Snapshot, exhausted: tuple[datetime, datetime] | None = None) -> Headline:
    """The headline of one SLO; *exhausted* is the step in which its budget fell to zero, as of `exhausted_step`."""
    said = _headline_of(slo, exhausted)
    return said if said.until is None else replace(said, lately=falling_words(slo))


def _headline_of(slo: Snapshot, exhausted: tuple[datetime, datetime] | None) -> Headline:
    firing = [alert for alert in slo.alerts if alert.firing]
    since = min((alert.since for alert in firing if alert.since is not None), default=None)
    until = slo.budget.exhausted_at
    left = _left_words(slo.budget.remaining_ratio)
    if slo.health is HealthState.EXHAUSTED:
        sentence = "The error budget is exhausted"
        sentence += " and errors go on." if firing and _shows_errors(slo) else "."
        since, until = exhausted or (since, None)
        began_before = until is not None and since == until
        return Headline(kind="exhausted", word="Exhausted", sentence=sentence, since=since, began_before=began_before)
    if firing:
        page = any(alert.severity is Severity.PAGE for alert in firing)
        said = "Errors are above what the budget allows."
        if page:
            said = "Users see errors now." if _shows_errors(slo) else "An alert fires."
        return Headline(kind="firing", word="Burning", sentence=f"{said} {left}", since=since, until=until)
    if slo.data is DataState.STALE:
        sentence = "No data comes in; the figures are old."
        return Headline(kind="unknown", word="Not known", sentence=sentence, since=slo.as_of)
    if slo.data is DataState.BACKFILLING and slo.health is HealthState.UNKNOWN:
        read = rounded_percent(history_read(slo), 0)
        sentence = f"{read} of the history is read; the error budget is known once all of it is."
        return Headline(kind="backfilling", word="Reading history", sentence=sentence)
    if slo.health is HealthState.UNKNOWN or math.isnan(slo.budget.remaining_ratio):
        return Headline(
            kind="unknown", word="Not known", sentence="There is not enough data to judge the error budget."
        )
    return _quiet_headline(slo, left)


def _left_words(remaining: float) -> str:
    """How much of a budget is left, in a sentence."""
    share = rounded_percent(abs(remaining), 1)
    return f"The error budget is overspent by {share}." if remaining < 0 else f"{share} of the error budget is left."


def _quiet_headline(slo: Snapshot, left: str) -> Headline:
    """The headline of an SLO whose budget is known and not exhausted, and of which no alert fires."""
    until = slo.budget.exhausted_at
    doubt = next((problem for problem in slo.problems if problem.makes_doubtful), None)
    if slo.health is HealthState.AT_RISK:
        return Headline(kind="at_risk", word="At risk", sentence=left, until=until)
    if doubt is not None:
        sentence = f"{doubt.detail}. By what is counted: {left}"
        return Headline(kind="warning", word="Doubtful", sentence=sentence, until=until)
    return Headline(kind="meeting", word="Fine", sentence=left, until=until)


def _shows_errors(slo: Snapshot) -> bool:
    """Whether there are bad events in the shortest window, of data that is not old."""
    shortest = min(slo.windows, key=lambda view: view.window, default=None)
    return slo.data is not DataState.STALE and shortest is not None and shortest.bad > 0


def exhausted_step(series: RangeSeries) -> tuple[datetime, datetime] | None:
    """Start and end of the step in which the budget last fell to zero; the start is the end where it is older.

    None where the series does not say.
    """
    pairs: Sequence[tuple[datetime, float]] = [
        (at, left) for at, left in zip(series.at, series.budget_remaining, strict=True) if not math.isnan(left)
    ]
    if not pairs or pairs[-1][1] > 0:
        return None
    last_above = max((place for place, (_, left) in enumerate(pairs) if left > 0), default=None)
    return (pairs[0][0],) * 2 if last_above is None else (pairs[last_above][0], pairs[last_above + 1][0])
