"""Counting composites after their components, from the slots that the ledger has of them.

Nothing is asked of Prometheus for a slot. Where the slots of components change, however long ago, the slices are made
again (ADR-0068); their history is made by `history/composite_history.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from app.ingest.counting.ledger_writer import LedgerWriter, rows_of
from app.ingest.counting.source_sums import add_up_sources
from app.ingest.series.composites import (
    HistorySlots,
    LedgerSlots,
    SliceRange,
    increments_of_slices,
    rows_of_component,
    slice_length_s,
    slices_in,
    slots_of_slices,
)
from app.ingest.series.tracked_slis import TrackedSli, composites_of
from app.ledger import (
    COARSE_WIDTH_S,
    FINE_REACH_S,
    LOOKBACK_S,
    MIDDLE_WIDTH_S,
    Increments,
    Ledger,
    Samples,
    SlotColumns,
)
from app.slo import Component, CompositeRule, Composition, MissingData

# What is not answered for longer is not waited for: the slots of the other components become final without it.
_WAITED_FOR_S = 3600.0
# The newest slice goes on for so long: the next one is known a late-sample grace later at worst.
_EXTENDED_SLICES = 2


def count_slot(ledger_writer: LedgerWriter) -> None:
    """Make the slices of all composites again of whose components anything has changed, however long ago that was."""
    ledger = ledger_writer.ledger
    changed_from_s = ledger.take_changes()
    for tracked, composition in composites_of(ledger_writer.tracked_slis):
        # A composite that is made of this one comes after it; members that a source has now have rows of their own.
        new = np.full(len(ledger.changed_from_s) - len(changed_from_s), np.inf)
        changed_from_s = np.minimum(np.append(changed_from_s, new), ledger.changed_from_s)
        if composition.of_sources:
            add_up_sources(tracked, composition, ledger_writer, changed_from_s)
            continue
        _note_components(tracked, composition, ledger)
        changed_s = changed_from_s[rows_of(tracked.parts)].min(initial=np.inf)
        tracked.changed_from_s = min(tracked.changed_from_s, float(changed_s))
        progress = _progress(tracked, composition)
        if progress is not None:
            _count(tracked, composition, progress, ledger_writer)


def edge_increments(
    tracked_slis: Sequence[TrackedSli],
    samples: Samples,
    ledger_writer: LedgerWriter,
    *,
    since_s: float,
    until_s: float,
) -> Increments:
    """The slices of some SLIs in a range of history as increments, made of the *samples* of their components alone."""
    composites = list(composites_of(tracked_slis))
    leaves = list({leaf.key: leaf for tracked, _ in composites for leaf in leaves_of(tracked)}.values())
    # What lies behind the range was read as well; so its last slot is measured to its end.
    increments = ledger_writer.increments_of(leaves, samples, since_s=since_s, until_s=until_s + LOOKBACK_S)
    slots, found = HistorySlots(ledger_writer.ledger, partial(ledger_writer.ledger.slots_of, increments)), []
    wanted = {tracked.key for tracked in tracked_slis}
    for tracked, composition in composites:
        if composition.of_sources:
            for group in tracked.groups_of_parts:
                ledger_writer.series_index.row(tracked, group)
            slots.add_sums(tracked)
            continue
        slices = slices_in(tracked, composition, slots, since_s=since_s, until_s=until_s, final_s=np.inf)
        for row in tracked.rows.values():
            slots.add(row, slices)
            if tracked.key in wanted:
                found.append(increments_of_slices(slices, row))
    return Increments.joined(found)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """Up to where the slices of a composite can be made now, and up to where they are final then."""

    settled_s: float
    counted_s: float


def _progress(tracked: TrackedSli, composition: Composition) -> _Progress | None:
    """How far a composite can be counted now; None while its components are not counted at all."""
    started = [part for part in tracked.parts if part.started]
    needed = [part for part, one in _pairs(tracked, composition) if one.missing is MissingData.UNKNOWN]
    if not started or not all(part.started for part in needed):
        return None
    counted_s = min((part.counted_s for part in needed), default=max(part.counted_s for part in started))
    counted_s = max(counted_s, tracked.counted_s)
    settled_s = [part.settled_s for part in started]
    settled = min(max(min(settled_s), max(settled_s) - _WAITED_FOR_S) - composition.patience.total_seconds(), counted_s)
    settled = settled // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S
    if tracked.started:
        # While data is missing nothing more is final.
        settled = max(settled, tracked.settled_s) if tracked.partial is None else tracked.settled_s
    return _Progress(settled_s=settled, counted_s=counted_s)


def _count(tracked: TrackedSli, composition: Composition, progress: _Progress, ledger_writer: LedgerWriter) -> None:
    """Make the slices from the oldest change of a component on, as far as its slots go back."""
    ledger, until_s = ledger_writer.ledger, progress.counted_s
    ledger.advance(until_s)
    if not tracked.started:
        ledger_writer.start([tracked], at_s=progress.settled_s)
    length_s = slice_length_s(composition, ledger.interval_s)
    # The newest slice that is known was taken to go on, and what was waited for is final now.
    since_s = min(tracked.changed_from_s, tracked.counted_s - _EXTENDED_SLICES * length_s)
    if progress.settled_s > tracked.settled_s:
        since_s = min(since_s, tracked.settled_s)
    since_s = max(since_s // length_s * length_s, tracked.complete_from_s, oldest_slots_s(ledger))
    final_s = until_s - composition.patience.total_seconds()
    slices = slices_in(tracked, composition, LedgerSlots(ledger), since_s=since_s, until_s=until_s, final_s=final_s)
    (row,) = tracked.rows.values()
    if len(slices.ends):
        newest = zip(composition.components, slices.missing[:, -1].tolist(), strict=True)
        tracked.missing_parts = tuple(component.slo for component, is_missing in newest if is_missing)
    slots, covered_s = _extended(slices, ledger, since_s=since_s, until_s=until_s)
    ledger.replace_slots(row, round(since_s) // ledger.interval_s + 1, slots, live=True)
    note_measured(ledger, row, slices)
    ledger.covered_s[row] = min(float(ledger.covered_s[row]), since_s) if covered_s is None else covered_s
    ledger.scrape_s[row] = length_s
    tracked.settled_s, tracked.counted_s, tracked.resumed = progress.settled_s, until_s, False
    ledger.set_progress(rows_of([tracked]), settled_s=progress.settled_s, counted_s=until_s)
    tracked.changed_from_s = np.inf


def note_measured(ledger: Ledger, row: int, slices: SliceRange) -> None:
    """Note the first and the last slice of a composite that were measured."""
    ends = slices.ends[slices.events.measured]
    if len(ends):
        ledger.note_first_samples(np.array([row]), ends[:1] - slices.length_s)
        ledger.covered_s[row] = max(float(ledger.covered_s[row]), float(ends[-1]))


def oldest_slots_s(ledger: Ledger) -> float:
    """From where the ledger has the slots of its rows, on the grid of all cells."""
    return -(-(ledger.newest_s - FINE_REACH_S) // COARSE_WIDTH_S) * COARSE_WIDTH_S


def _extended(
    slices: SliceRange, ledger: Ledger, *, since_s: float, until_s: float
) -> tuple[SlotColumns, float | None]:
    """The slots of slices, and those of the one that is not over yet, which goes on like the newest that is known.

    And up to when the composite was measured; None if it was not. As with scrapes, two may be missing.
    """
    many, known = max(round(until_s - since_s) // ledger.interval_s, 0), np.flatnonzero(slices.events.measured)
    found, slots = slots_of_slices(slices, ledger), SlotColumns.empty(many)
    for column, made in zip(slots.columns, found.columns, strict=True):
        column[: len(made)] = made
    if not len(known):
        return slots, None
    newest_s = float(slices.ends[known[-1]])
    if until_s - newest_s > _EXTENDED_SLICES * slices.length_s:
        return slots, newest_s
    slots.measured_s[round(newest_s - since_s) // ledger.interval_s :] = ledger.interval_s
    return slots, until_s
