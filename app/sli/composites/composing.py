"""From what components counted in slices of time to the events of their composite."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.slo import CompositeRule, Composition, MissingData, WithoutEvents
from app.slo.arrays import Bools, Floats

_ROUNDING = 1e-9
"""A slice at its target meets it, although 1 - 0.95 is not exact in binary."""
_IDLE = {WithoutEvents.IGNORED: (0.0, 0.0), WithoutEvents.GOOD: (1.0, 0.0), WithoutEvents.BAD: (1.0, 1.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentCounts:
    """What the members of one component counted, shape (members, slices); *known* is where they were measured.

    *began*, shape (slices,), is where the component had data before, so that it is missing if it has none.
    """

    total: Floats
    bad: Floats
    known: Bools
    began: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedSlices:
    """The events of a composite in each slice, shape (slices,), where they are *known*.

    What is known need not be *measured*: a sum has the events that a component counted across a hole.

    *parts*, shape (components, slices), is how much each component added to what is bad.
    """

    total: Floats
    bad: Floats
    known: Bools
    measured: Bools
    parts: Floats


def compose_slices(composition: Composition, counts: Sequence[ComponentCounts], *, final: Bools) -> ComposedSlices:
    """The events of the composite; *final* are the slices of which nothing more is expected, shape (slices,).

    A component without events in a slice has no say in it.
    """
    missing = np.array([~one.known.any(axis=0) for one in counts])
    pairs = list(zip(composition.components, counts, strict=True))
    unknown = missing & np.array([~final | _is_unknown(component.missing, one) for component, one in pairs])
    # Where nothing at all has data it is the monitoring that failed, also where `missing` says otherwise.
    unknown |= missing.all(axis=0)
    if composition.rule is CompositeRule.SUM_OF:
        return _sum_of(composition, counts, unknown.any(axis=0))
    pairs = [(component, _as_judged(one)) for component, one in pairs]
    replaced = {MissingData.GOOD: 0.0, MissingData.BAD: 1.0}
    shares, counted = np.zeros(missing.shape), np.zeros(missing.shape, dtype=bool)
    for i, (component, one) in enumerate(pairs):
        shares[i], counted[i] = _share(composition.rule, one, component.target)
        if component.missing in replaced:
            stands_in = missing[i] & ~unknown[i]
            shares[i, stands_in], counted[i, stands_in] = replaced[component.missing], True
    of_bad, parts = _decided(composition, shares, counted)
    known = ~unknown.any(axis=0)
    if composition.rule is CompositeRule.ALL_OF:
        # A slice in which one component failed is bad, however good the others are.
        known |= of_bad > 0
    busy, idle = counted.any(axis=0), _IDLE[composition.without_events]
    return ComposedSlices(
        total=np.where(busy, 1.0, idle[0]),
        bad=np.where(busy, of_bad, idle[1]),
        known=known,
        measured=known,
        parts=parts,
    )


def _as_judged(one: ComponentCounts) -> ComponentCounts:
    """The counts as SLIs are judged by them: what is bad is an event, and good events are no negative errors."""
    bad = np.where(one.known, np.maximum(one.bad, 0.0), 0.0)
    total = np.maximum(np.where(one.known, one.total, 0.0), bad)
    return ComponentCounts(total=total, bad=bad, known=one.known, began=one.began)


def _is_unknown(missing: MissingData, one: ComponentCounts) -> Bools:
    """Where a component that is missing leaves a slice unknown: nothing stands in for what was never there."""
    if missing in {MissingData.IGNORED, MissingData.UNKNOWN}:
        return np.full(len(one.began), missing is MissingData.UNKNOWN)
    return ~one.began


def _sum_of(composition: Composition, counts: Sequence[ComponentCounts], unknown: Bools) -> ComposedSlices:
    """The weighted sums, as they are: good and bad events that are scraped apart even out over a window."""
    weights = np.array([component.weight for component in composition.components])[:, None]
    total, bad = (
        weights * np.array([getattr(one, column).sum(axis=0) for one in counts]) for column in ("total", "bad")
    )
    # Of a group alone what was counted across holes is there: its members have it, too.
    known = ~unknown | ((len(counts) == 1) & (total[0] > 0))
    return ComposedSlices(total=total.sum(axis=0), bad=bad.sum(axis=0), known=known, measured=~unknown, parts=bad)


def _share(rule: CompositeRule, one: ComponentCounts, target: float | None) -> tuple[Floats, Bools]:
    """The share of bad events of a component in each slice, and where it had any events.

    Where each step counts, so does each member of a group; in a mean, the events of a group are added.
    """
    if rule is CompositeRule.WEIGHTED:
        total, bad = one.total.sum(axis=0), one.bad.sum(axis=0)
        return _ratio(bad, total), total > 0
    share: Floats = _ratio(one.bad, one.total).max(axis=0, initial=0.0)
    if rule is CompositeRule.ALL_OF:
        share = (share > 1.0 - (1.0 if target is None else target) + _ROUNDING).astype(np.float64)
    counted: Bools = np.any(one.total > 0, axis=0)
    return share, counted


def _ratio(bad: Floats, total: Floats) -> Floats:
    return np.divide(bad, total, out=np.zeros(total.shape), where=total > 0)


def _decided(composition: Composition, shares: Floats, counted: Bools) -> tuple[Floats, Floats]:
    """The bad share of each slice, and what each component adds to it; shares of those not *counted* are 0."""
    shares = np.where(counted, shares, 0.0)
    if composition.rule is CompositeRule.WEIGHTED:
        weights = np.array([component.weight for component in composition.components])[:, None] * counted
        parts = _ratio(weights * shares, np.broadcast_to(weights.sum(axis=0), weights.shape))
        of_bad: Floats = parts.sum(axis=0)
    else:
        of_bad = shares.max(axis=0, initial=0.0)
        parts = np.where(shares >= of_bad, shares, 0.0)
    if composition.target is not None:
        of_bad = (of_bad > 1.0 - composition.target + _ROUNDING).astype(np.float64)
        parts = parts * of_bad
    return of_bad, parts
