"""What adjustments come to for SLOs: time without overlaps, in which events are left out or count as good."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from app.adjustments.model import AdjustedMember, Adjustment, AdjustmentEffect, AdjustmentSelector, EventShare
from app.adjustments.recurrence import occurrences
from app.ledger import AdjustedTime
from app.slo import SloId, ungrouped_id
from app.slo.arrays import Bools, Floats

_Spans = list[tuple[float, float]]
# What fails just before the end is counted by the next scrape, and would wake somebody for maintenance that is over.
_COUNTED_LATE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """The adjustments of one SLO, or of one member of its group.

    *budgets* is the time that budgets and figures leave out or count as good; *alerts* that of adjustments that mute
    alerts, all of which alerts leave out: what is counted as good is no sign of a recovery. *muting* are start and end
    of the latter (unix seconds), with the reason.
    """

    budgets: AdjustedTime
    alerts: AdjustedTime
    muting: tuple[tuple[float, float, str], ...] = ()

    def muted_because(self, at_s: float) -> str | None:
        """Why alerts are muted at a time (unix seconds); None if they are not."""
        return next((why for since, until, why in self.muting if since <= at_s < until), None)


def overlays_of(
    adjustments: Sequence[Adjustment], members: Iterable[AdjustedMember], *, since: datetime, until: datetime
) -> list[Overlay | None]:
    """What the adjustments come to in a range for each member; None for one that none of them means then."""
    alike: dict[AdjustmentSelector, list[Adjustment]] = defaultdict(list)
    for adjustment in adjustments:
        alike[adjustment.selector].append(adjustment)
    given = list(members)
    places = _Places(given)
    spans: list[list[tuple[Adjustment, _Spans]]] = []
    meant: list[list[int]] = [[] for _ in given]
    for selector, those in alike.items():
        found_places = places.of(selector)
        mine = [place for place in found_places if selector.matches(given[place])]
        of_parts = {place for place in found_places if given[place].parts and selector.matches_part(given[place])}
        for those_places, chosen in (
            (mine, those),
            (of_parts.difference(mine), [one for one in those if one.reaches_composites]),
        ):
            # Only of those that mean a member: to expand a rule takes longer than to compare a selector.
            some = [(one, times) for one in chosen if (times := _times(one, since, until))] if those_places else []
            if some:
                for place in those_places:
                    meant[place].append(len(spans))
                spans.append(some)
    # Most members are meant by the same few adjustments, or by none.
    known: dict[tuple[int, ...], Overlay | None] = {}
    found = []
    for numbers in map(tuple, meant):
        if numbers not in known:
            known[numbers] = _overlay([one for place in numbers for one in spans[place]])
        found.append(known[numbers])
    return found


class _Places:
    """Where members are that a selector may mean: thousands of adjustments are not compared with every member."""

    def __init__(self, members: Sequence[AdjustedMember]) -> None:
        self._all = range(len(members))
        self._by_id: dict[SloId, list[int]] = defaultdict(list)
        self._by_service: dict[str, list[int]] = defaultdict(list)
        self._by_label: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, member in enumerate(members):
            # A composite is also where its components are.
            them = (member, *member.all_parts)
            for id_ in {id_ for one in them for id_ in (one.id, ungrouped_id(one.id))}:
                self._by_id[id_].append(place)
            for service in {one.service for one in them}:
                self._by_service[service].append(place)
            for label in {label for one in them for label in (*one.labels, *one.group)}:
                self._by_label[label].append(place)

    def of(self, selector: AdjustmentSelector) -> Iterable[int]:
        if selector.slos:
            return {place for id_ in selector.slos for place in self._by_id.get(id_, ())}
        if selector.services:
            return {place for service in selector.services for place in self._by_service.get(service, ())}
        if selector.labels:
            return min((self._by_label.get(label, []) for label in selector.labels), key=len)
        return self._all


def _times(adjustment: Adjustment, since: datetime, until: datetime) -> _Spans:
    return [(one.start.timestamp(), one.end.timestamp()) for one in occurrences(adjustment, since, until)]


def _overlay(adjusted: Sequence[tuple[Adjustment, _Spans]]) -> Overlay | None:
    if not adjusted:
        return None
    excluded: _Spans = []
    good: _Spans = []
    muting: list[tuple[float, float, str]] = []
    counted: list[EventShare] = []
    for adjustment, spans in adjusted:
        if adjustment.shares:
            is_good = adjustment.effect is AdjustmentEffect.COUNT_AS_GOOD
            counted += [one._replace(total=0.0) if is_good else one for one in adjustment.shares]
        else:
            (excluded if adjustment.effect is AdjustmentEffect.EXCLUDE else good).extend(spans)
        if adjustment.mute_alerts:
            muting += [(start, end + _COUNTED_LATE_S, _why(adjustment)) for start, end in spans]
    left_out = _joined(excluded)
    as_good = _without(_joined(good), left_out)
    return Overlay(
        # Where both are given events are left out: those that do not count cannot count as good.
        budgets=AdjustedTime.of(left_out, good=as_good, shares=_apart(counted, _joined([*left_out, *as_good]))),
        alerts=AdjustedTime.of(_joined((start, end) for start, end, _ in muting)),
        muting=tuple(muting),
    )


def _apart(shares: Sequence[EventShare], others: _Spans) -> list[EventShare]:
    """Shares without overlaps, added up where there were some, of the time that lies in none of the *others*."""
    if not shares:
        return []
    edges = np.unique([edge for one in (*shares, *others) for edge in one[:2]])
    middle = (edges[:-1] + edges[1:]) / 2
    total, bad = np.zeros(len(middle)), np.zeros(len(middle))
    for one in shares:
        inside = (middle >= one.since_s) & (middle < one.until_s)
        total[inside] += one.total
        bad[inside] += one.bad
    wanted = ((total > 0) | (bad > 0)) & ~(_within(middle, others) if others else np.zeros(len(middle), dtype=bool))
    columns = (edges[:-1], edges[1:], np.minimum(total, 1.0), np.minimum(bad, 1.0))
    return [EventShare(*values) for values in zip(*(column[wanted].tolist() for column in columns), strict=True)]


def _why(adjustment: Adjustment) -> str:
    return f"alerts are muted by an adjustment ({adjustment.category.replace('_', ' ')}: {adjustment.reason})"


def _joined(spans: Iterable[tuple[float, float]]) -> _Spans:
    """The same time in spans that neither overlap nor touch, oldest first."""
    joined: _Spans = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _without(spans: _Spans, others: _Spans) -> _Spans:
    """The time of some spans that lies in none of the *others*; both are joined."""
    if not spans or not others:
        return spans
    edges: Floats = np.unique(np.array([edge for span in (*spans, *others) for edge in span]))
    middle: Floats = (edges[:-1] + edges[1:]) / 2
    inside = _within(middle, spans) & ~_within(middle, others)
    return _joined(zip(edges[:-1][inside].tolist(), edges[1:][inside].tolist(), strict=True))


def _within(at_s: Floats, spans: _Spans) -> Bools:
    starts_s, ends_s = (np.array(column) for column in zip(*spans, strict=True))
    place = np.searchsorted(starts_s, at_s, side="right") - 1
    inside: Bools = (place >= 0) & (at_s < ends_s[np.maximum(place, 0)])
    return inside
