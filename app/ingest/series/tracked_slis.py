"""What is watched: the distinct SLIs behind the SLOs, and how far each has been counted."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.budget import LEARNED_FROM, STANDARD_WINDOWS, windows_of
from app.ingest.series.brackets import Interpolated
from app.ingest.series.matched_series import SeriesSeen
from app.ledger import FINE_REACH_S, FirstSighting, NewSeries
from app.sli import IntervalCounts, SeveralSources
from app.slo import Composition, GroupKey, RollingWindow, Selector, Sli, Slo, format_duration

# Living members of one grouped SLO; more are refused, those that have a place stay.
MOST_GROUPS = 500

PARTIAL_REMEDY = (
    "alerts may fire and do not resolve until it is whole again; "
    "where nothing is missing that matters, set SLOBURN_PROMETHEUS_PARTIAL=accept"
)

_SOURCES_REMEDY = (
    "alerts may fire by the events of the other sources and do not resolve until it has data again; "
    "take a source that is gone for good out of the document"
)

# As many as one query asks for (`promql/plan.py`), so that the same queries are asked in every slot.
SLIS_IN_TURN = 200

# At five minutes each they span an hour, as long as late samples are said (`late_samples.py`).
_LONG_READS_KEPT = 12
# More than an hour late no offset helps: alerts would be as late as the samples.
_LONGEST_OFFSET_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LateSamples:
    """Samples that came between *least_s* and *most_s* after their time, when they were last seen at *seen_s*."""

    least_s: float
    most_s: float
    seen_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadTime:
    """Time from *since_s* to *until_s* that could not be read while newer time could.

    *said* is the last answer; after so many *attempts* more it is asked for again at *again_s*.
    """

    since_s: float
    until_s: float
    said: str
    attempts: int
    again_s: float

    @property
    def explained(self) -> str:
        """Which time cannot be read, why, and what becomes of it, in words."""
        begin, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (self.since_s, self.until_s))
        return (
            f"what was missed from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC cannot be read: {self.said}; "
            "it is a hole until it can be, and is asked for every 10m for 6h"
        )


class CountedApart(NamedTuple):
    """Counters that were counted for good in (since, until] beside the one that they have proved to be copies of."""

    counters: tuple[int, ...]
    since_s: float
    until_s: float


# By identity: there is one for each SLI, and thousands are looked up in every evaluation.
@dataclass(slots=True, kw_only=True, eq=False)
class TrackedSli:
    """One SLI, the SLOs that judge it, and the rows that count it; times are unix seconds.

    Counts are final up to *settled_s* and there at all up to *counted_s*; history has been counted back to
    *complete_from_s*, of *wanted_from_s*. *pending_targets* are the targets that appear in the history so far,
    *pending_series* the series that appear on known targets. Counts are kept for *horizon_s*, members of a group that
    have gone for *windows_s*, as far back as windows reach. *long_windows_s* are the windows whose start is looked at
    closely. *resumed* says that the provisional part comes from disk and is to be counted again. *consecutive_failures*
    is how many times in a row it was asked for in vain. *problem* is why the last evaluation was not answered,
    *history_problem* why the last piece of history was not; each may be alone. *unmeasured* are histograms without the
    bucket at the threshold, each with when it was seen last, and *buckets* the bounds that they do have, as far as they
    have been asked for. *refusal* is why the SLI is not evaluated at all. *partial* says what is missing from what was
    read last, which is then not final, and *partial_since_s* since when; *unread* is older time
    that was left out. *partial_history* says what is missing from
    the history before *complete_from_s*, which has been counted back to *partial_history_from_s* all the same, and is
    counted again once it is whole; None where it is not so. All history was counted again *history_recounts* times.
    *copies* of counters were counted for good beside them until they proved to be copies. It
    is *partial_history_apart* if no cell holds events of it
    beside others. The next reads begin at *read_from_s* and *settle_from_s*,
    where samples may be *late*; newest samples of some series were *lag_s* old when such were last seen at
    *lag_seen_s*. *long_reads* are those that went back further than a slot. *impossible_samples* says
    that the last evaluation left out samples that are negative, infinite or beyond 64 bits, which were last seen at
    *impossible_seen_s*; series of nothing but NaN were last seen at *nan_seen_s*. *refused_groups* are living members
    without a place, each with when it was last refused. *interpolated* is the bucket around a threshold that is no
    bound of a native histogram. *parts* are the SLIs of a composite's components, in their order, *missing_parts* the
    names of those without data now, *changed_from_s* where the oldest change of their counts begins since its slices
    were made. *rejects_native* says that its server has no native histograms. *unmatched* are the positions of the
    terms that no series has matched when that was looked at last, None before; *made_from_s* is since when all that a
    composite, or slices, are made of was counted, NaN where that is not known; *misnamed* says by
    position what such a term names that Prometheus does not have. Its counts become final in its *turn*, so many slots
    after those of the first SLIs. Its slots are asked for *later_by_s* after those of other sources. *covered_before*,
    of an SLI of several sources, is up to where the rows of its parts were measured when they were last added up.
    """

    key: str
    sli: Sli
    slos: tuple[Slo, ...]
    selectors: tuple[Selector, ...]
    horizon_s: float
    windows_s: float
    long_windows_s: tuple[float, ...] = ()
    started: bool = False
    resumed: bool = False
    settled_s: float = 0.0
    counted_s: float = 0.0
    complete_from_s: float = 0.0
    wanted_from_s: float = 0.0
    pending_targets: list[FirstSighting] = field(default_factory=list)
    pending_series: list[NewSeries] = field(default_factory=list)
    rows: dict[GroupKey, int] = field(default_factory=dict)
    refused_groups: dict[GroupKey, float] = field(default_factory=dict)
    problem: str | None = None
    query_rejected: bool = False
    history_problem: str | None = None
    partial: str | None = None
    partial_since_s: float = 0.0
    unread: UnreadTime | None = None
    partial_history: str | None = None
    partial_history_from_s: float | None = None
    partial_history_apart: bool = False
    history_recounts: int = 0
    copies: list[CountedApart] = field(default_factory=list)
    read_from_s: float = 0.0
    settle_from_s: float = 0.0
    late: LateSamples | None = None
    lag_s: float = 0.0
    lag_seen_s: float = 0.0
    long_reads: tuple[tuple[float, float], ...] = ()
    impossible_samples: bool = False
    impossible_seen_s: float = 0.0
    nan_seen_s: float = 0.0
    consecutive_failures: int = 0
    seen: SeriesSeen = field(default_factory=SeriesSeen)
    interpolated: Interpolated = field(default_factory=Interpolated)
    rejects_native: bool = False
    unmeasured: dict[int, float] = field(default_factory=dict)
    buckets: tuple[str, ...] = ()
    refusal: str | None = None
    unmatched: frozenset[int] | None = None
    misnamed: dict[int, str] = field(default_factory=dict)
    turn: int = 0
    later_by_s: float = 0.0
    parts: tuple["TrackedSli", ...] = ()
    missing_parts: tuple[str, ...] = ()
    made_from_s: float = math.nan
    changed_from_s: float = math.inf
    covered_before: dict[int, float] = field(default_factory=dict)

    def note_long_read(self, since_s: float, until_s: float) -> None:
        """Note a read that went back further than a slot; the last few are kept."""
        self.long_reads = (*self.long_reads, (since_s, until_s))[-_LONG_READS_KEPT:]

    @property
    def backfilled(self) -> bool:
        """Whether all the history that is wanted has been counted."""
        return self.started and self.complete_from_s <= self.wanted_from_s

    @property
    def of_sources(self) -> bool:
        """Whether its *parts* are the same SLI as each of several sources counts it."""
        return isinstance(self.sli, SeveralSources)

    @property
    def is_replaced(self) -> bool:
        """Whether what is not final yet is read again with each interval, since its source may have other numbers."""
        return isinstance(self.sli, IntervalCounts)

    @property
    def is_composite(self) -> bool:
        """Whether its *parts* are the SLIs of a composite's components."""
        return bool(self.parts) and not self.of_sources

    @property
    def groups_of_parts(self) -> list[GroupKey]:
        """The groups that any of its parts has a row of, in order."""
        return sorted({group for part in self.parts for group in part.rows})

    def rows_of_parts(self, group: GroupKey) -> list[int]:
        """The rows of a group in those of its parts that have one."""
        return [part.rows[group] for part in self.parts if group in part.rows]

    @property
    def of_some_sources(self) -> bool:
        """Whether it is counted from several sources, of which some have no data now and others have."""
        return self.partial is not None and self.of_sources

    @property
    def partial_explained(self) -> str | None:
        """What is missing from the data and what to do about it, in words; None if it is whole."""
        remedy = _SOURCES_REMEDY if self.of_sources else PARTIAL_REMEDY
        return None if self.partial is None else f"{self.partial}; {remedy}"

    @property
    def partial_history_explained(self) -> str | None:
        """What is missing from the history and what to do about it, in words; None if what was counted is whole."""
        return None if self.partial_history is None else f"{self.partial_history}; {PARTIAL_REMEDY}"

    @property
    def late_explained(self) -> str | None:
        """How late samples come and what to do about it, in words; None if they come in time."""
        if self.late is None:
            return None
        least = format_duration(timedelta(seconds=round(self.late.least_s)))
        more = format_duration(timedelta(minutes=math.ceil(self.late.most_s / 60)))
        remedy = (
            f"raise SLOBURN_QUERY_OFFSET by {more}, so that slots are evaluated when their samples are there"
            if self.late.most_s <= _LONGEST_OFFSET_S
            else "they are counted when they come; no SLOBURN_QUERY_OFFSET is long enough to wait for them"
        )
        return f"samples of {self.query} arrive {least} late or more: {remedy}"

    @property
    def query(self) -> str:
        """What all events are counted from, as people would try it in Prometheus."""
        return self.sli.query


