"""What is wrong with the data of a member, as codes and sentences: the one place where an SLO's problems are gathered.

A further problem is a code in `app.status.problems`, a function here, and a line in docs/http.md.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from app.evaluation.figures.figures import HOUR, Figures, WindowFigures
from app.evaluation.figures.members import Member
from app.ingest.queries.metric_inspection import wrong_type
from app.ingest.series.matched_series import ESTABLISHED_EVENTS, ESTABLISHED_S
from app.ingest.series.tracked_slis import MOST_GROUPS, TrackedSli
from app.ledger import COARSE_WIDTH_S
from app.promql.buckets import bound_text
from app.promql.inclusion import includes
from app.promql.selector_text import render
from app.sli import named_terms
from app.slo import Events, Term
from app.slo.arrays import Floats
from app.status import Problem, ProblemCode, ProblemLevel, most_serious_first

# As errors: what is counted then says nothing about the service.
_UNJUDGEABLE = frozenset({ProblemCode.GOOD_EXCEEDS_TOTAL, ProblemCode.BUCKET_MISSING})
# Two scrapes, five minutes apart, with something to spare.
_LATELY_S = 660.0
# By so many events good and total, scraped apart, may differ without being wrong...
_NOISE_EVENTS = 5.0
# ...and by this share of an hour's: a scrape interval of 5 minutes at its end is known of one of them only.
_LATELY_SHARE = 0.1
# Over weeks scrapes that are apart even out: a hundredth is more than clocks and restarts make of it.
_WINDOW_SHARE = 0.01
# No outage makes such a share of a day bad before it is noticed; good and bad that are swapped do.
_MOSTLY_BAD = 0.9
# A counter that dipped is named for an hour: long enough to be seen after the alert that it may have caused.
_HOUR_S = 3600.0
# The first cell of the coarsest resolution may have been measured in part.
_TWO_CELLS_S = 2.0 * COARSE_WIDTH_S
# Copies are found when a series appears and not in every evaluation: they are named for a day.
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A part of the total that is larger than the total: *part* is good or bad, of so many events in *window*."""

    part: str
    window: str
    events: float
    total: float


class Counters(NamedTuple):
    """When counters of a member last dipped, were copied, or since when one is missing; unix seconds, NaN is never."""

    dipped_s: float
    copied_s: float
    ended_s: float


def noted_counters(figures: Figures) -> list[Counters | None]:
    """Of each member, what its counters did that counters do not do; None of nearly all members."""
    columns = np.stack([figures.dipped_s, figures.copied_s, figures.ended_s])
    found: list[Counters | None] = [None] * columns.shape[1]
    for index in np.flatnonzero(~np.isnan(columns).all(axis=0)).tolist():
        found[index] = Counters(*columns[:, index].tolist())
    return found


def contradictions(figures: Figures) -> list[Contradiction | None]:
    """Of each member, whether its good or bad events exceed the total by more than scrapes can explain."""
    found: list[Contradiction | None] = [None] * len(figures.as_of_s)
    for window, share, name in (
        (figures.windows[HOUR], _LATELY_SHARE, "the last hour"),
        (figures.slo_window, _WINDOW_SHARE, "the SLO window"),
    ):
        for index in np.flatnonzero(np.abs(window.excess) > _NOISE_EVENTS + share * _counted(window)).tolist():
            found[index] = _contradiction(window, index, name)
    return found


def hides_errors(figures: Figures) -> list[bool]:
    """Of each member, whether good events exceed the total in any window, so that none of them shows its errors."""
    hidden = np.zeros(len(figures.as_of_s), dtype=bool)
    for window in (*figures.windows.values(), figures.slo_window):
        hidden |= -window.excess > _NOISE_EVENTS + _LATELY_SHARE * window.total
    return hidden.tolist()


