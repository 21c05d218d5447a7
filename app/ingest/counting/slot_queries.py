"""Counting one slot: what to ask of which SLIs, and what becomes of the answers."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.ingest.counting.late_samples import note_late, reopen, returning
from app.ingest.counting.ledger_writer import LedgerWriter
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
# What is given up is final without its late samples: not for one answer that was lost.
_MOST_SETBACKS = 3
# From an hour down to five minutes, the middle cell, below which nothing is read apart (ADR-0030).
_MOST_HALVINGS = 4
# What was missed in an outage is caught up an hour in an evaluation, so that catching up never floods Prometheus.
_LONGEST_READ_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One time range of raw samples to read for some SLIs.

    *settle_s* is up to where their counts become final with it, None if they do not.
    """

    tracked_slis: tuple[TrackedSli, ...]
    since_s: float
    until_s: float
    settle_s: float | None
    first: bool = False


def settle_up_to(at_s: float, settle_s: float) -> float:
    """Up to where counts become final in the slot *at_s*, *settle_s* being the late-sample grace.

    Not before as much is known of what follows as history knows, or the two would judge differently.
    """
    return (at_s - max(settle_s, LOOKBACK_S)) // MIDDLE_WIDTH_S * MIDDLE_WIDTH_S


def settled_up_to(tracked: TrackedSli, at_s: float, *, interval_s: int, settle_s: float) -> float:
    """Up to when the counts of an SLI become final in the slot *at_s*, in its turn."""
    return settle_up_to(at_s - tracked.turn * interval_s, settle_s)


def reads(tracked_slis: Sequence[TrackedSli], *, at_s: float, interval_s: int, settle_s: float) -> tuple[Read, ...]:
    """What to read for the slot *at_s*; the SLIs of one read have been counted up to the same time.

    Normally that is one slot; every five minutes, in the turn of each SLI, it reaches back to the settled time. SLIs
    of counts of intervals are read back to it with each interval, as late numbers take the place of earlier ones. SLIs
    that lag behind, because Prometheus or we were away, are settled an hour further; those that are new start at the
    settled time. Those that were asked in vain are asked apart from the others, and in ever more pieces: it may be for
    one of them that none of their batch is answered. While data is missing from the answers, nothing is settled.
    """
    start_s = settle_up_to(at_s, settle_s) - WARM_UP_S
    grouped: dict[tuple[float, float, float | None, bool, int], list[TrackedSli]] = defaultdict(list)
    for tracked in tracked_slis:
        # Composites are counted after their components, which are asked for.
        if tracked.refusal is not None or tracked.parts:
            continue
        if not tracked.started:
            grouped[start_s, at_s, None, True, tracked.consecutive_failures].append(tracked)
            continue
        settle_to = settled_up_to(tracked, at_s, interval_s=interval_s, settle_s=settle_s)
        if (settle_to > tracked.settled_s and tracked.partial is None) or (
            tracked.resumed and at_s > tracked.counted_s
        ):
            # What was counted provisionally is counted again at once, or it would be missing in between.
            longest = max(_longest_read_s(tracked), tracked.counted_s - tracked.settled_s)
            settled = max(tracked.settled_s, min(settle_to, tracked.settled_s + longest))
            until_s = at_s if settled >= settle_to else settled + LOOKBACK_S
            since_s = _since(tracked.settled_s, tracked.settle_from_s, tracked)
            grouped[since_s, until_s, settled, False, tracked.consecutive_failures].append(tracked)
        elif at_s > tracked.counted_s and _has_new_interval(tracked, at_s):
            # All that is provisional, since any of it may be another number now.
            settled = tracked.settled_s
            grouped[settled, at_s, settled, False, tracked.consecutive_failures].append(tracked)
        elif at_s > tracked.counted_s:
            since_s = _since(tracked.counted_s, tracked.read_from_s, tracked)
            grouped[since_s, at_s, None, False, tracked.consecutive_failures].append(tracked)
    return tuple(
        Read(tracked_slis=piece, since_s=since_s, until_s=until_s, settle_s=settled, first=first)
        for (since_s, until_s, settled, first, consecutive_failures), members in grouped.items()
        for piece in _pieces(members, consecutive_failures)
    )


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
    # What was counted from partial data stays if it is too much to be read again.
    too_much = [
        tracked for tracked, _ in answers.failed if _is_long(tracked) and tracked.consecutive_failures >= _MOST_SETBACKS
    ]
    if too_much:
        ledger_writer.finalise(too_much)


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


def _is_long(tracked: TrackedSli) -> bool:
    """Whether more was counted provisionally than is caught up with in one evaluation."""
    return tracked.started and tracked.counted_s - tracked.settled_s > _LONGEST_READ_S + 2 * MIDDLE_WIDTH_S


def _enter_partial(read: Read, tracked_slis: Sequence[TrackedSli], every: Samples, ledger_writer: LedgerWriter) -> None:
    """Go on from where counters stood: series that are missing would look like data that Prometheus has lost."""
    behind = [tracked for tracked in tracked_slis if read.until_s > tracked.counted_s]
    if behind:
        ledger_writer.count_live(behind, ledger_writer.series_index.only(every, behind), at_s=read.until_s)
    long = [tracked for tracked in tracked_slis if tracked.counted_s - tracked.settled_s > _LONGEST_PARTIAL_S]
    if long:
        ledger_writer.finalise(long)


async def ask_all(
    pending: Sequence[Read], batcher: QueryBatcher, source: Source, *, deadline: float | None
) -> list[tuple[Read, QueryResults]]:
    """The answers of all reads, asked at once; the client bounds how many requests are under way."""
    answers = await asyncio.gather(*(ask(read, batcher, source, deadline=deadline) for read in pending))
    return list(zip(pending, answers, strict=True))