def tracked_slis_of(slos: Iterable[Slo], *, older: timedelta = timedelta(0)) -> tuple[TrackedSli, ...]:
    """One `TrackedSli` for each distinct SLI, in the order of the SLOs; SLOs over the same events share one.

    *older* is how much more history is kept than the windows need.
    """
    by_key: dict[str, list[Slo]] = {}
    for slo in slos:
        by_key.setdefault(slo.sli.key, []).append(slo)
    tracked_slis = {
        key: TrackedSli(
            key=key,
            sli=judged[0].sli,
            slos=tuple(judged),
            selectors=(*judged[0].sli.queries, *judged[0].sli.native),
            horizon_s=max(*map(_windows_s, judged), LEARNED_FROM.total_seconds()) + older.total_seconds(),
            windows_s=max(map(_windows_s, judged)) + older.total_seconds(),
            long_windows_s=_long_windows_s(judged),
        )
        for key, judged in by_key.items()
    }
    for tracked in tuple(tracked_slis.values()):
        _add_parts_of_sources(tracked, tracked_slis)
    for tracked in tracked_slis.values():
        composition = _composition(tracked)
        if composition is not None:
            tracked.parts = tuple(tracked_slis[component.key] for component in composition.components)
    # Of a component as much is read as of what is made of it.
    for tracked, _ in reversed(list(composites_of(tracked_slis.values()))):
        for part in tracked.parts:
            part.horizon_s = max(part.horizon_s, tracked.horizon_s)
            part.windows_s = max(part.windows_s, tracked.windows_s)
    return tuple(tracked_slis.values())


