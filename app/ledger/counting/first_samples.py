"""First samples: how many events they count.

The first samples of a target that was never seen before are its *first sighting*: `new_targets.py` decides whether they
count, once everything older has been read. A series that appears on a known target counts what its target can have
counted since its last scrape, or nothing; unless older history knows the series, which then goes on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Literal

import numpy as np

from app.ledger.counting.falls import JudgedFalls, has_expired
from app.ledger.counting.last_samples import PACE_GRID_S, LastSamples
from app.ledger.counting.new_targets import SCRAPE_S, FirstScrape, is_new
from app.ledger.counting.plausibility import (
    NEAR_EVENTS,
    SLACK_EVENTS,
    ScrapeJudgement,
    is_first_value_plausible,
    is_growth_plausible,
    is_rounded,
    judge_fall,
    judge_scrape,
    pace_of_fall,
)
from app.ledger.counting.steps import SampleContext, fastest, last_steps, steadiest
from app.ledger.counting.takeovers import Stood, grown_since_ended
from app.ledger.increments import Increments
from app.ledger.registry import CounterArrays, Registry
from app.ledger.runs import LOOKBACK_S, LastSeen
from app.slo.arrays import Bools, Floats, Ints

# Series of one scrape, however their timestamps differ, are looked for so far around a first sample.
_SAME_SCRAPE_S = 15.0
# Series that are relabelled together are first seen no further apart.
_RELABELLING_S = 30.0
# The first or last scrape of a target with timestamps of their own takes no longer.
_FIRST_SCRAPE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSighting:
    """The first appearance of a target within what was read: its counters' values at *at*, and what followed.

    *row_before* is when the row was seen before.
    """

    row: int
    target: int
    at: float
    values: tuple[tuple[int, float], ...]
    first_scrape: FirstScrape
    row_before: LastSeen

    @property
    def row_seen(self) -> float:
        """When the row was last seen without this target, NaN if it was not.

        Targets that appear together, at the row's series or at the end of a hole, are not each other's past.
        """
        return self.row_before.before(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSeries:
    """The first sample of a *counter* on a *target* that was known at *since*.

    Of its *value* it counts *events*. *decided*: its target restarted before, so that nothing older knows it.
    """

    row: int
    target: int
    counter: int
    since: float
    at: float
    value: float
    events: float
    decided: bool = False


def find_first_samples(
    context: SampleContext, first_samples: Ints, judged: JudgedFalls, registry: Registry
) -> tuple[tuple[NewSeries, ...], tuple[FirstSighting, ...]]:
    """New series of known targets, and first sightings of others; *judged* says which targets restarted and when."""
    samples, arrays, cursor = context.steps.samples, context.arrays, context.cursor
    found: list[NewSeries] = []
    sightings = []
    rows = _Rows(context)
    restarted, all_back = _times_of(judged.restarted), _times_of(judged.came_back)
    for target, of_target in _groups(arrays.target[samples.counter[first_samples]], first_samples).items():
        first_scrape_until = _first_scrape_until(context, target)
        restarts = restarted.get(target, [])
        came_back = np.array(all_back.get(target, []))
        of_first_scrape = of_target[samples.time[of_target] < first_scrape_until]
        if len(of_first_scrape):
            first = samples.only(of_first_scrape)
            values = zip(first.counter.tolist(), first.value.tolist(), strict=True)
            sightings.append(rows.sighting(target, tuple(values)))
        later = of_target[samples.time[of_target] >= first_scrape_until]
        if not len(later):
            continue
        # By when they are scraped: what all series that appear together count is found at once.
        events: dict[float, Mapping[int, float]] = {}
        expired = _Expired.of(context, target)
        for index in later.tolist():
            counter, at, value = int(samples.counter[index]), float(samples.time[index]), float(samples.value[index])
            # Where others go on under new labels, this one may be older too, though nothing proves which it was.
            if (
                registry.was_relabelled(target, at, within_s=_RELABELLING_S)
                # An older process has answered this scrape: its series are none of the one that began.
                or (np.abs(came_back - at) <= _SAME_SCRAPE_S).any()
            ):
                counted = 0.0
            elif _began(context, index, target):
                counted = value
            elif _has_value_of_ended(context, index, expired, restarts, registry):
                counted = 0.0
            else:
                if at not in events:
                    of_scrape = of_target[np.abs(samples.time[of_target] - at) <= _SAME_SCRAPE_S]
                    events[at] = _events_of_new_series(context, at, of_scrape, restarts, registry)
                counted = events[at][counter]
            found.append(
                NewSeries(
                    row=int(arrays.row[counter]),
                    target=target,
                    counter=counter,
                    since=context.seen_before(target, at),
                    at=at,
                    value=value,
                    events=counted,
                    decided=bool(
                        not np.isnan(context.steps.raw[index])
                        or not np.isnan(cursor.time[counter])
                        or not np.isnan(cursor.restarted[target])
                        or any(restart <= at + _SAME_SCRAPE_S for restart in restarts)
                    ),
                )
            )
    return tuple(found), tuple(sightings)


def _times_of(noted: Iterable[tuple[int, float]]) -> dict[int, list[float]]:
    """The times that were noted of each target."""
    found: dict[int, list[float]] = {}
    for target, at in noted:
        found.setdefault(target, []).append(at)
    return found


def _began(context: SampleContext, index: int, target: int) -> bool:
    """Whether a first sample is of a series that is known to have begun since its target's last scrape."""
    samples = context.steps.samples
    counter, at = int(samples.counter[index]), float(samples.time[index])
    since = context.seen_before(target, at - _SAME_SCRAPE_S)
    return context.starts.series_began(int(context.arrays.keys[counter, 0]), since, at)


