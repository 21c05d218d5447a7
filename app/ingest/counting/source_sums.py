"""SLIs of several sources: their rows are the sums of those of each source, cell by cell (ADR-0099).

Nothing is counted here, live or from history: where the rows of a source change, however long ago, the sums are made
again from there on. What is missing of one source is said by its name, and is partial data of the whole.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from app.ingest.counting.ledger_writer import LedgerWriter, rows_of
from app.ingest.series.group_limit import has_room
from app.ingest.series.matched_series import SeriesSeen
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import MIDDLE_WIDTH_S, Addend, Ledger, SourceRows, add_up
from app.slo import Component, Composition
from app.slo.arrays import Floats

# What is not answered for longer is not waited for: the sums become final without it, and are made again after it.
_WAITED_FOR_S = 3600.0
# As Prometheus shows no sample that is older, with a slot to spare.
_SILENT_AFTER_S = 330.0


def add_up_sources(
    tracked: TrackedSli, composition: Composition, ledger_writer: LedgerWriter, changed_from_s: Floats
) -> None:
    """Add up one SLI again from where the oldest of its parts has changed; *changed_from_s* is by row."""
    ledger = ledger_writer.ledger
    if not any(part.started for part in tracked.parts):
        _note_troubles(tracked, composition.components, ledger)
        return
    _note_progress(tracked)
    _note_series(tracked)
    since_s = _changed_since_s(tracked, ledger, changed_from_s)
    sources = [SourceRows(ledger, part.rows.values(), answers=part.started) for part in tracked.parts]
    for group in tracked.groups_of_parts:
        begin_s = since_s
        if not has_room(tracked, group):
            tracked.refused_groups[group] = tracked.counted_s
            continue
        if group not in tracked.rows:
            begin_s = -math.inf
        row = ledger_writer.series_index.row(tracked, group)
        rows = (part.rows.get(group) for part in tracked.parts)
        addends = [Addend(row=of_part, source=source) for of_part, source in zip(rows, sources, strict=True)]
        add_up(ledger, row, addends, since_s=begin_s)
    ledger.set_progress(
        rows_of([tracked]),
        settled_s=tracked.settled_s,
        counted_s=tracked.counted_s,
        complete_from_s=0.0 if tracked.backfilled else tracked.complete_from_s,
    )
    _note_troubles(tracked, composition.components, ledger)


def _changed_since_s(tracked: TrackedSli, ledger: Ledger, changed_from_s: Floats) -> float:
    """From where the sums are to be made again; all of them after a start."""
    rows = rows_of(tracked.parts)
    before = tracked.covered_before
    tracked.covered_before = dict(zip(rows.tolist(), ledger.covered_s[rows].tolist(), strict=True))
    if not before:
        return -math.inf
    # A member that is measured again was missing since it was measured last, and not just away.
    since_s = [float(changed_from_s[row]) if row < len(changed_from_s) else -math.inf for row in rows.tolist()]
    return min((*since_s, *(before.get(row, -math.inf) for row in rows.tolist())), default=math.inf)


def _note_progress(tracked: TrackedSli) -> None:
    """Note how far an SLI is counted: as far as the source that is furthest, and asked for latest."""
    started = [part for part in tracked.parts if part.started]
    counted_s = _newest_s(tracked)
    settled_s = [part.settled_s for part in started]
    settled = min(max(min(settled_s), max(settled_s) - _WAITED_FOR_S), counted_s) // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S
    unread = [part for part in started if not part.backfilled]
    tracked.wanted_from_s = min(part.wanted_from_s for part in started)
    tracked.complete_from_s = max((part.complete_from_s for part in unread), default=tracked.wanted_from_s)
    tracked.settled_s = max(settled, tracked.settled_s) if tracked.started else settled
    tracked.counted_s = max(counted_s, tracked.counted_s)
    tracked.started, tracked.resumed = True, False


def _newest_s(tracked: TrackedSli) -> float:
    """Up to where the source that is furthest has been counted, as of the one that is asked for latest."""
    return max(part.counted_s + part.later_by_s for part in tracked.parts if part.started) - tracked.later_by_s


def _note_series(tracked: TrackedSli) -> None:
    """Note what is known of the series of all sources together."""
    parts = tracked.parts
    tracked.seen = SeriesSeen.joined([part.seen for part in parts])
    unmatched = [part.unmatched for part in parts if part.unmatched is not None]
    tracked.unmatched = frozenset.intersection(*unmatched) if unmatched else None
    tracked.misnamed = {position: said for part in parts for position, said in part.misnamed.items()}
    tracked.unmeasured = {seen: at_s for part in parts for seen, at_s in part.unmeasured.items()}
    tracked.buckets = tuple(dict.fromkeys(bucket for part in parts for bucket in part.buckets))
    interpolated = (part.interpolated for part in parts if part.interpolated.bracket is not None)
    tracked.interpolated = next(interpolated, tracked.interpolated)
    tracked.late = next((part.late for part in parts if part.late is not None), None)
    tracked.impossible_samples = any(part.impossible_samples for part in parts)
    tracked.impossible_seen_s = max(part.impossible_seen_s for part in parts)
    tracked.nan_seen_s = max(part.nan_seen_s for part in parts)


def _note_troubles(tracked: TrackedSli, components: Sequence[Component], ledger: Ledger) -> None:
    """Note which sources have no data now and why: of all of them the SLI has none, of some it has partial data."""
    pairs = list(zip(components, tracked.parts, strict=True))
    troubles = {one.slo: _named(one.slo, why) for one, part in pairs if (why := _trouble(part, tracked, ledger))}
    none_has_data = len(troubles) == len(pairs)
    tracked.problem = next(iter(troubles.values())) if none_has_data else None
    tracked.query_rejected = none_has_data and all(part.query_rejected for part in tracked.parts)
    refusals = [part.refusal for part in tracked.parts]
    tracked.refusal = refusals[0] if all(refusals) else None
    partial = [_named(one.slo, part.partial) for one, part in pairs if part.partial is not None]
    if not none_has_data:
        partial += troubles.values()
    if partial and tracked.partial is None:
        tracked.partial_since_s = tracked.counted_s
    tracked.partial = "; ".join(partial) or None
    tracked.history_problem = _first_named((one.slo, part.history_problem) for one, part in pairs)
    tracked.partial_history = _first_named((one.slo, part.partial_history) for one, part in pairs)


def _first_named(said_of: Iterable[tuple[str, str | None]]) -> str | None:
    return next((_named(name, said) for name, said in said_of if said is not None), None)


def _trouble(part: TrackedSli, whole: TrackedSli, ledger: Ledger) -> str | None:
    """Why a source has no data now; None if it has, or never had any although it answers."""
    if part.problem or part.refusal:
        return part.problem or part.refusal
    if not part.started:
        return "it has not answered yet"
    newest_s = whole.counted_s + whole.later_by_s
    if part.counted_s + part.later_by_s < newest_s - ledger.interval_s:
        return f"it has not answered since {_time(part.counted_s)}"
    rows = rows_of([part])
    covered_s = float(ledger.covered_s[rows].max(initial=0.0))
    began = not np.isnan(ledger.first_sample_s[rows]).all()
    return f"no samples since {_time(covered_s)}" if began and part.counted_s - covered_s > _SILENT_AFTER_S else None


def _time(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _named(source: str, said: str) -> str:
    """What is said of a source, with its name; what comes of its queries has that already, but for the default one."""
    name = f"source {source}: "
    return said if said.startswith(name) else name + said