def _add_parts_of_sources(tracked: TrackedSli, tracked_slis: dict[str, TrackedSli]) -> None:
    """Add what an SLI of several sources is counted from: no SLO need be of one source alone."""
    if not isinstance(tracked.sli, SeveralSources):
        return
    for sli in tracked.sli.each:
        part = tracked_slis.get(sli.key)
        if part is None:
            part = tracked_slis[sli.key] = TrackedSli(
                key=sli.key, sli=sli, slos=(), selectors=(*sli.queries, *sli.native), horizon_s=0.0, windows_s=0.0
            )
        part.long_windows_s = tuple(sorted({*part.long_windows_s, *tracked.long_windows_s}))


def take_turns(tracked_slis: Sequence[TrackedSli], turns: int) -> None:
    """Let the counts of many SLIs become final in so many turns, one slot after another, and not all in the same slot.

    SLIs that share their first selector share their turn, and with it their queries.
    """
    numbers: dict[Selector, int] = {}
    for tracked in tracked_slis:
        if tracked.selectors:
            number = numbers.setdefault(tracked.selectors[0], len(numbers))
            tracked.turn = number // SLIS_IN_TURN % turns


def in_turns(tracked_slis: Sequence[TrackedSli]) -> tuple[tuple[TrackedSli, ...], ...]:
    """The SLIs of each turn among some."""
    if len(tracked_slis) <= SLIS_IN_TURN:
        return (tuple(tracked_slis),)
    of_turn: defaultdict[int, list[TrackedSli]] = defaultdict(list)
    for tracked in tracked_slis:
        of_turn[tracked.turn].append(tracked)
    return tuple(tuple(of_turn[turn]) for turn in sorted(of_turn))


def composites_of(tracked_slis: Iterable[TrackedSli]) -> Iterator[tuple[TrackedSli, Composition]]:
    """The composites among some SLIs, each after the composites that it is made of."""
    done: set[str] = set()

    def walk(tracked: TrackedSli) -> Iterator[tuple[TrackedSli, Composition]]:
        composition = _composition(tracked) if tracked.parts and tracked.key not in done else None
        if composition is None:
            return
        done.add(tracked.key)
        for part in tracked.parts:
            yield from walk(part)
        yield tracked, composition

    for tracked in tracked_slis:
        yield from walk(tracked)


def _composition(tracked: TrackedSli) -> Composition | None:
    evaluated = tracked.sli.evaluated
    return None if evaluated is None else evaluated.composition


def _long_windows_s(slos: Iterable[Slo]) -> tuple[float, ...]:
    """The rolling windows that start in older cells than those of single slots."""
    lengths = {length for slo in slos for length in windows_of(slo)}
    lengths |= {slo.window.duration for slo in slos if isinstance(slo.window, RollingWindow)}
    return tuple(sorted(length.total_seconds() for length in lengths if length.total_seconds() > FINE_REACH_S))


def _windows_s(slo: Slo) -> float:
    """How far back the windows of an SLO reach."""
    longest = max(slo.window.longest, slo.longest_alert_window, *STANDARD_WINDOWS)
    return longest.total_seconds() + 3600.0