def long_bad_shares(figures: Figures) -> list[float]:
    """Of each member, the bad share of the last day's events; NaN where they are few, or of less than six hours."""
    day = figures.windows[timedelta(seconds=_DAY_S)]
    known = (day.total >= ESTABLISHED_EVENTS) & (figures.as_of_s - figures.data_since_s >= ESTABLISHED_S)
    shares: list[float] = np.where(known, 1.0 - day.sli, np.nan).tolist()
    return shares


def problems_of(
    member: Member,
    as_of: datetime | None,
    *,
    stale: bool,
    contradiction: Contradiction | None,
    good: float,
    bad: float,
    counters: Counters | None,
    window_read: bool,
    bad_share: float,
    unknown_before_s: float,
) -> tuple[Problem, ...]:
    """Everything that is wrong with a member's data, the most serious first; *as_of* is its newest measured slot.

    *good* and *bad* are the most events that were ever counted of it; *window_read* is as in `Figures`, *bad_share* as
    `long_bad_shares` has it. *unknown_before_s* is its first sample, where that is within its SLO window.
    """
    tracked = member.tracked
    if tracked.refusal is not None:
        # A metric that is not counted has no further problems.
        return (Problem(code=wrong_type(tracked.sli), level=ProblemLevel.ERROR, detail=tracked.refusal),)
    found: list[Problem] = []
    if as_of is None or stale or not _is_whole(tracked):
        found += _of_data(tracked, as_of, stale=stale)
        found += _of_samples(tracked, measured=as_of is not None or not tracked.backfilled)
        found += _of_buckets(tracked, measured=as_of is not None and not stale)
    if as_of is not None and (tracked.unmatched or len(tracked.seen.matched) < len(tracked.sli.terms)):
        counted = {Events.BAD: bad > 0, Events.GOOD: good > 0, Events.TOTAL: False}
        found += _of_selectors(tracked, counted=counted, established=not math.isnan(bad_share))
    if bad_share >= _MOSTLY_BAD and not any(problem.code is ProblemCode.GOOD_NEVER_MATCHED for problem in found):
        found.append(_of_mostly_bad(bad_share))
    if as_of is not None and (not window_read or unknown_before_s > tracked.made_from_s):
        found += _of_history(tracked, window_read=window_read, unknown_before_s=unknown_before_s)
    if as_of is not None and counters is not None:
        found += _of_counters(tracked, counters, as_of.timestamp())
    if member.slo is not member.documented:
        found.append(_of_scrapes(member))
    if tracked.seen.outside or tracked.seen.apart:
        found += _of_outside(tracked)
    if contradiction is not None:
        found.append(_of_contradiction(contradiction))
    return most_serious_first(found)


def is_unjudgeable(problems: tuple[Problem, ...]) -> bool:
    """Whether one of the problems means that what is counted says nothing about the service."""
    return any(problem.level is ProblemLevel.ERROR and problem.code in _UNJUDGEABLE for problem in problems)


def _is_whole(tracked: TrackedSli) -> bool:
    """Whether all was answered and counted, as of nearly all SLIs in nearly all evaluations."""
    return (
        tracked.backfilled
        and tracked.problem is None
        and tracked.partial is None
        and tracked.unread is None
        and tracked.partial_history is None
        and tracked.late is None
        and not (tracked.refused_groups or tracked.impossible_samples or tracked.unmeasured)
        and tracked.interpolated.bracket is None
    )


def _terms_are_known(tracked: TrackedSli) -> bool:
    return tracked.backfilled and bool(tracked.seen.labels)