def _events_of_new_series(
    context: SampleContext, at: float, of_scrape: Ints, restarts: Sequence[float], registry: Registry
) -> Mapping[int, float]:
    """What the first values of one scrape of a known target, by counter, have counted since the scrape before.

    *of_scrape* are all first samples of that scrape: what may be new is new events of all of them together.
    """
    samples = context.steps.samples
    target = int(context.arrays.target[samples.counter[of_scrape[0]]])
    since = context.seen_before(target, at - _SAME_SCRAPE_S)
    scrape = _scrape(context, target, at)
    new, grown = Stood(counter=samples.counter[of_scrape], value=samples.value[of_scrape]), {}
    restarted = context.process_began(target, since, at)
    if not scrape.began_anew(restarted=restarted) and not any(since < each <= at + _SAME_SCRAPE_S for each in restarts):
        grown = grown_since_ended(new, _ended(context, target, since, at), registry)
    return scrape.events(new, grown, restarted=restarted)


def _together(value: float, values: Floats) -> float:
    """The events that must be plausible for a first *value* to count: all *values* of its scrape unless it is small."""
    return value if value <= SLACK_EVENTS else float(values[values > SLACK_EVENTS].sum())


@dataclass(frozen=True, slots=True)
class _Expired:
    """Where counters of a target stood, in the order of *value*, when they were last seen at *time* for a while.

    They were not seen again for more than the look-back, until *again_s*.
    """

    counter: Ints
    time: Floats
    value: Floats
    again_s: Floats

    @classmethod
    def of(cls, context: SampleContext, target: int) -> "_Expired":
        samples = context.steps.samples
        mine, _ = context.of_target(target)
        counters = context.counters(target)
        known = counters[~np.isnan(context.cursor.time[counters])]
        counter = np.concatenate([samples.counter[mine], known])
        time = np.concatenate([samples.time[mine], context.cursor.time[known]])
        value = np.concatenate([samples.value[mine], context.cursor.value[known]])
        order = np.lexsort((time, counter))
        counter, time, value = counter[order], time[order], value[order]
        last = np.append(counter[1:] != counter[:-1], True)[: len(counter)]
        again_s = np.where(last, np.inf, np.append(time[1:], np.inf)[: len(time)])
        kept = np.flatnonzero((again_s - time > LOOKBACK_S) & (value > SLACK_EVENTS))
        kept = kept[np.argsort(value[kept], kind="stable")]
        return cls(counter[kept], time[kept], value[kept], again_s[kept])

    def with_value(self, value: float, at: float) -> Iterable[tuple[int, float]]:
        """The counters that were missing at a time and stood at a *value* or just below it, and when they were seen."""
        first, last = np.searchsorted(self.value, [value - NEAR_EVENTS, np.nextafter(value, np.inf)])
        near = np.arange(first, last)
        near = near[(at - self.time[near] > LOOKBACK_S) & (self.again_s[near] >= at)]
        return zip(self.counter[near].tolist(), self.time[near].tolist(), strict=True)


