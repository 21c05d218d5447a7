"""Sloburn's counts beside those of `increase()`, both measured against the truth, over many histories at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from typing_extensions import override

from app.evaluation import Source
from app.ledger import LOOKBACK_S
from app.prometheus import Matrix
from app.slo import Slo
from app.slo.arrays import Floats
from app.status import Snapshot
from testbed.histories import History, but_server
from testbed.increase import joined, summed_increase
from testbed.traces import EventCounts, Labels, Samples, Trace
from tests.evaluation.memory import MemorySource, series_of
from tests.evaluation.running import Running, slos_of

LIVE_S = 3600
"""How long a live evaluator counts before the end."""
GRACE_S = 930
"""By then all that was counted provisionally has been counted for good, the newest of it in this very slot."""
WINDOWS_S = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21_600, "1d": 86_400, "3d": 259_200}
_QUERY_OFFSET_S = 1
_FALLING = frozenset(("dips", "good_reads_one_less", "corrected_downwards", "behind_a_balancer", "summed_over_pods"))
_FAR_OFF = 0.1
"""Where counters fall, `increase()` is wrong by orders of magnitude, of good and bad alike, and the ratio may be right
by chance: where its total is so far off, counts are compared and ratios are not."""
_DOUBLING = frozenset(
    (
        *("replicas_side_by_side", "exported_twice"),
        *("second_server_of_another_interval", "second_server_of_two_labels"),
    )
)
"""Counters are shown twice, and `increase()` counts them twice. That may make up by chance for what it misses, such as
half of the runs of a job: it is taken of one copy too, and the answer that is further from the truth is its error."""
_SUMMED: Final = "summed_over_pods"
_COMING_AND_GOING: Final = frozenset(("only_batch_jobs", "pushgateway"))
"""In a recorded sum, a job that begins and one that is first scraped look the same (`test_unknowable.py`)."""
_NEAR: Final = 0.01
"""A run of a job that is lower by no more than this share may be a second copy of its counter, until it is known what
follows (`docs/counting.md`)."""
_LONGEST_SCRAPE_S: Final = 60
_AROUND_S = 1800
"""The pace in a gap is that of so long before and after it."""
_MANY_SCRAPES = 10
"""An error of `increase()` of so many scrapes' events is of what nobody can see; extrapolation shifts it by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is shown of one window that ends at *at* (unix seconds): events, and the share of the budget they spend."""

    at: float
    total: float
    bad: float

    def consumed(self, objective: float) -> float:
        """Share of the error budget, 0 without events."""
        return self.bad / (self.total * (1 - objective)) if self.total > 0 else 0.0