def _of_data(tracked: TrackedSli, as_of: datetime | None, *, stale: bool) -> Iterator[Problem]:
    """Why there is no new data, or not all of it."""
    if tracked.problem is not None:
        rejected = tracked.query_rejected
        yield Problem(
            code=ProblemCode.QUERY_REJECTED if rejected else ProblemCode.QUERY_FAILED,
            level=ProblemLevel.ERROR if rejected else ProblemLevel.WARNING,
            detail=tracked.problem,
        )
    elif not tracked.started:
        yield _warning(ProblemCode.WAITING, "waiting for the first answer of Prometheus")
    elif as_of is None and not _lacks_buckets(tracked):
        yield _of_no_samples(tracked)
    elif as_of is not None and stale:
        yield _warning(
            ProblemCode.STALE,
            f"no {'slices' if tracked.parts else 'samples'} of {tracked.query} since {as_of:%Y-%m-%d %H:%M:%S} UTC",
        )
    if tracked.refused_groups:
        refused = len(tracked.refused_groups)
        detail = f"more than {MOST_GROUPS} groups: {refused} further ones are not counted"
        yield Problem(code=ProblemCode.TOO_MANY_GROUPS, level=ProblemLevel.ERROR, detail=detail)
    if tracked.missing_parts and tracked.problem is None:
        yield _of_missing_parts(tracked)
    unreadable = None if as_of is None else _history_unreadable(tracked)
    if unreadable is not None:
        yield _warning(ProblemCode.HISTORY_UNREADABLE, unreadable)


def _of_missing_parts(tracked: TrackedSli) -> Problem:
    names = ", ".join(tracked.missing_parts)
    detail = f"no data of {names} now: what becomes of the composite is said by missing in its document"
    return _warning(ProblemCode.COMPONENT_MISSING, detail)


def _of_no_samples(tracked: TrackedSli) -> Problem:
    """Why nothing has been counted so far."""
    if not tracked.backfilled:
        reading = _history_unreadable(tracked) or f"{_share_read(tracked):.0%} of the history is read"
        return _warning(ProblemCode.NO_SAMPLES_YET, f"no samples yet; {reading}")
    lately_s = tracked.counted_s - _LATELY_S
    if tracked.impossible_seen_s > lately_s:
        return Problem(
            code=ProblemCode.IMPOSSIBLE_SAMPLES, level=ProblemLevel.ERROR, detail=_impossible_samples(tracked)
        )
    if tracked.nan_seen_s > lately_s:
        detail = f"all samples of {tracked.query} are NaN and are not counted: correct the exporter or recording rule"
        return Problem(code=ProblemCode.NAN_SAMPLES, level=ProblemLevel.ERROR, detail=detail)
    if tracked.parts:
        detail = f"{tracked.query}: there was no slice in which its components had data"
        return Problem(code=ProblemCode.NO_SERIES, level=ProblemLevel.ERROR, detail=detail)
    if tracked.seen.labels:
        detail = f"the samples of {tracked.query} lie more than 5m apart: scrape its targets more often"
        return Problem(code=ProblemCode.SCRAPED_TOO_SELDOM, level=ProblemLevel.ERROR, detail=detail)
    detail = f"no series match {tracked.query}: sloburn check --live says which labels and values there are"
    return Problem(code=ProblemCode.NO_SERIES, level=ProblemLevel.ERROR, detail=detail)


def _of_samples(tracked: TrackedSli, *, measured: bool) -> Iterator[Problem]:
    """What is wrong with the samples that came; *measured*: some were counted."""
    if tracked.partial_explained is not None and tracked.problem is None:
        yield _warning(ProblemCode.PARTIAL_DATA, tracked.partial_explained)
    if tracked.unread is not None:
        yield _warning(ProblemCode.PARTIAL_DATA, tracked.unread.explained)
    if tracked.late_explained is not None:
        yield _warning(ProblemCode.LATE_SAMPLES, tracked.late_explained)
    if tracked.impossible_samples and measured:
        yield _warning(ProblemCode.IMPOSSIBLE_SAMPLES, _impossible_samples(tracked))


def _impossible_samples(tracked: TrackedSli) -> str:
    return (
        f"samples of {tracked.query} are negative, infinite or beyond 64 bits and are not counted: "
        "select counters, or correct the exporter"
    )


def _of_mostly_bad(share: float) -> Problem:
    detail = (
        f"{share * 100:.3g}% of the events of the last day are bad: unless the service is down, check whether good and "
        "bad are swapped"
    )
    return Problem(code=ProblemCode.MOSTLY_BAD, level=ProblemLevel.HINT, detail=detail)


