"""Figures of all members with adjustments: as they are shown, as alerts are judged by them, and as counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import numpy as np

from app.adjustments import AdjustedMember, AdjustedMembers, Adjustment, CurrentAdjustments, Overlay, overlays_of
from app.evaluation.figures.adjusted_sums import AdjustedSums
from app.evaluation.figures.figures import Figures, compute
from app.evaluation.figures.members import Member
from app.ledger import AdjustedTime, Ledger
from app.slo import Slo, SloId
from app.slo.arrays import Floats, Ints

# The longest SLO window and a calendar period, and more; what is older is read with the past only.
_LOOKED_BACK = timedelta(days=400)
# Longer than totals of days are kept.
_PAST = timedelta(days=6 * 365)
# Rules are expanded some days ahead, and again when those are over.
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedFigures:
    """The figures of all members: *shown*, and as alerts are *judged* by them.

    Without adjustments both are the same. *muted* says why alerts are muted, by the ids of members, *left_out* which
    time alerts do not see; *counted* are the figures without adjustments of those members that have some, with their
    positions.
    """

    shown: Figures
    judged: Figures
    muted: Mapping[SloId, str] = field(default_factory=dict)
    left_out: Mapping[SloId, AdjustedTime] = field(default_factory=dict)
    counted: tuple[Ints, Figures] | None = None

    @property
    def counted_remaining(self) -> Floats:
        """What remains of the budgets of all members without adjustments."""
        remaining = self.shown.budget.remaining
        if self.counted is None:
            return remaining
        places, figures = self.counted
        whole: Floats = _put(remaining, places, figures.budget.remaining)
        return whole


class MemberOverlays:
    """The overlays of members that have one, kept until adjustments or members change or a day has passed."""

    def __init__(self, current: CurrentAdjustments, slos: Sequence[Slo] = ()) -> None:
        self._current = current
        self._members = AdjustedMembers(slos)
        self._for: tuple[object, object] = (None, None)
        self._until: datetime | None = None
        self._known: dict[int, Overlay] = {}

    def of(self, members: Sequence[Member], at: datetime) -> Mapping[int, Overlay]:
        """The overlays of those that have one, by position."""
        adjustments = self._current.all
        if not adjustments:
            return {}
        # By identity: `CurrentAdjustments` has another tuple after each change.
        is_known = self._for[0] is adjustments and self._for[1] is members
        if not is_known or self._until is None or not self._until - _AHEAD <= at < self._until:
            self._until = at + _AHEAD
            found = overlays_of(
                adjustments,
                [self._adjusted_member(member) for member in members],
                since=at - _LOOKED_BACK,
                until=self._until,
            )
            self._known = {place: overlay for place, overlay in enumerate(found) if overlay is not None}
            self._for = (adjustments, members)
        return self._known

    def of_past(self, member: Member, until_s: float) -> Callable[[], Overlay | None]:
        """Asks for the overlay of one member for its past until a time (unix seconds), in any thread.

        Rules are expanded where it is read: a reader of years does not hold up evaluations.
        """
        adjustments = self._current.all
        return (
            cache(partial(_overlay_of_past, adjustments, self._adjusted_member(member), until_s))
            if adjustments
            else _no_overlay
        )

    def _adjusted_member(self, member: Member) -> AdjustedMember:
        return self._members.member(member.id, member.slo, member.group)


def _no_overlay() -> None:
    return None


def _overlay_of_past(adjustments: Sequence[Adjustment], member: AdjustedMember, until_s: float) -> Overlay | None:
    until = datetime.fromtimestamp(until_s, UTC)
    (found,) = overlays_of(adjustments, [member], since=until - _PAST, until=until)
    return found


def compute_adjusted(
    members: Sequence[Member], ledger: Ledger, overlays: Mapping[int, Overlay], *, at: datetime
) -> AdjustedFigures:
    """The figures of all members at the slot *at*; *overlays* are of those that have one, by position."""
    counted = compute(members, ledger)
    if not overlays:
        return AdjustedFigures(shown=counted, judged=counted)
    places = np.array(sorted(overlays), dtype=np.int64)
    some = [members[place] for place in places.tolist()]
    mine = [overlays[place] for place in places.tolist()]
    shown: Figures = _put(counted, places, compute(some, ledger, AdjustedSums(ledger, [one.budgets for one in mine])))
    # Alerts that are not muted fire by what was counted: nothing is left out of their windows.
    for_alerts = compute(some, ledger, AdjustedSums(ledger, [one.alerts for one in mine]))
    judged = replace(shown, windows=_put(counted.windows, places, for_alerts.windows))
    at_s = at.timestamp()
    muted = {member.id: one.muted_because(at_s) for member, one in zip(some, mine, strict=True) if one.muting}
    return AdjustedFigures(
        shown=shown,
        judged=judged,
        muted={member: why for member, why in muted.items() if why is not None},
        left_out={member.id: one.alerts for member, one in zip(some, mine, strict=True) if one.alerts},
        counted=(places, _taken(counted, places)),
    )


def _put(before: Any, places: Ints, after: Any) -> Any:
    """Figures, records or columns with other values at some places; windows that those do not need stay as they are."""
    if isinstance(before, Mapping):
        return {key: _put(each, places, after[key]) if key in after else each for key, each in before.items()}
    if not isinstance(before, np.ndarray):
        return replace(
            before,
            **{
                each.name: _put(getattr(before, each.name), places, getattr(after, each.name))
                for each in fields(before)
            },
        )
    # A copy, as the figures without adjustments are shown beside.
    column = before.copy()
    column[places] = after
    return column


def _taken(whole: Any, places: Ints) -> Any:
    """Figures, records or columns of the members at some places only."""
    if isinstance(whole, Mapping):
        return {key: _taken(each, places) for key, each in whole.items()}
    if not isinstance(whole, np.ndarray):
        return replace(whole, **{each.name: _taken(getattr(whole, each.name), places) for each in fields(whole)})
    return whole[places]
