"""The contributors of any range of the past, asked from Prometheus when somebody wants to know."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.evaluation.top_contributors import (
    SILENT_LABELS,
    Series,
    Values,
    bad_and_total,
    chosen_labels,
    deciding_labels,
    events_by_query,
    events_of_series,
    sums_of_values,
    top_contributors,
)
from app.ingest.ports import Source
from app.ingest.sources.joined_source import JOINED_LABEL
from app.prometheus import PrometheusError
from app.promql.probe import sum_by
from app.sli import SeveralSources
from app.slo import GroupKey, Labels, Sli, SloId, Weights
from app.status import ContributorShare, ContributorsInRange, ContributorsState

ANSWERED_WITHIN_S = 10.0
"""A reader waits for it; the queries of evaluations have the same time."""
# As many as a person reads.
_MOST_ITEMS = 50
# Of the bad events: less is no contributor, where no label was asked for.
_LEAST_SHARE = 0.01
# Of the bad events, for a value to be one of all of them: Prometheus extrapolates each series by itself.
_ALL_SHARE = 0.999
# A range is extended by a two-hundredth at most, or by a minute.
_GRIDS = 200
_LEAST_GRID_S = 60.0
_NO_SERIES = (
    "the expression of the SLI is evaluated to one value, which has no bad events by label: to see contributors, count "
    "with `total` and `bad`, or with `histogram` and `threshold`, or make an SLO of each value by `by`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeQuestion:
    """Which contributors are asked for: in (start, end], *by* the values of these labels or of any if there are none.

    Only events *within* these label values are looked at.
    """

    start: datetime
    end: datetime
    by: tuple[str, ...] = ()
    within: Labels = ()

    @property
    def rounded(self) -> "RangeQuestion":
        """The question with a range that is a little longer, on a grid: those who ask within a minute ask the same."""
        grid_s = max(_LEAST_GRID_S, (self.end - self.start).total_seconds() // _GRIDS // _LEAST_GRID_S * _LEAST_GRID_S)
        # Its end may be in the future, where there are no samples yet: so nothing that has just happened is left out.
        start_s, end_s = self.start.timestamp() // grid_s * grid_s, -(-self.end.timestamp() // grid_s) * grid_s
        start, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (start_s, end_s))
        return replace(self, start=start, end=end)


def of_one_source(sli: Sli, question: RangeQuestion) -> tuple[Sli, RangeQuestion]:
    """The SLI of the source that is asked about, where it is counted from several and one of them is; else as it is."""
    source = dict(question.within).get(JOINED_LABEL)
    if source is None or not isinstance(sli, SeveralSources) or source not in sli.sources:
        return sli, question
    within = tuple(pair for pair in question.within if pair[0] != JOINED_LABEL)
    return sli.from_source(source), replace(question, within=within)


async def contributors_in_range(
    sli: Sli, group: GroupKey, source: Source, question: RangeQuestion, *, deadline_s: float = ANSWERED_WITHIN_S
) -> ContributorsInRange:
    """The contributors to the bad events of an SLI or of a member of its group; for the event loop of the source.

    *deadline_s* is no longer than the source's own timeout, which counts against Prometheus.
    """

    async def ask(query: str) -> Series:
        text = sum_by(query, question.by) if question.by else query
        return events_of_series(await source.instant(text, question.end, deadline=2 * deadline_s))

    try:
        # As in `top_contributors`: the client's own deadline would count against Prometheus.
        async with asyncio.timeout(deadline_s):
            window = max(question.end - question.start, timedelta(seconds=1))
            weighted = await events_by_query(sli, (*group, *question.within), window, ask)
    except TimeoutError:
        return _without_items(question, f"Prometheus did not answer within {deadline_s:g} s: choose a shorter range")
    except PrometheusError as error:
        return _without_items(question, str(error))
    if not weighted:
        return _without_items(question, _NO_SERIES, state=ContributorsState.NOT_AVAILABLE)
    deciding = deciding_labels(sli)
    known = chosen_labels(sli) | set(dict((*group, *question.within)))
    return await asyncio.to_thread(_answer, weighted, question, deciding, known)


def contributing_components(
    shares: Iterable[tuple[str, float, float, float]], question: RangeQuestion
) -> ContributorsInRange:
    """The contributors of a composite: each component with its bad and all events, and its share of what was bad."""
    components = sorted(shares, key=lambda one: -one[3])
    items = [
        ContributorShare(
            values=(("component", slo),),
            bad=bad,
            total=total,
            share_of_bad=share,
            share_of_total=1 / len(components),
            stands_out=share > 1 / len(components),
            slo=SloId(slo),
        )
        for slo, bad, total, share in components
    ]
    known = any(item.share_of_bad > 0 for item in items)
    return ContributorsInRange(
        state=ContributorsState.ANSWERED if known else ContributorsState.NO_ERRORS,
        start=question.start,
        end=question.end,
        by=("component",),
        bad=sum(item.bad for item in items),
        total=sum(item.total for item in items),
        items=items,
    )


def _without_items(
    question: RangeQuestion, problem: str, *, state: ContributorsState = ContributorsState.UNANSWERED
) -> ContributorsInRange:
    return ContributorsInRange(state=state, start=question.start, end=question.end, by=question.by, problem=problem)


def _answer(
    weighted: Sequence[tuple[Weights, Series]],
    question: RangeQuestion,
    deciding: Collection[str],
    known: Collection[str],
) -> ContributorsInRange:
    leave_out, asked = {*deciding, *known}, set(question.by)
    bad, total = bad_and_total(weighted, set(deciding) - asked)
    all_bad, all_events = sum(events for _, events in bad), sum(events for _, events in total)
    outstanding = {one.values for one in top_contributors(bad, total, leave_out=leave_out - asked)}
    if question.by:
        bad_by, total_by = (_by_labels(series, question.by) for series in (bad, total))
        wanted = set(bad_by)
    else:
        bad_by, total_by = (_by_value(series, {*SILENT_LABELS, *leave_out}, outstanding) for series in (bad, total))
        wanted = outstanding | _telling(bad_by, total_by, all_bad)
    items = [
        ContributorShare(
            values=values,
            bad=bad_by.get(values, 0.0),
            total=total_by.get(values, 0.0),
            share_of_bad=bad_by.get(values, 0.0) / all_bad if all_bad > 0 else 0.0,
            share_of_total=total_by.get(values, 0.0) / all_events if all_events > 0 else 0.0,
            stands_out=values in outstanding,
        )
        for values in wanted
        if bad_by.get(values, 0.0) > 0
    ]
    items.sort(key=lambda item: (not item.stands_out, -item.bad, len(item.values), item.values))
    # What makes an event bad, such as its code, explains nothing by itself, and is worth knowing beside what does.
    every_bad, _ = bad_and_total(weighted, ())
    shared, labels = _shared_and_others(every_bad, {*SILENT_LABELS, *known})
    return ContributorsInRange(
        state=ContributorsState.ANSWERED if all_bad > 0 else ContributorsState.NO_ERRORS,
        start=question.start,
        end=question.end,
        by=question.by,
        bad=all_bad,
        total=all_events,
        shared=shared,
        labels=labels,
        items=items[:_MOST_ITEMS],
        more=max(0, len(items) - _MOST_ITEMS),
    )


def _shared_and_others(bad: Series, leave_out: Collection[str]) -> tuple[Labels, Sequence[str]]:
    """The label values of all bad events, and the labels of which they have several."""
    of_pairs = _by_value(bad, leave_out, ())
    all_bad = sum(events for _, events in bad)
    found = {pair: events for (pair,), events in of_pairs.items() if events > _LEAST_SHARE * all_bad}
    shared = {pair for pair, events in found.items() if events >= _ALL_SHARE * all_bad}
    return tuple(sorted(shared)), sorted({label for label, _ in found} - {label for label, _ in shared})


def _by_labels(series: Series, by: Sequence[str]) -> Mapping[Values, float]:
    return sums_of_values(series, lambda labels: [tuple((label, labels.get(label, "")) for label in by)])


def _by_value(series: Series, leave_out: Collection[str], combined: Collection[Values]) -> Mapping[Values, float]:
    """The events of each value of each label, and of some combinations of values."""
    combinations = [values for values in combined if len(values) > 1]

    def sets_of(labels: Mapping[str, str]) -> Iterator[Values]:
        yield from ((pair,) for pair in labels.items() if pair[0] not in leave_out)
        yield from (values for values in combinations if all(labels.get(label) == value for label, value in values))

    return sums_of_values(series, sets_of)


def _telling(bad: Mapping[Values, float], total: Mapping[Values, float], all_bad: float) -> set[Values]:
    """Values with enough bad events, of labels that have more than one value."""
    values_of = defaultdict[str, set[str]](set)
    for values in (*bad, *total):
        for label, value in values:
            values_of[label].add(value)
    return {
        values
        for values, events in bad.items()
        if events > _LEAST_SHARE * all_bad and len(values) == 1 and len(values_of[values[0][0]]) > 1
    }