def _of_history(tracked: TrackedSli, *, window_read: bool, unknown_before_s: float) -> Iterator[Problem]:
    """Why the history of the SLO window is not known, or not yet."""
    if not window_read and _history_unreadable(tracked) is None:
        detail = (
            f"{_share_read(tracked):.0%} of the history is read: the status is unknown until the whole SLO window is"
        )
        yield _warning(ProblemCode.HISTORY_INCOMPLETE, detail)
    if tracked.backfilled and unknown_before_s > tracked.made_from_s + _TWO_CELLS_S:
        made, since = (
            datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
            for at_s in (tracked.made_from_s, unknown_before_s)
        )
        detail = (
            f"known since {since}, although what it is made of was counted from {made} on: Prometheus no longer has "
            "its samples, and the ledger keeps what is older than a day in cells of 5m, than three days of 15m"
        )
        yield Problem(code=ProblemCode.HISTORY_TOO_COARSE, level=ProblemLevel.HINT, detail=detail)


def _share_read(tracked: TrackedSli) -> float:
    wanted_s = tracked.settled_s - tracked.wanted_from_s
    return 0.0 if wanted_s <= 0 else max(0.0, (tracked.settled_s - tracked.complete_from_s) / wanted_s)


def ended_series(tracked: TrackedSli, ended_s: float) -> str:
    """That a series of bad events has vanished, and since when."""
    since = datetime.fromtimestamp(ended_s, UTC).isoformat(timespec="seconds")
    return f"a series of {tracked.query} with bad events vanished at {since} while others of its target go on"


def _of_counters(tracked: TrackedSli, counters: Counters, as_of_s: float) -> Iterator[Problem]:
    """What the counters did that counters do not do."""
    if as_of_s - counters.dipped_s <= _HOUR_S:
        detail = (
            f"a counter of {tracked.query} fell within the last hour to a value that it cannot have counted since: "
            "it counts nothing; look for replicas that are not deduplicated, or an exporter that corrects its values"
        )
        yield Problem(code=ProblemCode.COUNTER_NOT_MONOTONIC, level=ProblemLevel.HINT, detail=detail)
    if as_of_s - counters.copied_s <= _DAY_S:
        detail = (
            f"series of {tracked.query} are copies of others, as from a second Prometheus replica, and are counted "
            "once: query a deduplicating proxy, or select one replica"
        )
        yield _warning(ProblemCode.DUPLICATE_SERIES, detail)
    if counters.ended_s == counters.ended_s:
        detail = f"{ended_series(tracked, counters.ended_s)}: its events are unknown until it returns"
        yield _warning(ProblemCode.BAD_SERIES_ENDED, detail)


def why_not_measured(tracked: TrackedSli) -> str | None:
    """Why the SLI is not counted although its series are there, if it is for the SLI itself; None if it is not."""
    return tracked.refusal or _lacking_buckets(tracked)


def _of_buckets(tracked: TrackedSli, *, measured: bool) -> Iterator[Problem]:
    lacking = _lacking_buckets(tracked)
    if lacking is not None:
        level = ProblemLevel.WARNING if measured else ProblemLevel.ERROR
        yield Problem(code=ProblemCode.BUCKET_MISSING, level=level, detail=lacking)
    bracket = tracked.interpolated.bracket
    if bracket is not None:
        thresholds = " or ".join(bound_text(bucket) for bucket in tracked.sli.buckets)
        detail = (
            f"the histogram of {tracked.query} has no bound at the threshold {thresholds}: {bracket.said}. "
            "A threshold at one of these bounds is exact"
        )
        yield Problem(code=ProblemCode.THRESHOLD_INTERPOLATED, level=ProblemLevel.HINT, detail=detail)


def _lacking_buckets(tracked: TrackedSli) -> str | None:
    lacking = _lacks_buckets(tracked)
    if not lacking:
        return None
    known = f"; it has the buckets {', '.join(tracked.buckets)}" if tracked.buckets else ""
    wanted = " or ".join(bound_text(bucket) for bucket in tracked.sli.buckets)
    return f"{lacking} series of {tracked.query} have no bucket {wanted}: their events are not measured{known}"