def _has_value_of_ended(
    context: SampleContext, index: int, expired: _Expired, restarts: Sequence[float], registry: Registry
) -> bool:
    """Whether a first value is that of a series of the target that ended and differs in one label.

    A label that changes while an error series is expired leaves no other trace. Should the value be met by chance, the
    answer is that of `increase()`.
    """
    samples, arrays = context.steps.samples, context.arrays
    counter, at, value = int(samples.counter[index]), float(samples.time[index]), float(samples.value[index])
    labels = registry.own_labels_of(counter)
    if labels is None or value <= SLACK_EVENTS:
        return False
    restarted = float(context.cursor.restarted[arrays.target[counter]])
    for other, seen in expired.with_value(value, at):
        theirs = registry.own_labels_of(other)
        if (
            other != counter
            and theirs is not None
            and arrays.bad[other] == arrays.bad[counter]
            and len({name for name, _ in set(labels) ^ set(theirs)}) == 1
            and not any(seen < restart <= at for restart in (*restarts, restarted))
        ):
            return True
    return False


def link_targets_to_older(
    sightings: Sequence[FirstSighting], new_series: Sequence[NewSeries], older: LastSamples, registry: Registry
) -> tuple[Increments, tuple[FirstSighting, ...]]:
    """Connect *sightings*, and the *new_series* that came later, with what an *older* stretch of time has seen last.

    Gives the increments between, and the sightings whose target the older stretch has not seen either. Targets that
    prove to have restarted between are noted in *older*.
    """
    older.grow(registry.sizes)
    found: list[tuple[int, float, float, float, float]] = []
    pending = []
    new_at = np.array([each.at for each in new_series])
    new_streams = registry.arrays.stream[np.array([each.counter for each in new_series], dtype=np.int64)]
    for sighting in sightings:
        if np.isnan(older.target[registry.arrays.alias[sighting.target]]):
            row_before = sighting.row_before.with_older(older.row_last_seen(sighting.row))
            pending.append(replace(sighting, row_before=row_before))
        else:
            found += _events_since_older(
                sighting,
                older,
                registry,
                of_target=_counters_of(registry.arrays, sighting.target),
                came_later=new_streams[new_at <= sighting.at + LOOKBACK_S],
            )
    joined = Increments.of(found)
    return replace(joined, seen=joined.steady), tuple(pending)


