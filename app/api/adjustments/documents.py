"""Adjustments as JSON values, and from them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from app.adjustments import (
    Adjustment,
    AdjustmentCategory,
    AdjustmentEffect,
    AdjustmentSelector,
    InvalidAdjustmentError,
    Occurrence,
    checked_adjustment,
    instant,
    occurrences,
)
from app.api.adjustments.models import (
    AdjustmentFactsModel,
    AdjustmentModel,
    AuditedModel,
    NewAdjustmentModel,
    OccurrenceModel,
)
from app.api.responses import utc
from app.slo import EARLIEST, LATEST, SloId, find_time_zone
from app.store.adjustments import AuditedChange
from app.wording.plain_text import one_line

# An hourly maintenance has more in the longest range; a page of them is no use to anybody.
_MOST_OCCURRENCES = 1_000
MONTH = timedelta(days=30)
"""How far back and ahead of now occurrences are shown unless the request says it."""


def adjustment_document(adjustment: Adjustment, since: datetime, until: datetime) -> AdjustmentModel:
    """One adjustment with its occurrences in a range; one that was withdrawn has none."""
    found = () if adjustment.withdrawn_at is not None else occurrences(adjustment, since, until)
    return {**facts(adjustment), "occurrences": [*map(_occurrence, islice(found, _MOST_OCCURRENCES))]}


def audited_document(entry: AuditedChange) -> AuditedModel:
    """One entry of the audit."""
    return {
        "at": utc(entry.at),
        "action": entry.action,
        "author": entry.author,
        "adjustment": facts(entry.adjustment),
    }


def facts(adjustment: Adjustment) -> AdjustmentFactsModel:
    """What is known of an adjustment."""
    selector = adjustment.selector
    return {
        "id": adjustment.id,
        "effect": adjustment.effect,
        "category": adjustment.category,
        "reason": adjustment.reason,
        "author": adjustment.author,
        "slos": sorted(selector.slos),
        "services": sorted(selector.services),
        "labels": dict(selector.labels),
        "everything": selector.everything,
        "events": dict(adjustment.events),
        "shares": [
            {
                "start": datetime.fromtimestamp(one.since_s, UTC),
                "end": datetime.fromtimestamp(one.until_s, UTC),
                "total_ratio": one.total,
                "bad_ratio": one.bad,
            }
            for one in adjustment.shares
        ],
        "start": adjustment.start.isoformat(),
        "timezone": adjustment.timezone,
        "duration_seconds": adjustment.duration.total_seconds(),
        "rrule": adjustment.rrule,
        "exdates": [one.isoformat() for one in adjustment.exdates],
        "mute_alerts": adjustment.mute_alerts,
        "created_at": utc(adjustment.created_at),
        "updated_at": utc(adjustment.updated_at),
        "withdrawn_at": utc(adjustment.withdrawn_at),
        "uid": adjustment.uid,
    }


def read_adjustment(given: NewAdjustmentModel, *, known: Adjustment, at: datetime) -> Adjustment:
    """The adjustment that a request gives, with the id and the time of creation of the *known* one.

    Raises:
        InvalidAdjustmentError: it cannot be.
    """
    zone = zone_of(given.get("timezone", "UTC"))
    start, end = _instant(given["start"], zone, "start"), _instant(given["end"], zone, "end")
    local = _local(given["start"], zone, "start")
    if instant(local, zone) != start and not given.get("rrule"):
        # The second of the two hours that the clock shows twice, which wall-clock time cannot say.
        zone, local = ZoneInfo("UTC"), start.replace(tzinfo=None)
    found = replace(
        known,
        effect=AdjustmentEffect(given.get("effect", AdjustmentEffect.EXCLUDE)),
        category=AdjustmentCategory(given.get("category", AdjustmentCategory.MAINTENANCE)),
        reason=one_line(given["reason"]),
        author=one_line(given.get("author", "")),
        start=local,
        duration=end - start,
        timezone=zone.key,
        rrule=given.get("rrule", "").strip().upper().removeprefix("RRULE:"),
        exdates=tuple(_local(one, zone, "exdates") for one in given.get("exdates", ())),
        selector=_selector(given),
        mute_alerts=given.get("mute_alerts", False),
        events=tuple(sorted(given.get("events", {}).items())),
        shares=(),
        updated_at=at,
    )
    return checked_adjustment(found)


def zone_of(name: str) -> ZoneInfo:
    """The zone of a name.

    Raises:
        InvalidAdjustmentError: there is none.
    """
    found = find_time_zone(name)
    if found is None:
        raise InvalidAdjustmentError(f"timezone: {name!r} is not a zone; write one such as Europe/Berlin")
    return found


def _selector(given: Mapping[str, Any]) -> AdjustmentSelector:
    return AdjustmentSelector(
        slos=frozenset(map(SloId, given.get("slos", ()))),
        services=frozenset(given.get("services", ())),
        labels=tuple(sorted(given.get("labels", {}).items())),
        everything=given.get("everything", False),
    )


def _instant(given: datetime, zone: ZoneInfo, name: str) -> datetime:
    at = given if given.tzinfo is not None else given.replace(tzinfo=zone)
    try:
        at = at.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise InvalidAdjustmentError(f"{name} is not a time of this century") from error
    if not EARLIEST + timedelta(days=2) <= at < LATEST - timedelta(days=200):
        raise InvalidAdjustmentError(f"{name} must be between {EARLIEST.year} and {LATEST.year}")
    return at


def _local(given: datetime, zone: ZoneInfo, name: str) -> datetime:
    at = _instant(given, zone, name)
    # As it is written: a rule from a time on that the clock jumps over recurs at that time, not an hour later.
    return given.replace(fold=0) if given.tzinfo is None else at.astimezone(zone).replace(tzinfo=None, fold=0)


def _occurrence(one: Occurrence) -> OccurrenceModel:
    return {"start": one.start, "end": one.end}