Counts = dict[tuple[str, str], Counted]
"""By service and window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One window of one history: three figures of it, and what one scrape's events may change."""

    history: History
    window: str
    ours: Counted
    increase: Counted
    truth: EventCounts
    scrape: EventCounts
    undecided: EventCounts
    """Events of the newest fall that count only once it is known what follows, and are counted by `increase()`."""

    @property
    def unknowable(self) -> str | None:
        """Why samples do not show which of two truths is right; None if they do."""
        if _SUMMED in self.history.kinds and _COMING_AND_GOING & set(self.history.kinds):
            return "a recorded sum rises alike by what a job counts and by what it had counted when it joined"
        return None

    @property
    def worse(self) -> Mapping[str, tuple[float, float, float]]:
        """Figures in which we are further from the truth than `increase()` by more than one scrape's events.

        By name: our figure, that of `increase()`, and the true one.
        """
        objective = self.history.trace.objective
        truth = Counted(at=self.ours.at, total=self.truth.total, bad=self.truth.bad)
        figures = {
            "bad": (self.ours.bad, self.increase.bad, truth.bad, self.scrape.bad),
            "total": (self.ours.total, self.increase.total, truth.total, self.scrape.total),
            "consumed": (
                self.ours.consumed(objective),
                self.increase.consumed(objective),
                truth.consumed(objective),
                self._consumed_by_a_scrape(truth, objective),
            ),
        }
        far_off = abs(self.increase.total - truth.total) > _FAR_OFF * truth.total
        if far_off and _FALLING & set(self.history.kinds):
            del figures["consumed"]
        later = {"bad": self.undecided.bad, "total": self.undecided.total}
        return {
            name: (ours, theirs, true)
            for name, (ours, theirs, true, allowed) in figures.items()
            if not min(abs(ours - true), abs(ours + later.get(name, 0) - true)) <= _allowed(abs(theirs - true), allowed)
        }

    @property
    def points(self) -> tuple[float, float]:
        """Our error and that of `increase()` in percentage points of the budget."""
        objective = self.history.trace.objective
        truth = Counted(at=self.ours.at, total=self.truth.total, bad=self.truth.bad).consumed(objective)
        ours, theirs = self.ours.consumed(objective), self.increase.consumed(objective)
        return 100 * (ours - truth), 100 * (theirs - truth)

    @override
    def __str__(self) -> str:
        return "; ".join(
            f"{self.history}, {self.window} {name}: ours {ours:.6g}, increase() {theirs:.6g}, truth {true:.6g}"
            for name, (ours, theirs, true) in self.worse.items()
        )

    def _consumed_by_a_scrape(self, truth: Counted, objective: float) -> float:
        more = replace(truth, total=max(truth.total - self.scrape.total, truth.bad), bad=truth.bad + self.scrape.bad)
        if more.total < more.bad or not truth.total:
            return math.inf
        less = replace(truth, total=truth.total + self.scrape.total, bad=max(truth.bad - self.scrape.bad, 0))
        consumed = truth.consumed(objective)
        return max(more.consumed(objective) - consumed, consumed - less.consumed(objective))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What many histories came to: where live and backfilled counts differ, and all comparisons."""

    differences: Mapping[tuple[str, str], tuple[Counted, Counted]]
    live: Sequence[Comparison]
    backfilled: Sequence[Comparison]

    @classmethod
    def of(
        cls, histories: Sequence[History], lived: Counts, started: Counts, *, windows_s: Mapping[str, float]
    ) -> "Outcome":
        """What was counted live and from the past alone, in windows of so many seconds."""
        by_service = {history.trace.service: history for history in histories}
        live, backfilled = (
            [
                _comparison(by_service[service], window, windows_s[window], each)
                for (service, window), each in of.items()
            ]
            for of in (lived, started)
        )
        return cls(
            differences={
                (str(by_service[service]), window): (counted, started[service, window])
                for (service, window), counted in lived.items()
                if not _is_equal(counted, started[service, window])
            },
            live=live,
            backfilled=backfilled,
        )

    @property
    def differing(self) -> list[str]:
        """The histories that are counted otherwise live than from the past alone."""
        return sorted({history for history, _ in self.differences})

    @property
    def points(self) -> list[tuple[float, float]]:
        """Our error and that of `increase()` in percentage points of the budget, without sign, of all comparisons."""
        points = [each.points for each in (*self.live, *self.backfilled)]
        return [(abs(ours), abs(increase)) for ours, increase in points]

    @property
    def worse(self) -> list[Comparison]:
        """Comparisons that `increase()` wins, the histories with the fewest kinds first."""
        found = [each for each in (*self.live, *self.backfilled) if each.worse and each.unknowable is None]
        return sorted(found, key=lambda each: (len(each.history.kinds), each.history.seed))

    @property
    def unknowable(self) -> Mapping[str, str]:
        """Histories of which `increase()` is nearer to the truth by chance, each with the reason."""
        found = [each for each in (*self.live, *self.backfilled) if each.worse]
        return {str(each.history): each.unknowable for each in found if each.unknowable is not None}


@dataclass(slots=True)
class Balanced(Source):
    """Servers behind one balancer: each question is answered by one of them, by chance."""

    servers: Sequence[MemorySource]
    dice: np.random.Generator = field(default_factory=lambda: np.random.default_rng(8))

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return await self._one().instant(expr, at, deadline=deadline)

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        return await self._one().range(expr, start, end, step, deadline=deadline)

    def _one(self) -> MemorySource:
        return self.servers[int(self.dice.integers(0, len(self.servers)))]


def compare(histories: Sequence[History], folder: Path, *, end: int, live_s: int = LIVE_S) -> Outcome:
    """Count *histories*, which all end at or after *end* + GRACE_S, live for an hour and from the past alone."""
    traces = [history.trace for history in histories]
    slos = slos_of(traces, folder / "slos", window="1d")
    first = MemorySource([one for trace in traces for one in series_of(trace.series)])
    second = MemorySource([one for history in histories for one in series_of(history.second)])
    source = Balanced((first, second) if second.series else (first,))
    at = end + GRACE_S

    def move(now: float) -> None:
        first.now = second.now = now - _QUERY_OFFSET_S

    with (
        Running(slos, source, folder / "live.db", move=move) as live,
        Running(slos, source, folder / "fresh.db", move=move) as fresh,
    ):
        live.run(end - live_s, at)
        fresh.run(end + GRACE_S - 600, at)
        for each in (live, fresh):
            each.backfill(at)
        lived, started = (_counts(slos, each.board.snapshots, at) for each in (live, fresh))
    return Outcome.of(histories, lived, started, windows_s=WINDOWS_S)


def median_points(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The median error in percentage points of the budget: ours, and that of `increase()`."""
    ours, increase = zip(*points, strict=True)
    return median(ours), median(increase)