def _events_since_older(
    sighting: FirstSighting, older: LastSamples, registry: Registry, *, of_target: Ints, came_later: Ints
) -> Iterable[tuple[int, float, float, float, float]]:
    """Row, since, at, total and bad events of each counter of a *sighting*.

    *of_target* are all counters of its target, *came_later* those that were seen soon after the sighting.
    """
    arrays, target = registry.arrays, registry.arrays.alias[sighting.target]
    target_seen = float(older.target[target])
    counters = arrays.stream[np.array([counter for counter, _ in sighting.values], dtype=np.int64)]
    values = np.array([value for _, value in sighting.values])
    known = ~np.isnan(older.value[counters])
    since = np.where(known, older.time[counters], target_seen)
    target_pace = _target_pace(older, of_target)
    values = np.where(is_rounded(older.value[counters], values), older.value[counters], values)
    delta = np.where(known, values - older.value[counters], 0.0)
    served_s = sighting.first_scrape.served_s
    restarted = served_s is not None and sighting.at - served_s > target_seen
    if (delta < 0).any():
        judgement, expired = _judge_fall_since(
            sighting,
            older,
            counters[known],
            values[known],
            seen_s=target_seen,
            target_pace=target_pace,
            restarted=restarted,
        )
        delta[known] = np.where(judgement.reset, values[known], np.maximum(delta[known], 0.0))
        if judgement.whole:
            restarted = True
            older.restarted[target] = sighting.at
        # As where both are in one stretch: what was missing counts from zero since the target was last seen.
        since[known] = np.where(judgement.reset & (expired | judgement.whole), target_seen, since[known])
    new = Stood(counter=counters[~known], value=values[~known])
    # Where nothing of a target goes on after a hole, its series may have been relabelled in it.
    scrape = _Scrape.of(
        gap_s=sighting.at - (float(np.median(since[known])) if known.any() else target_seen),
        grown=float(np.maximum(delta[known], 0.0).sum()) if known.any() else None,
        followed_pace=sighting.first_scrape.followed_pace,
        target_pace=target_pace,
        may_be_renamed=bool(known.any()) or _last_scrape(older, of_target).may_continue_as(new, arrays),
        others_went_on=bool(
            (values[known] >= older.value[counters[known]])[older.value[counters[known]] > SLACK_EVENTS].any()
        ),
    )
    grown: Mapping[int, float] = {}
    if len(new.counter) and not scrape.began_anew(restarted=restarted):
        ended = _last_scrape(older, of_target).without(np.concatenate([counters, came_later]))
        grown = grown_since_ended(new, ended, registry)
    events = scrape.events(new, grown)
    delta[~known] = [events[counter] for counter in new.counter.tolist()]
    return zip(
        [sighting.row] * len(values),
        since.tolist(),
        [sighting.at] * len(values),
        (delta * arrays.total[counters]).tolist(),
        (delta * arrays.bad[counters]).tolist(),
        strict=True,
    )


def _judge_fall_since(
    sighting: FirstSighting,
    older: LastSamples,
    counters: Ints,
    values: Floats,
    *,
    seen_s: float,
    target_pace: float | None,
    restarted: bool,
) -> tuple[ScrapeJudgement, Bools]:
    """Judge a *sighting* in which some of the *counters* that *older* knows fell, as `Falls` does; shapes (counters,).

    Gives also which of them were missing while their target went on to *seen_s*. *restarted*: its process is known to
    have begun since then.
    """
    before, gap_s = older.value[counters], sighting.at - older.time[counters]
    pace = pace_of_fall(
        long=np.array([steadiest(older.newest_paces(counter)) for counter in counters.tolist()]),
        steps=last_steps([older.last_steps(counter) for counter in counters.tolist()]),
        before=before,
        value=values,
        gap_s=gap_s,
    )
    expired = has_expired(since=older.time[counters], seen_s=seen_s, at=sighting.at, before=before, value=values)
    followed = sighting.first_scrape.followed_pace
    judgement = judge_fall(
        before=before,
        value=values,
        gap_s=np.where(expired, sighting.at - seen_s, gap_s),
        pace=np.where(expired, np.nan if target_pace is None else target_pace, pace),
        followed_pace=followed,
        target_pace=None if followed else target_pace,
        restarted=restarted,
    )
    return judgement, expired


def count_first_samples(
    sightings: Sequence[FirstSighting], new_series: Sequence[NewSeries], registry: Registry
) -> Increments:
    """The events of first samples that nothing older knows, once nothing older is left to read."""
    counted = [(series, series.since, series.events) for series in new_series]
    return Increments.joined([_count_new_targets(sightings, registry), _increments(counted, registry)])


