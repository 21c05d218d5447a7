"""Time that cannot be read while newer time can: it is left out, said, and counted again once it can be read.

As with data that is missing from answers, what follows it is provisional until then.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.queries.query_batcher import QueryResults
from app.ingest.series.tracked_slis import TrackedSli, UnreadTime
from app.ledger import HOUR_S, MIDDLE_WIDTH_S, WARM_UP_S
from app.prometheus import PrometheusError

_log = structlog.get_logger(__name__)
# Asked for in vain so often, older time is left out if newer time is answered.
_MOST_ATTEMPTS = 3
_FIRST_PAUSE_S = 60.0
# What is broken for long is asked for again soon enough after it is mended, as history is.
_LONGEST_PAUSE_S = 600.0
# All that follows is provisional, and written with each slot: not for as long as the finest tier would allow.
_LONGEST_UNREAD_S = 6 * 3600


class Read(NamedTuple):
    """One time range of raw samples to read for some SLIs.

    *settle_s* is up to where their counts become final with it, None if they do not. *is_old*: newer time is asked for
    as well, and goes on without it if it is not answered.
    """

    since_s: float
    until_s: float
    settle_s: float | None = None
    tracked_slis: tuple[TrackedSli, ...] = ()
    first: bool = False
    is_old: bool = False


def may_be_left_out(tracked: TrackedSli, at_s: float) -> bool:
    """Whether newer time may be asked for beside what was missed, which has been asked for in vain."""
    if tracked.is_replaced or tracked.parts or tracked.refusal is not None or not tracked.started:
        return False
    # What was left out before a restart is not known any more: it fails at once again, or is read.
    if is_long(tracked):
        return tracked.resumed or tracked.consecutive_failures >= _MOST_ATTEMPTS
    return tracked.consecutive_failures >= _MOST_ATTEMPTS and at_s - tracked.counted_s > WARM_UP_S


def newer_from_s(tracked: TrackedSli, at_s: float) -> float:
    """Since when to read for the slot *at_s* where older time is left out."""
    return max(tracked.counted_s, at_s - WARM_UP_S)


def is_long(tracked: TrackedSli) -> bool:
    """Whether more was counted provisionally than is caught up with in one evaluation."""
    return tracked.started and tracked.counted_s - tracked.settled_s > HOUR_S + 2 * MIDDLE_WIDTH_S


def without_unread(
    asked: Sequence[tuple[Read, QueryResults]], ledger_writer: LedgerWriter, *, at_s: float
) -> list[tuple[Read, QueryResults]]:
    """What is to be counted of the answers for a slot: of each SLI the old time if it was answered, else the newer.

    Which old time was not answered, and why, is noted on its SLI.
    """
    old = [(read, answers) for read, answers in asked if read.is_old]
    if not old:
        return list(asked)
    whole = {tracked.key for _, answers in old for tracked in answers.answered if tracked.key not in answers.partial}
    unread = {tracked.key for read, _ in old for tracked in read.tracked_slis} - whole
    newer = {tracked.key for read, answers in asked if not read.is_old for tracked in answers.answered}
    for read, answers in old:
        errors: dict[str, PrometheusError | str] = {tracked.key: error for tracked, error in answers.failed}
        for tracked in read.tracked_slis:
            if tracked.key in whole:
                if tracked.unread is not None:
                    _log.info("what could not be read is counted now", query=tracked.query)
                tracked.unread = None
            elif tracked.key in newer or tracked.unread is not None:
                said = str(errors.get(tracked.key) or answers.partial[tracked.key])
                _note(tracked, said, at_s=at_s)
    kept = [(read, _only(answers, unread if read.is_old else whole, ledger_writer)) for read, answers in asked]
    return [(read, answers) for read, answers in kept if answers.answered or answers.failed]


def give_up_long(tracked_slis: Sequence[TrackedSli], ledger_writer: LedgerWriter) -> None:
    """Leave a hole where time could not be read for so long that not all that follows may wait for it."""
    given_up = [
        tracked
        for tracked in tracked_slis
        if tracked.unread is not None and tracked.counted_s - tracked.settled_s > _LONGEST_UNREAD_S
    ]
    if given_up:
        ledger_writer.finalise(given_up)
    for tracked in given_up:
        _log.error("what could not be read for hours stays a hole", query=tracked.query)
        tracked.unread = None


def _note(tracked: TrackedSli, said: str, *, at_s: float) -> None:
    before = tracked.unread
    attempts = 0 if before is None else before.attempts + 1
    if before is None:
        _log.error("older time cannot be read and is left out for now", query=tracked.query, error=said)
    # What was read before, and is not final, is to be read again with it.
    began_s = tracked.settled_s if is_long(tracked) else tracked.counted_s
    tracked.unread = UnreadTime(
        since_s=began_s if before is None else before.since_s,
        until_s=newer_from_s(tracked, at_s) if before is None else before.until_s,
        said=said,
        attempts=attempts,
        again_s=at_s + min(_FIRST_PAUSE_S * math.exp2(min(attempts, 10)), _LONGEST_PAUSE_S),
    )


def _only(answers: QueryResults, left_out: set[str], ledger_writer: LedgerWriter) -> QueryResults:
    """The answers but for some SLIs."""
    answered = [tracked for tracked in answers.answered if tracked.key not in left_out]
    if len(answered) == len(answers.answered) and not any(tracked.key in left_out for tracked, _ in answers.failed):
        return answers
    return QueryResults(
        answered=answered,
        failed=[(tracked, error) for tracked, error in answers.failed if tracked.key not in left_out],
        samples=ledger_writer.series_index.only(answers.samples, answered),
        impossible=answers.impossible,
        nan=answers.nan,
        unmeasured=answers.unmeasured,
        partial={key: said for key, said in answers.partial.items() if key not in left_out},
    )