def _lacks_buckets(tracked: TrackedSli) -> int:
    """How many histograms have been scraped lately without the bucket at the threshold."""
    if not tracked.unmeasured:
        return 0
    return sum(at_s > tracked.counted_s - _LATELY_S for at_s in tracked.unmeasured.values())


def _of_selectors(tracked: TrackedSli, *, counted: Mapping[Events, bool], established: bool) -> Iterator[Problem]:
    """Which selectors never matched, though there are series that they might select; *counted*: such events were.

    *established*: the SLI has had traffic for hours. Of one that is younger the errors that it exports are yet to come.
    """
    if tracked.sli.terms:
        if _terms_are_known(tracked):
            yield from _of_terms(tracked, counted=counted, established=established)
    else:
        yield from _of_named(tracked, counted=counted, established=established)


def _of_terms(tracked: TrackedSli, *, counted: Mapping[Events, bool], established: bool) -> Iterator[Problem]:
    sli, seen = tracked.sli, tracked.seen
    if tracked.unmeasured or len(seen.matched) == len(sli.terms):
        return
    any_good = any(sli.terms[position].events is Events.GOOD for position in seen.matched)
    for position, term in enumerate(sli.terms):
        # Series that cancel out are not noted, as of `m - m{code="404"}`.
        if position in seen.matched or term.weights.total < 0:
            continue
        if counted[term.events] and (term.events is Events.BAD or not any_good):
            continue
        said = seen.unmatched(sli, position)
        if term.events is Events.BAD:
            yield _of_bad(said, tracked.misnamed.get(position) if established else None)
        elif term.events is Events.GOOD and not any_good:
            yield _warning(ProblemCode.GOOD_NEVER_MATCHED, f"{said}. Every event counts as bad; correct good")
        else:
            detail = f"{said}. Its events are counted once there are any; otherwise correct {term.events}"
            yield Problem(code=ProblemCode.TERM_NEVER_MATCHED, level=ProblemLevel.HINT, detail=detail)


def _of_bad(said: str, misnamed: str | None) -> Problem:
    """That no series has matched a selector of bad events; *misnamed* is what it names that is not there."""
    if misnamed is None:
        detail = f"{said}. This is normal for a service without errors; otherwise correct bad"
        return Problem(code=ProblemCode.BAD_NEVER_MATCHED, level=ProblemLevel.HINT, detail=detail)
    why = "" if misnamed in said else f": {misnamed}"
    detail = (
        f"{said}{why}. Correct bad, unless it is exported with the first error only: until it matches, no errors count"
    )
    return _warning(ProblemCode.BAD_NEVER_MATCHED, detail)


def _of_named(tracked: TrackedSli, *, counted: Mapping[Events, bool], established: bool) -> Iterator[Problem]:
    """Which selectors of slices of time or of an expression have matched no series lately."""
    terms = named_terms(tracked.sli)
    for position in sorted(tracked.unmatched or ()):
        events = terms[position].events
        if counted[events]:
            continue
        said = _unmatched_lately(terms[position])
        if events is Events.BAD:
            yield _of_bad(said, tracked.misnamed.get(position) if established else None)
        elif events is Events.GOOD:
            yield _warning(ProblemCode.GOOD_NEVER_MATCHED, f"{said}. Every event counts as bad; correct good")
        else:
            detail = f"{said}. The expression goes on without it; correct it, or leave it out"
            yield Problem(code=ProblemCode.TERM_NEVER_MATCHED, level=ProblemLevel.HINT, detail=detail)


def _unmatched_lately(term: Term) -> str:
    return f"no series has matched {render(term.selector)} in the last day"