def _count_new_targets(sightings: Sequence[FirstSighting], registry: Registry) -> Increments:
    """The events of first sightings of never-seen targets.

    A target that appears after a hole in its row may have lived through it: its events are spread over the hole.
    """
    arrays = registry.arrays
    found: list[tuple[int, float, float, float, float]] = []
    for sighting in sightings:
        unseen = sighting.at - sighting.row_seen
        if not is_new(sighting.first_scrape, unseen_s=unseen):
            continue
        since = sighting.row_seen if unseen > LOOKBACK_S else sighting.at
        found += [
            (sighting.row, since, sighting.at, value * float(arrays.total[counter]), value * float(arrays.bad[counter]))
            for counter, value in sighting.values
        ]
    return Increments.of(found)


def link_series_to_older(
    new_series: Sequence[NewSeries], older: LastSamples, registry: Registry
) -> tuple[Increments, tuple[NewSeries, ...]]:
    """Connect *new_series* with what an *older* stretch of time has seen of their series.

    Gives the increments of those that went on or whose target restarted, and the new_series that it knows nothing of.
    """
    older.grow(registry.sizes)
    found: list[tuple[NewSeries, float, float]] = []
    pending: list[NewSeries] = []
    # Those that appear in one scrape are judged by each other, and what they prove holds for those that come later.
    for _, together in groupby(sorted(new_series, key=_by_scrape), key=_by_scrape):
        returned: list[NewSeries] = []
        for series in together:
            counter = int(registry.arrays.stream[series.counter])
            seen = float(older.time[counter])
            restarted = float(older.restarted[registry.arrays.alias[series.target]])
            if restarted > seen or (np.isnan(seen) and restarted <= series.at):
                found.append((series, series.since, series.events))
            elif not np.isnan(older.value[counter]):
                returned.append(series)
            elif not np.isnan(seen):
                found.append((series, series.since, series.events))
            else:
                pending.append(series)
        if returned:
            found += _events_of_returned(returned, older, registry)
    return _increments(found, registry), tuple(pending)


def _by_scrape(series: NewSeries) -> tuple[float, int]:
    """Since when the target of a series had been seen, by which those of one scrape are known."""
    return series.since, series.target


def _increments(found: Sequence[tuple[NewSeries, float, float]], registry: Registry) -> Increments:
    arrays = registry.arrays
    return Increments.of(
        [
            (
                series.row,
                since,
                series.at,
                events * float(arrays.total[series.counter]),
                events * float(arrays.bad[series.counter]),
            )
            for series, since, events in found
        ]
    )


def _events_of_returned(
    returned: Sequence[NewSeries], older: LastSamples, registry: Registry
) -> Iterable[tuple[NewSeries, float, float]]:
    """Since when each series that *returned* in one scrape has counted, and how many events; *older* has seen all."""
    counters = registry.arrays.stream[np.array([series.counter for series in returned], dtype=np.int64)]
    seen, before = older.time[counters], older.value[counters]
    value = np.array([series.value for series in returned])
    value = np.where(is_rounded(before, value), before, value)
    since, events = seen.copy(), np.maximum(value - before, 0.0)
    if (value < before).any():
        gap_s = np.array([series.at for series in returned]) - seen
        pace = pace_of_fall(
            long=np.array([steadiest(older.newest_paces(counter)) for counter in counters.tolist()]),
            steps=last_steps([older.last_steps(counter) for counter in counters.tolist()]),
            before=before,
            value=value,
            gap_s=gap_s,
        )
        judgement = judge_scrape(before=before, value=value, gap_s=gap_s, pace=pace)
        reset = judgement.reset
        if judgement.whole:
            older.restarted[registry.arrays.alias[returned[0].target]] = min(series.at for series in returned)
        # They began from zero while their target went on: since that was scraped last.
        since = np.where(reset, [series.since for series in returned], since)
        events = np.where(reset, value, events)
    return zip(returned, since.tolist(), events.tolist(), strict=True)


