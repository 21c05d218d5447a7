"""Counting composites: in each slot after their components, from what the ledger has of them; in history from samples.

Nothing is asked of Prometheus for a slot. For history the samples of the components are read once more, since the
ledger's older cells are wider than a slice (ADR-0051).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.counting.slot_queries import Read, enter
from app.ingest.queries.query_batcher import QueryResults
from app.ingest.series.composites import HistorySlots, LedgerSlots, composite_samples, rows_of_component, slices_in
from app.ingest.series.tracked_slis import TrackedSli, composites_of
from app.ledger import FINE_REACH_S, LOOKBACK_S, MIDDLE_WIDTH_S, WARM_UP_S, Ledger, Samples
from app.slo import Component, CompositeRule, Composition, MissingData

# What is not answered for longer is not waited for: the slots of the other components become final without it.
_WAITED_FOR_S = 3600.0


def count_slot(ledger_writer: LedgerWriter) -> None:
    """Count what the components of all composites have newly counted."""
    for tracked, composition in composites_of(ledger_writer.tracked_slis):
        _note_components(tracked, composition, ledger_writer.ledger)
        read = _next_read(tracked, composition)
        if read is not None:
            enter(read, _answers(read, tracked, composition, ledger_writer), ledger_writer)


def with_composites(
    answers: QueryResults, ledger_writer: LedgerWriter, *, since_s: float, until_s: float, with_cells: bool = False
) -> QueryResults:
    """The answers of a time range of history with the samples of its composites, made of those of their components.

    If *with_cells*, what Prometheus no longer has of them is taken from the ledger, as far as its cells can say it.
    """
    composites = list(composites_of(answers.answered))
    if not composites:
        return answers
    leaves = list({leaf.key: leaf for tracked, _ in composites for leaf in leaves_of(tracked)}.values())
    # What lies behind the range was read as well; so its last slot is measured to its end.
    increments = ledger_writer.increments_of(leaves, answers.samples, since_s=since_s, until_s=until_s + LOOKBACK_S)
    slots, found = HistorySlots(ledger_writer.ledger, increments, with_cells=with_cells), []
    wanted = {tracked.key for tracked in answers.answered}
    for tracked, composition in composites:
        slices = slices_in(tracked, composition, slots, since_s=since_s, until_s=until_s, final_s=np.inf)
        for row in tracked.rows.values():
            slots.add(row, slices)
        if tracked.key in wanted:
            found.append(composite_samples(tracked, slices, ledger_writer.series_index))
    return replace(answers, samples=Samples.joined([answers.samples, *found]))


def bad_shares(tracked: TrackedSli, ledger: Ledger, *, until_s: float, window_s: float) -> Mapping[str, float]:
    """Which share of what was bad of a composite in a window of the last day each component has, by its name."""
    (_, composition), slots = [*composites_of([tracked])][-1], LedgerSlots(ledger)
    since_s = until_s - min(window_s, FINE_REACH_S)
    slices = slices_in(tracked, composition, slots, since_s=since_s, until_s=until_s, final_s=until_s)
    known = slices.events.known
    bad, parts = float(slices.events.bad[known].sum()), slices.events.parts[:, known].sum(axis=1)
    names = [component.slo for component in composition.components]
    return {name: part / bad for name, part in zip(names, parts.tolist(), strict=True)} if bad > 0 else {}


def bad_of_components(
    tracked: TrackedSli, ledger: Ledger, *, start_s: float, end_s: float
) -> list[tuple[str, float, float, float]]:
    """The name, bad and all events of each component of a composite in (start, end], and its share of what was bad.

    Within the last day the shares are of the slices that were bad; before, of the weighted shares of bad events.
    """
    (_, composition) = [*composites_of([tracked])][-1]
    found = []
    for part, component in _pairs(tracked, composition):
        rows = np.array([row for group, row in part.rows.items() if component.group in {None, group}], dtype=np.int64)
        sums = ledger.sums(rows, np.full(len(rows), start_s), np.full(len(rows), end_s))
        found.append((component, float(sums.bad.sum()), float(sums.total.sum())))
    slots_s = np.floor(np.array([start_s, end_s]) / ledger.interval_s) * ledger.interval_s
    if slots_s[0] >= ledger.newest_s - FINE_REACH_S:
        window_s = float(slots_s[1] - slots_s[0])
        shares = bad_shares(tracked, ledger, until_s=float(slots_s[1]), window_s=window_s)
    else:
        counted = composition.rule is CompositeRule.SUM_OF
        parts = {one.slo: one.weight * (bad if counted or not total else bad / total) for one, bad, total in found}
        shares = {name: part / (sum(parts.values()) or 1.0) for name, part in parts.items()}
    return [(one.slo, bad, total, shares.get(one.slo, 0.0)) for one, bad, total in found]


def leaves_of(tracked: TrackedSli) -> Sequence[TrackedSli]:
    """The SLIs that are read for an SLI: itself, or all that a composite is made of in the end."""
    if not tracked.parts:
        return (tracked,)
    return tuple({leaf.key: leaf for part in tracked.parts for leaf in leaves_of(part)}.values())


def _pairs(tracked: TrackedSli, composition: Composition) -> Iterator[tuple[TrackedSli, Component]]:
    return zip(tracked.parts, composition.components, strict=True)


def _note_components(tracked: TrackedSli, composition: Composition, ledger: Ledger) -> None:
    """Note on a composite since when its components were counted, and why they are not answered, or not wholly."""
    pairs = list(_pairs(tracked, composition))
    began_s = [
        np.fmin.reduce(ledger.first_sample_s[rows_of_component(part, one.group)], initial=np.inf)
        for part, one in pairs
        if one.missing is MissingData.UNKNOWN
    ]
    tracked.made_from_s = float(max(began_s, default=np.nan))
    tracked.problem = next(
        (f"{one.slo}: {problem}" for part, one in pairs if (problem := part.problem or part.refusal)), None
    )
    partial = next((f"{one.slo}: {part.partial}" for part, one in pairs if part.partial is not None), None)
    if partial is not None and tracked.partial is None:
        tracked.partial_since_s = max(part.partial_since_s for part in tracked.parts)
    tracked.partial = partial


def _next_read(tracked: TrackedSli, composition: Composition) -> Read | None:
    """What is to be counted of a composite now; None where its components have nothing new."""
    started = [part for part in tracked.parts if part.started]
    needed = [part for part, one in _pairs(tracked, composition) if one.missing is MissingData.UNKNOWN]
    if not started or not all(part.started for part in needed):
        return None
    counted_s = min((part.counted_s for part in needed), default=max(part.counted_s for part in started))
    settled_s = [part.settled_s for part in started]
    patience_s = -(-composition.patience.total_seconds() // MIDDLE_WIDTH_S) * MIDDLE_WIDTH_S
    settle_s = min(max(min(settled_s), max(settled_s) - _WAITED_FOR_S) - patience_s, counted_s)
    if not tracked.started:
        return Read(tracked_slis=(tracked,), since_s=settle_s - WARM_UP_S, until_s=counted_s, settle_s=None, first=True)
    counts_again = settle_s > tracked.settled_s and tracked.partial is None
    if counts_again or (tracked.resumed and counted_s > tracked.counted_s):
        # Late samples of its components are in the slots from there on.
        since_s = min(tracked.settled_s, tracked.settle_from_s or tracked.settled_s)
        settle_s = max(settle_s, tracked.settled_s)
        return Read(tracked_slis=(tracked,), since_s=since_s, until_s=counted_s, settle_s=settle_s)
    if counted_s <= tracked.counted_s:
        return None
    return Read(tracked_slis=(tracked,), since_s=tracked.counted_s, until_s=counted_s, settle_s=None)


def _answers(read: Read, tracked: TrackedSli, composition: Composition, ledger_writer: LedgerWriter) -> QueryResults:
    """The slices of the read, made of the slots of its components."""
    final_s = read.until_s - composition.patience.total_seconds()
    slots = LedgerSlots(ledger_writer.ledger)
    slices = slices_in(tracked, composition, slots, since_s=read.since_s, until_s=read.until_s, final_s=final_s)
    if len(slices.ends):
        newest = zip(composition.components, slices.missing[:, -1].tolist(), strict=True)
        tracked.missing_parts = tuple(component.slo for component, is_missing in newest if is_missing)
    samples = composite_samples(tracked, slices, ledger_writer.series_index)
    partial = {} if tracked.partial is None else {tracked.key: tracked.partial}
    return QueryResults([tracked], [], samples, partial=partial)