def bad_never_matched(tracked: TrackedSli) -> str | None:
    """That no series has matched any selector of bad events so far; None if one has, or there are none.

    Without the values that the series have: it is sent to receivers, and those are not ours to link to.
    """
    terms = tracked.sli.terms
    if not terms:
        named = named_terms(tracked.sli)
        bad = [position for position, term in enumerate(named) if term.events is Events.BAD]
        # Of several, one that matches something will show errors.
        return _unmatched_lately(named[bad[0]]) if bad and (tracked.unmatched or set()) >= set(bad) else None
    if any(terms[position].events is Events.BAD for position in tracked.seen.matched):
        return None
    unmatched = (term for term in terms if term.events is Events.BAD and term.weights.total >= 0)
    term = next(unmatched, None)
    return None if term is None else f"no series has matched {render(term.selector)} so far"


def _of_outside(tracked: TrackedSli) -> Iterator[Problem]:
    """Whether bad or good events are counted that the total does not count."""
    terms = tracked.sli.terms
    for position in sorted(tracked.seen.outside):
        detail = (
            f"{render(terms[position].selector)} selects series that {tracked.query} does not select: "
            f"narrow {terms[position].events}, or widen total"
        )
        yield _warning(ProblemCode.OUTSIDE_TOTAL, detail)
    apart = set() if tracked.sli.samples_are_events else tracked.seen.apart - tracked.seen.outside
    for position in sorted(apart):
        selector = terms[position].selector
        if terms[position].events is not Events.BAD or _is_included(tracked, position):
            continue
        detail = (
            f"{render(selector)} is counted apart from {tracked.query}; make sure that total counts these events too"
        )
        yield Problem(code=ProblemCode.OUTSIDE_TOTAL, level=ProblemLevel.HINT, detail=detail)


def _is_included(tracked: TrackedSli, position: int) -> bool:
    """Whether the events of a term are among those of the total, as those of a bucket are among the count's."""
    part = tracked.sli.terms[position].selector
    return any(term.weights.total > 0 and includes(term.selector, part) for term in tracked.sli.terms)


def _of_scrapes(member: Member) -> Problem:
    readings = [
        (before, after)
        for policy, widened in zip(member.documented.alerting.policies, member.slo.alerting.policies, strict=True)
        for before, after in zip(policy.rules, widened.rules, strict=True)
        if before != after
    ]
    instead = ", ".join(dict.fromkeys(f"{after.name} instead of {before.name}" for before, after in readings))
    done = "scraped" if member.tracked.sli.evaluated is None else "evaluated"
    detail = f"{member.tracked.query} is {done} too seldom for the short windows of its alerts: {instead} is used"
    return Problem(code=ProblemCode.SCRAPED_SELDOM, level=ProblemLevel.HINT, detail=detail)


def _counted(window: WindowFigures) -> Floats:
    """The events that the total itself has counted."""
    return window.total - np.maximum(window.excess, 0.0)


def _contradiction(window: WindowFigures, index: int, name: str) -> Contradiction:
    excess, total = float(window.excess[index]), float(_counted(window)[index])
    return Contradiction(part="bad" if excess > 0 else "good", window=name, events=total + abs(excess), total=total)


def _of_contradiction(found: Contradiction) -> Problem:
    counted = f"{found.events:,.0f} {found.part} events of {found.total:,.0f} in total in {found.window}"
    if found.part == "bad":
        return _warning(
            ProblemCode.BAD_EXCEEDS_TOTAL,
            f"{counted}: bad events that total does not count are added to it; write a total that counts them too",
        )
    return Problem(
        code=ProblemCode.GOOD_EXCEEDS_TOTAL,
        level=ProblemLevel.ERROR,
        detail=f"{counted}: errors cannot be told from these counters; write a total that counts all good events",
    )


def _history_unreadable(tracked: TrackedSli) -> str | None:
    """Why history is not being read whole, though some is missing."""
    if tracked.partial_history_explained is not None:
        return f"data is missing from the history: {tracked.partial_history_explained}"
    if tracked.backfilled or tracked.history_problem is None:
        return None
    return f"history cannot be read now: {tracked.history_problem}"


def _warning(code: ProblemCode, detail: str) -> Problem:
    return Problem(code=code, level=ProblemLevel.WARNING, detail=detail)