def _first_scrape_until(context: SampleContext, target: int) -> float:
    """Up to when the samples of a target are its first: before any of its counters was seen for the second time."""
    steps, cursor = context.steps, context.cursor
    mine, times = context.of_target(target)
    counters = context.counters(target)
    if (cursor.time[counters] > cursor.anchor[counters]).any():
        return -np.inf
    seen = float(cursor.target[target])
    first = float(times[0]) if np.isnan(seen) else seen
    again = np.flatnonzero(~np.isnan(steps.raw[mine]))
    second = float(times[again[0]]) if len(again) else np.inf
    return min(second, first + _FIRST_SCRAPE_S)


@dataclass(frozen=True, slots=True)
class _Scrape:
    """The scrape in which a series was first_samples: *gap_s* after the one before, on a target that counts at *pace*.

    *pace* is None if it is not known. *idle*: nothing else of the target grew. *renamed*: nothing of the target goes
    on after a hole, and its series may have been relabelled in it: their values allow it. *alone*: others of the target
    went on, so that a restart is one of the exporter only, and not of what it counts for others. *whole*: all of the
    target began from zero behind a hole, as far as values tell.
    """

    gap_s: float
    pace: float | None
    idle: bool
    renamed: bool
    alone: bool
    whole: bool

    @classmethod
    def of(
        cls,
        *,
        gap_s: float,
        grown: float | None,
        followed_pace: float | None,
        target_pace: float | None,
        may_be_renamed: bool,
        others_went_on: bool = False,
    ) -> "_Scrape":
        """A scrape in which the other series of the target grew by *grown* events, None if none of them went on."""
        gap_s = max(gap_s, 1.0)
        known = (None if grown is None else grown / gap_s, followed_pace, target_pace)
        pace = max((pace for pace in known if pace is not None), default=0.0)
        return cls(
            gap_s=gap_s,
            # Nothing that happened says little of a target that was seen but once.
            pace=pace if pace or target_pace is not None else None,
            idle=grown == 0.0,
            renamed=grown is None and gap_s > LOOKBACK_S and may_be_renamed,
            alone=others_went_on,
            whole=grown is None and not may_be_renamed,
        )

    def began_anew(self, *, restarted: bool) -> bool:
        """Whether no series that appears can continue one that ended: there was no hole, or the process *restarted*."""
        return self.gap_s <= PACE_GRID_S or self.whole or (restarted and not self.alone)

    def events(self, new: Stood, grown: Mapping[int, float], *, restarted: bool = False) -> dict[int, float]:
        """The events of each of the *new* counters, of which some have *grown* since others ended."""
        growths = np.array([*grown.values()])
        found = {}
        for counter, growth in grown.items():
            together = _together(growth, growths)
            plausible = is_first_value_plausible(together, gap_s=self.gap_s, pace=self.pace, idle=self.idle)
            found[counter] = growth if plausible else 0.0
        # Where others continue what ended, one that continues nothing has begun in the hole.
        scrape = replace(self, renamed=False) if grown else self
        others = new.without(np.array([*grown], dtype=np.int64))
        for counter, value in zip(others.counter.tolist(), others.value.tolist(), strict=True):
            counts = scrape.may_count(_together(value, others.value), restarted=restarted)
            found[counter] = value if counts else 0.0
        return found

    def may_count(self, value: float, *, restarted: bool = False) -> bool:
        """Whether a first *value* can have been counted since the scrape before, or since the process *restarted*."""
        if (
            restarted
            and not self.alone
            and self.pace is not None
            and is_growth_plausible(value, gap_s=self.gap_s, pace=self.pace)
        ):
            return True
        return not self.renamed and is_first_value_plausible(value, gap_s=self.gap_s, pace=self.pace, idle=self.idle)