def _allowed(error: float, scrape: float) -> float:
    """How far we may be off where `increase()` is off by *error*."""
    return (1 + _FAR_OFF) * error + scrape if error > _MANY_SCRAPES * scrape else error + scrape * (1 + 1e-6) + 1e-6


def _counts(slos: Sequence[Slo], snapshots: Sequence[Snapshot], at: float) -> Counts:
    """The windows of every service; those of a service that is gone end where it was last measured."""
    service_of = {slo.id: slo.service for slo in slos}
    lengths = {seconds: name for name, seconds in WINDOWS_S.items()}
    return {
        (service_of[snapshot.id], lengths[round(view.window.total_seconds())]): Counted(
            at=at if snapshot.as_of is None else snapshot.as_of.timestamp(), total=view.total, bad=view.bad
        )
        for snapshot in snapshots
        for view in snapshot.windows
        if round(view.window.total_seconds()) in lengths
    }


def _is_equal(one: Counted, other: Counted) -> bool:
    """Whether two counts of one window are the same but for rounding."""
    return all(
        math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-3)
        for mine, theirs in ((one.at, other.at), (one.total, other.total), (one.bad, other.bad))
    )


def _comparison(history: History, window: str, window_s: float, ours: Counted) -> Comparison:
    """One window of so many seconds of a history: what was counted, what `increase()` answers and the truth."""
    trace, at = history.trace, ours.at
    seen = [_until(one, at - _QUERY_OFFSET_S) for one in trace.series]
    truth = trace.truth(at - window_s, at)
    answers = [_increase(seen, at=at, window_s=window_s)]
    if _DOUBLING & set(history.kinds):
        answers.append(_increase(_one_copy(seen), at=at, window_s=window_s))
    return Comparison(
        history=history,
        window=window,
        ours=ours,
        increase=max(answers, key=lambda each: abs(each.total - truth.total)),
        truth=truth,
        scrape=_one_scrape(history, at - window_s, at),
        undecided=_undecided(seen, at) if "pushgateway" in history.kinds else EventCounts(0, 0),
    )


def _increase(series: Sequence[Samples], *, at: float, window_s: float) -> Counted:
    """What `increase()` answers of some series."""
    bad = [one for one in series if dict(one.labels)["code"].startswith("5")]
    return Counted(
        at=at,
        total=summed_increase(series, at=at, window_s=window_s),
        bad=summed_increase(bad, at=at, window_s=window_s),
    )


def _undecided(series: Sequence[Samples], at: float) -> EventCounts:
    """The good and bad events that series show since they fell by next to nothing, in the look-back before *at*."""
    events = [0, 0]
    for one in joined(series):
        newest = one.values[(one.times_ms / 1000 > at - LOOKBACK_S - _LONGEST_SCRAPE_S)]
        fell = np.flatnonzero(np.diff(newest) < 0)
        if len(fell):
            before, value = int(newest[fell[-1]]), int(newest[fell[-1] + 1])
            if before - value <= max(_NEAR * before, 2) and (newest[fell[-1] + 1 :] == value).all():
                events[dict(one.labels)["code"].startswith("5")] += value
    return EventCounts(*events)


def _one_copy(series: Sequence[Samples]) -> list[Samples]:
    """Of series that differ in nothing but labels of servers and exporters, those of the first such labels."""
    first: dict[Labels, Labels] = {}
    return [
        one
        for one in series
        if first.setdefault(tuple(pair for pair in but_server(one.labels) if pair[0] != "handler"), one.labels)
        == one.labels
    ]


