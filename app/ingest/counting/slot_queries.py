"""Counting one slot: what to ask of which SLIs, and what becomes of the answers."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from app.ingest.counting.late_samples import note_late, reopen, returning
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.counting.unread_time import Read, give_up_long, may_be_left_out, newer_from_s
from app.ingest.ports import Source
from app.ingest.queries.evaluations import Evaluations
from app.ingest.queries.partitioning import LabelQueries
from app.ingest.queries.query_batcher import QueryBatcher, QueryResults
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import LOOKBACK_S, MIDDLE_WIDTH_S, WARM_UP_S, Samples
from app.promql.samples import raw_samples
from app.sli import IntervalCounts

# An SLI whose query fails is found in three halvings; with more pieces a server in trouble gets a flood of queries.
_MOST_PIECES = 8
# What was counted from partial data for so long is final, so that one read brings all that is to be counted again.
_LONGEST_PARTIAL_S = 3 * 3600
# From an hour down to five minutes, the middle cell, below which nothing is read apart (ADR-0030).
_MOST_HALVINGS = 4
# What was missed in an outage is caught up an hour in an evaluation, so that catching up never floods Prometheus.
_LONGEST_READ_S = 3600


def settle_up_to(at_s: float, settle_s: float) -> float:
    """Up to where counts become final in the slot *at_s*, *settle_s* being the late-sample grace.

    Not before as much is known of what follows as history knows, or the two would judge differently.
    """
    return (at_s - max(settle_s, LOOKBACK_S)) // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S


def settled_up_to(tracked: TrackedSli, at_s: float, *, interval_s: int, settle_s: float) -> float:
    """Up to when the counts of an SLI become final in the slot *at_s*, in its turn."""
    return settle_up_to(at_s - tracked.turn * interval_s, settle_s)


def reads(
    tracked_slis: Sequence[TrackedSli], *, at_s: float, interval_s: int, settle_s: float, is_away: bool = False
) -> tuple[Read, ...]:
    """What to read for the slot *at_s*; the SLIs of one read have been counted up to the same time.

    Normally that is one slot; every five minutes, in the turn of each SLI, it reaches back to the settled time. SLIs
    of counts of intervals are read back to it with each interval, as late numbers take the place of earlier ones. SLIs
    that lag behind, because Prometheus or we were away, are settled an hour further; those that are new start at the
    settled time. Those that were asked in vain are asked apart from the others, and in ever more pieces: it may be for
    one of them that none of their batch is answered. While data is missing from the answers, nothing is settled.

    Where what was missed is asked for in vain again and again, newer time is asked for as well (`unread_time.py`);
    while the source *is_away*, having answered nothing in the slot before, that is so of one SLI, to see whether it
    would be answered.
    """
    beside = [tracked for tracked in tracked_slis if may_be_left_out(tracked, at_s)]
    if is_away and beside:
        # Each in its turn: a query that is never answered says nothing of the others.
        beside = [beside[beside[0].consecutive_failures % len(beside)]]
    with_newer = {tracked.key for tracked in beside}
    grouped: dict[tuple[Read, int], list[TrackedSli]] = defaultdict(list)
    for tracked in tracked_slis:
        # Composites are counted after their components, which are asked for.
        if tracked.refusal is None and not tracked.parts:
            beside_unread = tracked.unread is not None or tracked.key in with_newer
            for one in _ranges(
                tracked, at_s=at_s, interval_s=interval_s, settle_s=settle_s, beside_unread=beside_unread
            ):
                grouped[one, tracked.consecutive_failures].append(tracked)
    return tuple(
        one._replace(tracked_slis=piece)
        for (one, consecutive_failures), members in grouped.items()
        for piece in _pieces(members, consecutive_failures)
    )


def _ranges(
    tracked: TrackedSli, *, at_s: float, interval_s: int, settle_s: float, beside_unread: bool
) -> Iterator[Read]:
    """What to read of one SLI for a slot, of no SLI yet."""
    if not tracked.started:
        yield Read(since_s=settle_up_to(at_s, settle_s) - WARM_UP_S, until_s=at_s, first=True)
        return
    settle_to = settled_up_to(tracked, at_s, interval_s=interval_s, settle_s=settle_s)
    if beside_unread:
        yield from _ranges_beside_unread(tracked, at_s, settle_to)
    elif (settle_to > tracked.settled_s and tracked.partial is None) or (tracked.resumed and at_s > tracked.counted_s):
        yield _settling(tracked, at_s, settle_to)
    elif at_s > tracked.counted_s and _has_new_interval(tracked, at_s):
        # All that is provisional, since any of it may be another number now.
        yield Read(since_s=tracked.settled_s, until_s=at_s, settle_s=tracked.settled_s)
    elif at_s > tracked.counted_s:
        yield Read(since_s=_since(tracked.counted_s, tracked.read_from_s, tracked), until_s=at_s)


def _ranges_beside_unread(tracked: TrackedSli, at_s: float, settle_to: float) -> Iterator[Read]:
    """Newer time, and what was missed: an hour of it as usual, or all of it now and then once it is left out."""
    if at_s > tracked.counted_s:
        yield Read(since_s=newer_from_s(tracked, at_s), until_s=at_s)
    if tracked.unread is None and settle_to > tracked.settled_s:
        yield _settling(tracked, at_s, settle_to)._replace(is_old=True)
    elif tracked.unread is not None and at_s >= tracked.unread.again_s:
        yield Read(since_s=tracked.settle_from_s, until_s=at_s, settle_s=settle_to, is_old=True)


def _settling(tracked: TrackedSli, at_s: float, settle_to: float) -> Read:
    # What was counted provisionally is counted again at once, or it would be missing in between.
    longest = max(_longest_read_s(tracked), tracked.counted_s - tracked.settled_s)
    settled = max(tracked.settled_s, min(settle_to, tracked.settled_s + longest))
    until_s = at_s if settled >= settle_to else settled + LOOKBACK_S
    since_s = _since(tracked.settled_s, tracked.settle_from_s, tracked)
    return Read(since_s=since_s, until_s=until_s, settle_s=settled)


def needs_query(read: Read) -> bool:
    """Whether a read asks for anything; between two ends of intervals nothing is known of these."""
    if read.first or read.settle_s is not None:
        return True
    return any(not tracked.is_replaced or _has_new_interval(tracked, read.until_s) for tracked in read.tracked_slis)


def _has_new_interval(tracked: TrackedSli, at_s: float) -> bool:
    """Whether an interval has ended since an SLI was counted whose numbers are replaced while they are not final."""
    if not isinstance(tracked.sli, IntervalCounts):
        return False
    every_s = tracked.sli.every.total_seconds()
    return at_s // every_s > tracked.counted_s // every_s


def _since(counted_s: float, look_back_s: float, tracked: TrackedSli) -> float:
    """Where a read begins; what is asked for in vain is not looked for further back as well."""
    return counted_s if tracked.consecutive_failures or not look_back_s else min(counted_s, look_back_s)


def _longest_read_s(tracked: TrackedSli) -> int:
    # What is refused may be too much at once; what is not answered is not asked for in more pieces than needed.
    halved = _LONGEST_READ_S >> (min(tracked.consecutive_failures, _MOST_HALVINGS) if tracked.query_rejected else 0)
    return max(MIDDLE_WIDTH_S, halved // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S)


def _pieces(tracked_slis: Sequence[TrackedSli], consecutive_failures: int) -> Iterator[tuple[TrackedSli, ...]]:
    size = math.ceil(len(tracked_slis) / min(2**consecutive_failures, _MOST_PIECES))
    return (tuple(tracked_slis[first : first + size]) for first in range(0, len(tracked_slis), size))


async def ask(read: Read, batcher: QueryBatcher, source: Source, *, deadline: float | None) -> QueryResults:
    """The raw samples of one read, and the values of its expressions."""
    if not read.is_old:
        return await _ask_at_once(read, batcher, source, deadline=deadline)
    # An hour after another, as it would have been read, and nothing more while the oldest is not answered.
    first, *others = _hours(read)
    answers = await _ask_at_once(first, batcher, source, deadline=deadline)
    if not answers.answered or not others:
        return answers
    asked = [other._replace(tracked_slis=tuple(answers.answered)) for other in others]
    more = await asyncio.gather(*(_ask_at_once(one, batcher, source, deadline=deadline) for one in asked))
    joined = QueryResults.joined([answers, *more])
    failed = {tracked.key: (tracked, error) for tracked, error in joined.failed}
    joined.answered = [tracked for tracked in answers.answered if tracked.key not in failed]
    joined.failed = [*failed.values()]
    joined.samples = batcher.series_index.only(joined.samples, joined.answered)
    return joined


def _hours(read: Read) -> list[Read]:
    """The parts of a read in which it is asked; what is refused may be too much at once."""
    # Values of native histograms are made of two samples each, and expressions are evaluated in ranges anyway.
    if any(tracked.interpolated.seen_s or tracked.sli.evaluated is not None for tracked in read.tracked_slis):
        return [read]
    attempts = max(0 if tracked.unread is None else tracked.unread.attempts for tracked in read.tracked_slis)
    part_s = max(MIDDLE_WIDTH_S, (_LONGEST_READ_S >> min(attempts, 2)) // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S)
    begins = np.arange(read.since_s, read.until_s, part_s).tolist()
    return [
        read._replace(since_s=since_s, until_s=until_s)
        for since_s, until_s in zip(begins, [*begins[1:], read.until_s], strict=True)
    ]


async def _ask_at_once(read: Read, batcher: QueryBatcher, source: Source, *, deadline: float | None) -> QueryResults:
    results = []
    sampled = [tracked for tracked in read.tracked_slis if tracked.sli.evaluated is None]
    if sampled:
        results.append(await _ask_samples(read, sampled, batcher, source, deadline=deadline))
    expressions = [tracked for tracked in read.tracked_slis if tracked.sli.evaluated is not None]
    if expressions:
        evaluations = Evaluations(
            source=source,
            batcher=batcher,
            interval_s=batcher.series_index.interval_s,
            since_s=read.since_s,
            until_s=read.until_s,
            deadline=deadline,
            partial=True,
        )
        results.append(await evaluations.results(expressions))
    return QueryResults.joined(results)


async def _ask_samples(
    read: Read,
    tracked_slis: Sequence[TrackedSli],
    batcher: QueryBatcher,
    source: Source,
    *,
    deadline: float | None,
) -> QueryResults:
    at = datetime.fromtimestamp(read.until_s, UTC)
    # A millisecond more on the left: Prometheus 3 leaves the edge out, and what is read twice is counted once.
    span_ms = round((read.until_s - read.since_s) * 1000) + 1
    return await batcher.samples(
        tracked_slis,
        lambda selector: source.instant(raw_samples(selector, span_ms), at, deadline=deadline),
        labels=LabelQueries(source=source, at=at, span_ms=span_ms, deadline=deadline),
        partial=True,
    )


def enter(read: Read, answers: QueryResults, ledger_writer: LedgerWriter) -> None:
    """Count the answers of one read; what data is missing from is counted again when it is there."""
    tracked_slis = [tracked for tracked in answers.answered if tracked.key not in answers.partial or read.first]
    if not read.first:
        note_late(ledger_writer, answers.answered, answers.samples, since_s=read.since_s, until_s=read.until_s)
    if tracked_slis:
        _enter_whole(read, tracked_slis, answers.samples, ledger_writer)
    partial = [tracked for tracked in answers.answered if tracked.key in answers.partial and not read.first]
    if partial:
        _enter_partial(read, partial, answers.samples, ledger_writer)
    if answers.unmeasured is not None:
        ledger_writer.series_index.note_unmeasured(answers.unmeasured)
    for tracked in answers.answered:
        tracked.resumed = False
    give_up_long(answers.answered, ledger_writer)


def _enter_whole(read: Read, tracked_slis: Sequence[TrackedSli], every: Samples, ledger_writer: LedgerWriter) -> None:
    samples = ledger_writer.series_index.only(every, tracked_slis)
    if read.first:
        start_s = read.since_s + WARM_UP_S
        ledger_writer.start(tracked_slis, at_s=start_s)
        ledger_writer.set_start_positions(tracked_slis, samples, until_s=start_s)
        ledger_writer.count_live(tracked_slis, samples, at_s=read.until_s)
    elif read.settle_s is not None:
        # What is only replaced goes on to be read from the same time.
        settling = [tracked for tracked in tracked_slis if not tracked.is_replaced or read.settle_s > tracked.settled_s]
        early = returning(ledger_writer, settling, samples, since_s=read.since_s, until_s=read.until_s)
        if early:
            ledger_writer.count_live(early, ledger_writer.series_index.only(every, early), at_s=read.until_s)
            tracked_slis = [tracked for tracked in tracked_slis if tracked not in early]
            samples = ledger_writer.series_index.only(every, tracked_slis)
        if tracked_slis:
            reopen(ledger_writer, samples)
            ledger_writer.settle(tracked_slis, samples, until_s=read.settle_s, at_s=read.until_s)
    else:
        ledger_writer.count_live(tracked_slis, samples, at_s=read.until_s)


def _enter_partial(read: Read, tracked_slis: Sequence[TrackedSli], every: Samples, ledger_writer: LedgerWriter) -> None:
    """Go on from where counters stood: series that are missing would look like data that Prometheus has lost."""
    behind = [tracked for tracked in tracked_slis if read.until_s > tracked.counted_s]
    if behind:
        ledger_writer.count_live(behind, ledger_writer.series_index.only(every, behind), at_s=read.until_s)
    long = [
        tracked
        for tracked in tracked_slis
        if tracked.unread is None and tracked.counted_s - tracked.settled_s > _LONGEST_PARTIAL_S
    ]
    if long:
        ledger_writer.finalise(long)


async def ask_all(
    pending: Sequence[Read], batcher: QueryBatcher, source: Source, *, deadline: float | None
) -> list[tuple[Read, QueryResults]]:
    """The answers of all reads, asked at once; the client bounds how many requests are under way."""
    answers = await asyncio.gather(*(ask(read, batcher, source, deadline=deadline) for read in pending))
    return list(zip(pending, answers, strict=True))