def _scrape(context: SampleContext, target: int, at: float) -> _Scrape:
    """The scrape of a target in which a series was first_samples."""
    steps = context.steps
    # Of each counter one: at a short interval the next scrape is as near, and shows nothing of the gap.
    of_scrape = context.near(target, at, _SAME_SCRAPE_S)
    beside = of_scrape[~steps.is_first[of_scrape]]
    grown, went_on = None, bool((steps.before[beside] > SLACK_EVENTS).any())
    if len(beside):
        since = float(np.median(steps.since[beside]))
        grown = float(np.maximum(steps.samples.value[beside] - steps.before[beside], 0.0).sum())
    else:
        since = context.seen_before(target, at)
    return _Scrape.of(
        gap_s=at - since,
        grown=grown,
        followed_pace=context.followed_pace(target, at, context.levels(target, at)),
        target_pace=context.target_pace(target, at),
        may_be_renamed=grown is not None
        or _stood(context, target, since).may_continue_as(
            Stood(counter=steps.samples.counter[of_scrape], value=steps.samples.value[of_scrape]),
            context.arrays,
        ),
        others_went_on=went_on,
    )


def _stood(context: SampleContext, target: int, since: float) -> Stood:
    """Where the counters of a target stood in its scrape at *since*."""
    counters = context.counters(target)
    newest = [_newest(context, counter, since, side="right") for counter in counters.tolist()]
    time, value = np.array(newest, dtype=np.float64).reshape(-1, 2).T
    kept = time >= since - _FIRST_SCRAPE_S
    return Stood(counter=counters[kept], value=value[kept])


def _newest(context: SampleContext, counter: int, at: float, *, side: Literal["left", "right"]) -> tuple[float, float]:
    """When a counter was last seen before *at*, or up to it (right), and at which value; NaN if it never was."""
    samples, cursor = context.steps.samples, context.cursor
    first, last = context.span(counter)
    newest = first + int(np.searchsorted(samples.time[first:last], at, side=side)) - 1
    if newest < first:
        return float(cursor.time[counter]), float(cursor.value[counter])
    return float(samples.time[newest]), float(samples.value[newest])


def _ended(context: SampleContext, target: int, since: float, at: float) -> Stood:
    """Where those counters of a target stood in its scrape at *since* that are not in one from *at* on."""
    mine, times = context.of_target(target)
    first, last = np.searchsorted(times, [since, at + LOOKBACK_S], side="right")
    return _stood(context, target, since).without(context.steps.samples.counter[mine[first:last]])


def _counters_of(arrays: CounterArrays, target: int) -> Ints:
    """The counters of a target."""
    order, ordered = _by_target(arrays)
    first, last = np.searchsorted(ordered, [arrays.alias[target], arrays.alias[target] + 1])
    return order[first:last]


# A piece of history is linked SLI by SLI, and all counters are sorted once for it.
@lru_cache(maxsize=1)
def _by_target(arrays: CounterArrays) -> tuple[Ints, Ints]:
    order = np.argsort(arrays.target, kind="stable")
    return order, arrays.target[order]


def _last_scrape(older: LastSamples, counters: Ints) -> Stood:
    """Where those of the *counters* of a target stood that were in its last scrape."""
    time = older.time[counters]
    kept = counters[time >= np.nanmax(time, initial=-np.inf) - _FIRST_SCRAPE_S]
    return Stood(counter=kept, value=older.value[kept])


def _target_pace(older: LastSamples, counters: Ints) -> float | None:
    """Events per second of all *counters* of a target when it was last seen, as `SampleContext.target_pace`."""
    paces = np.array([fastest(older.newest_paces(counter)) for counter in counters.tolist()])
    return None if np.isnan(paces).all() else float(np.nansum(paces))