def _one_scrape(history: History, start: float, end: float) -> EventCounts:
    """The most that one scrape in a window can show, or one that shows what happened unseen across its edges."""
    trace, slack_s = history.trace, history.interval_s + math.ceil(history.lag_s) + 1
    busiest = trace.busiest(start - slack_s, end, width_s=slack_s)
    good, bad = busiest.good, busiest.bad
    for edge in (max(start, trace.start), end):
        unseen = [_in_gap(series, trace, edge, slack_s) for series in _by_target(trace.series)]
        good, bad = (
            max(most, round(sum(column))) for most, column in zip((good, bad), zip(*unseen, strict=True), strict=True)
        )
    for edge in (max(start, trace.start), end):
        hidden = _hidden(trace, edge, slack_s)
        good, bad = max(good, hidden.good), max(bad, hidden.bad)
    return EventCounts(max(good, 1), max(bad, 1))


def _hidden(trace: Trace, edge: float, slack_s: float) -> EventCounts:
    """The good and bad events before *edge* since any series of them was seen, if that is longer than a scrape.

    They show when a series returns, and never if none does: the truth of second by second knows them, and no sample.
    """
    seen_s = {"good": float(trace.start), "bad": float(trace.start)}
    for one in trace.series:
        before = one.times_ms[one.times_ms <= edge * 1000]
        kind = "bad" if dict(one.labels)["code"].startswith("5") else "good"
        if len(before):
            seen_s[kind] = max(seen_s[kind], before[-1] / 1000)
    good, bad = (seen_s[kind] if edge - seen_s[kind] > slack_s else edge for kind in ("good", "bad"))
    return EventCounts(good=trace.truth(good, edge).good, bad=trace.truth(bad, edge).bad)


def _by_target(series: Sequence[Samples]) -> list[list[Samples]]:
    by_target: dict[str | None, list[Samples]] = {}
    for one in series:
        by_target.setdefault(dict(one.labels).get("instance"), []).append(one)
    return list(by_target.values())


def _in_gap(series: Sequence[Samples], trace: Trace, edge: float, slack_s: float) -> tuple[float, float]:
    """The good and bad events that a target's scrape behind *edge*, or the one that is due, shows of a longer gap."""
    times = [one.times_ms / 1000 for one in series]
    unseen_s = _unseen_s(np.unique(np.concatenate(times)), edge)
    overdue_s = unseen_s if slack_s < unseen_s <= LOOKBACK_S else 0.0
    events, appeared = [0.0, 0.0], [0.0, 0.0]
    for one, known in zip(series, times, strict=True):
        bad = ("code", "500") in one.labels or ("code", "503") in one.labels
        after = int(np.searchsorted(known, edge))
        if 0 < after < len(known):
            returned = known[after] - known[after - 1] > slack_s
            events[bad] += max(float(one.values[after] - one.values[after - 1]), 0.0) * returned
        else:
            near = (known >= edge - _AROUND_S) & (known <= edge + _AROUND_S)
            grown, seen_s = np.maximum(np.diff(one.values[near]), 0).sum(), np.ptp(known[near]) if near.any() else 0.0
            events[bad] += float(grown / seen_s) * overdue_s if seen_s else 0.0
            if after == 0 and len(known) and unseen_s > slack_s:
                # What happened in the gap shows under other labels than before.
                hidden = trace.truth(known[0] - unseen_s, known[0])
                appeared[bad] += min(float(one.values[0]), float(hidden.bad if bad else hidden.good))
    return events[0] + appeared[0], events[1] + appeared[1]


def _unseen_s(times: Floats, edge: float) -> float:
    """How long a target was not seen around *edge*, as far as it was due."""
    after = int(np.searchsorted(times, edge))
    return float((times[after] if after < len(times) else edge) - (times[after - 1] if after else edge))


def _until(samples: Samples, at: float) -> Samples:
    kept = samples.times_ms <= at * 1000
    return Samples(
        metric=samples.metric, labels=samples.labels, times_ms=samples.times_ms[kept], values=samples.values[kept]
    )


__all__ = [
    "GRACE_S",
    "Comparison",
    "Counted",
    "Counts",
    "Outcome",
    "compare",
    "median_points",
]
