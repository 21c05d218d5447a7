"""Corrections of some events only, selected by label values: counted from Prometheus when the correction is made."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from app.adjustments import Adjustment, EventShare, InvalidAdjustmentError, checked_adjustment
from app.slo import SloId
from app.status.contributors import ContributorsInRange
from app.status.ports import Contributors


class UncountedEventsError(Exception):
    """The selected events cannot be counted now; the text says why."""


class UnknownAdjustedSloError(Exception):
    """There is no SLO of the id whose events are selected."""


# Its events are read from history in parts, while a person waits for the answer.
_LONGEST = timedelta(days=7)
# Events of a load test come unevenly: each part of the range has shares of its own. Two queries each.
_PARTS = 12
_SHORTEST_PART = timedelta(minutes=5)


async def with_counted_events(given: Adjustment, contributors: Contributors, now: datetime) -> Adjustment:
    """The adjustment, with the shares of the selected events where it selects some.

    Raises:
        InvalidAdjustmentError: such events cannot be selected, or there were none.
        UnknownAdjustedSloError: there is no such SLO.
        UncountedEventsError: Prometheus does not answer.
    """
    if not given.events:
        return given
    start, end = given.starts_at, given.starts_at + given.duration
    if len(given.selector.slos) != 1 or given.selector.services or given.selector.labels or given.rrule:
        raise InvalidAdjustmentError(
            "events can be selected of one SLO, named in slos, once: leave out services, labels and rrule"
        )
    if end > now or given.duration > _LONGEST:
        raise InvalidAdjustmentError(f"events are counted of a time that is over, of at most {_LONGEST.days} days")
    (slo,) = given.selector.slos
    parts = max(1, min(_PARTS, given.duration // _SHORTEST_PART))
    edges = [start + given.duration * number / parts for number in range(parts + 1)]
    shares = [await _share(given, slo, contributors, since, until) for since, until in pairwise(edges)]
    if not any(one.total for one in shares):
        raise InvalidAdjustmentError("Prometheus has no such events in that time, or no longer has its samples")
    return checked_adjustment(replace(given, shares=tuple(shares)))


async def _share(
    given: Adjustment, slo: SloId, contributors: Contributors, since: datetime, until: datetime
) -> EventShare:
    everything = await _counted(slo, contributors, since, until, ())
    selected = await _counted(slo, contributors, since, until, given.events)
    return EventShare(
        since.timestamp(),
        until.timestamp(),
        _ratio(selected.total, everything.total),
        _ratio(selected.bad, everything.bad),
    )


async def _counted(
    slo: SloId,
    contributors: Contributors,
    since: datetime,
    until: datetime,
    within: tuple[tuple[str, str], ...],
) -> ContributorsInRange:
    found = await contributors.contributors(slo, since, until, by=(), within=within)
    if found is None:
        raise UnknownAdjustedSloError(f"no SLO has the id {slo!r}; of a group name the member")
    if not found.is_counted:
        raise UncountedEventsError(f"the events cannot be counted now: {found.problem or found.state}")
    return found


def _ratio(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0