class _Rows:
    """What surrounds sightings: the samples of all events by row."""

    def __init__(self, context: SampleContext) -> None:
        samples, arrays = context.steps.samples, context.arrays
        self._context = context
        totals = np.flatnonzero(arrays.total[samples.counter] > 0)
        self._of_row = _groups(arrays.row[samples.counter[totals]], totals)

    def sighting(self, target: int, values: tuple[tuple[int, float], ...]) -> FirstSighting:
        """The sighting of a target with the evidence in the LOOKBACK_S after it."""
        samples, arrays = self._context.steps.samples, self._context.arrays
        row = int(arrays.target_row[target])
        mine = np.sort(self._context.of_target(target)[0])
        at = float(samples.time[mine].min())
        near = mine[samples.time[mine] <= at + LOOKBACK_S]
        # Samples are sorted by counter and time.
        of_counter = samples.counter[near]
        first = np.flatnonzero(np.append(True, of_counter[1:] != of_counter[:-1]))
        last = np.append(first[1:], len(near)) - 1
        counters = of_counter[first]
        # What is taken from the total is traffic, too.
        weights = np.abs(arrays.total[counters])
        if not weights.any():
            weights = np.abs(arrays.bad[counters])
        grown = np.maximum(samples.value[near][last] - samples.value[near][first], 0.0)
        bad = np.abs(arrays.bad[counters])
        each = dict(zip(counters.tolist(), zip(weights.tolist(), bad.tolist(), strict=True), strict=True))
        activity = sum(value * each.get(counter, (0.0, 0.0))[0] for counter, value in values)
        bad_activity = sum(value * each.get(counter, (0.0, 0.0))[1] for counter, value in values)
        of_row = self._of_row.get(row, np.empty(0, dtype=np.int64))
        apart_s = samples.time[near] - self._context.steps.since[near]
        apart_s = apart_s[~np.isnan(apart_s) & (self._context.steps.since[near] >= at)]
        scrape_s = _median(apart_s) if len(apart_s) else SCRAPE_S
        earlier = of_row[samples.time[of_row] < at]
        row_before = self._context.cursor.row_last_seen(row)
        if len(earlier):
            row_before = row_before.extended(samples.time[earlier], samples.steady[earlier])
        return FirstSighting(
            row=row,
            row_before=row_before,
            target=target,
            at=at,
            values=values,
            first_scrape=FirstScrape(
                value=activity,
                followed_by=float(grown @ weights),
                followed_for_s=float(samples.time[near].max()) - at,
                followed_pace=self._context.followed_pace(target, at),
                served_s=self._context.starts.served_s(int(arrays.keys[counters[0], 1]), at),
                hindsight_s=min(self._context.newest_s - at, LOOKBACK_S),
                scrape_s=scrape_s,
                row_events=self._pace(of_row, at) * scrape_s,
                bad_value=bad_activity,
                bad_followed_by=float(grown @ bad),
            ),
        )

    def _pace(self, of_row: Ints, at: float) -> float:
        """Events per second of a row in the LOOKBACK_S from *at* on."""
        steps = self._context.steps
        # Samples before *at* have been counted already where slots are counted one by one, and not in history.
        near = of_row[(steps.samples.time[of_row] >= at) & (steps.samples.time[of_row] <= at + LOOKBACK_S)]
        near = near[~np.isnan(steps.raw[near]) & ~np.isnan(steps.before[near])]
        if not len(near):
            return 0.0
        # Later falls may not have been judged yet.
        grown = np.maximum(steps.samples.value[near] - steps.raw[near], 0.0)
        span_s = float(steps.samples.time[near].max() - steps.since[near].min())
        weights = np.abs(self._context.arrays.total[steps.samples.counter[near]])
        return float(np.nansum(grown * weights)) / max(span_s, SCRAPE_S)


def _median(values: Floats) -> float:
    """The median of some values; of so few, numpy's own takes ten times as long."""
    ordered, middle = sorted(values.tolist()), len(values) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def _groups(keys: Ints, members: Ints) -> dict[int, Ints]:
    """The *members* of each key, in their order."""
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(members[order], starts[1:]), strict=True))
