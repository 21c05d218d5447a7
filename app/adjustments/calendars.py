"""Adjustments as iCalendar (RFC 5545), and from it.

What a calendar cannot say is in properties of ours, `X-SLOBURN-...`; for a calendar of others it comes from the import
request. Source: https://www.rfc-editor.org/rfc/rfc5545
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vRecur

from app.adjustments.checks import checked_adjustment
from app.adjustments.model import (
    LONGEST_REASON,
    MOST_EXDATES,
    Adjustment,
    AdjustmentCategory,
    AdjustmentEffect,
    InvalidAdjustmentError,
)
from app.slo import find_time_zone
from app.wording.plain_text import one_line, shortened

# More than a year of daily maintenance in each of two zones; a file with more is another calendar.
MOST_EVENTS = 1_000
_UID_SUFFIX = "@sloburn"
# What Outlook writes instead of a zone's name; the others are read as they are.
_WINDOWS_ZONES = {
    "W. Europe Standard Time": "Europe/Berlin",
    "Central Europe Standard Time": "Europe/Budapest",
    "Central European Standard Time": "Europe/Warsaw",
    "Romance Standard Time": "Europe/Paris",
    "GMT Standard Time": "Europe/London",
    "E. Europe Standard Time": "Europe/Chisinau",
    "FLE Standard Time": "Europe/Kyiv",
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Mountain Standard Time": "America/Denver",
    "Pacific Standard Time": "America/Los_Angeles",
    "India Standard Time": "Asia/Kolkata",
    "China Standard Time": "Asia/Shanghai",
    "Tokyo Standard Time": "Asia/Tokyo",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "UTC": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCalendar:
    """The adjustments of a calendar; *skipped* are events that could not be read, each with the reason.

    *cancelled* are the ids of those whose events the calendar has cancelled.
    """

    adjustments: tuple[Adjustment, ...]
    cancelled: frozenset[str]
    skipped: tuple[str, ...]


def write_calendar(adjustments: Sequence[Adjustment], *, url: str) -> bytes:
    """The adjustments as a calendar that other tools can subscribe to."""
    calendar = Calendar()
    calendar.add("prodid", "-//Sloburn//Adjustments//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Sloburn adjustments")
    head, end, rest = bytes(calendar.to_ical()).partition(b"END:VCALENDAR")
    # With the zones that the events name.
    zones = map(_zone_text, sorted({one.timezone for one in adjustments} - {"UTC"}))
    return b"".join((head, *zones, *(_event_text(one, url) for one in adjustments), end, rest))


def read_calendar(text: bytes, *, like: Adjustment, at: datetime) -> ReadCalendar:
    """The events of a calendar as adjustments: what it does not say is as in *like*.

    Raises:
        InvalidAdjustmentError: it is no calendar, or has too many events.
    """
    try:
        calendar = Calendar.from_ical(text)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InvalidAdjustmentError(f"it is not a calendar: {error}") from error
    events = list(calendar.walk("VEVENT"))
    if len(events) > MOST_EVENTS:
        raise InvalidAdjustmentError(f"a calendar may have at most {MOST_EVENTS:,} events")
    moved = {one for event in events if (one := _moved_start(event, like.zone)) is not None}
    found: list[Adjustment] = []
    skipped: list[str] = []
    cancelled: set[str] = set()
    for event in events:
        try:
            if str(event.get("status", "")).upper() == "CANCELLED":
                cancelled.add(_id_of(_uid_of(event)))
            else:
                found.append(_adjustment(event, moved, like, at))
        except InvalidAdjustmentError as error:
            skipped.append(f"{_title(event)}: {error}")
        # One event that cannot be read must not keep out the rest of a calendar.
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            skipped.append(f"{_title(event)}: it cannot be read: {error}")
    return ReadCalendar(adjustments=tuple(found), cancelled=frozenset(cancelled), skipped=tuple(skipped))


@lru_cache(maxsize=100)
def _zone_text(name: str) -> bytes:
    return bytes(Timezone.from_tzid(name).to_ical())


# A feed is fetched every few minutes, and its events hardly change: 10,000 of them take seconds to write.
@lru_cache(maxsize=10_000)
def _event_text(adjustment: Adjustment, url: str) -> bytes:
    return bytes(_event(adjustment, url).to_ical())


def _event(adjustment: Adjustment, url: str) -> Event:
    event = Event()
    event.add("uid", adjustment.uid or f"{adjustment.id}{_UID_SUFFIX}")
    event.add("dtstamp", adjustment.updated_at)
    zone = adjustment.zone
    event.add("dtstart", adjustment.start.replace(tzinfo=UTC if adjustment.timezone == "UTC" else zone))
    event.add("duration", adjustment.duration)
    event.add("summary", f"{adjustment.category.replace('_', ' ').capitalize()}: {adjustment.reason}")
    event.add("description", _described(adjustment))
    event.add("categories", [adjustment.category.value])
    event.add("url", url)
    if adjustment.rrule:
        event.add("rrule", vRecur.from_ical(adjustment.rrule))
    if adjustment.exdates:
        event.add("exdate", [one.replace(tzinfo=zone) for one in adjustment.exdates])
    event.add("x-sloburn-id", adjustment.id)
    if adjustment.events:
        event.add("x-sloburn-events", ",".join(f"{name}={value}" for name, value in adjustment.events))
    event.add("x-sloburn-effect", adjustment.effect.value)
    event.add("x-sloburn-mute-alerts", "TRUE" if adjustment.mute_alerts else "FALSE")
    return event


def _described(adjustment: Adjustment) -> str:
    selector = adjustment.selector
    what = [*sorted(selector.slos), *sorted(selector.services), *(f"{name}={value}" for name, value in selector.labels)]
    effect = "excluded from" if adjustment.effect is AdjustmentEffect.EXCLUDE else "counted as good in"
    return f"Events are {effect} the budgets of {', '.join(what) or 'all SLOs'}. By {adjustment.author or 'unknown'}."


def _title(event: Any) -> str:
    return shortened(one_line(_text(event, "summary") or _text(event, "uid") or "an event"), 100)


def _text(event: Any, name: str) -> str:
    """A property as text, the first where it is written several times; empty where it is missing."""
    return next((str(one) for one in _every(event, name)), "")


def _every(event: Any, name: str) -> list[Any]:
    """A property that may be written several times, as many times as it is."""
    given = event.get(name, [])
    return given if isinstance(given, list) else [given]


def _moment(event: Any, name: str) -> Any:
    given = event.get(name)
    if given is None or isinstance(given, list) or not isinstance(getattr(given, "dt", None), date):
        raise InvalidAdjustmentError(f"{name.upper()} must be given once, as a date or a time")
    return given


def _is_moved(event: Any) -> bool:
    return "recurrence-id" in event


def _moved_start(event: Any, zone: ZoneInfo) -> tuple[str, datetime] | None:
    """The UID and the start that a moved occurrence replaces; None for others, and for one that cannot be read.

    All-day and floating times are in *zone*, as they are for their series.
    """
    try:
        if not _is_moved(event) or _range_of(event):
            return None
        value = _wall_clock(event["recurrence-id"].dt)
        at = value if value.tzinfo else value.replace(tzinfo=zone)
        return _text(event, "uid"), at.astimezone(UTC)
    except (AttributeError, ValueError, OverflowError):
        return None


def _range_of(event: Any) -> str:
    return str(event["recurrence-id"].params.get("RANGE", ""))


def _wall_clock(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001


def _start_of(moment: Any) -> str:
    value = moment.dt
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) and value.tzinfo else str(value)


def _uid_of(event: Any) -> str:
    """The UID; with its start for an occurrence that was moved, which is an adjustment of its own."""
    uid = one_line(_text(event, "uid"))
    if not uid:
        raise InvalidAdjustmentError("it has no UID")
    return f"{uid}/{_start_of(_moment(event, 'recurrence-id'))}" if _is_moved(event) else uid


def _id_of(uid: str) -> str:
    # The same at each import, so that a calendar that is imported again replaces what it was.
    return hashlib.sha256(uid.encode(errors="replace")).hexdigest()[:16]


def _adjustment(event: Any, moved: set[tuple[str, datetime]], like: Adjustment, at: datetime) -> Adjustment:
    own = _uid_of(event)
    if "x-sloburn-events" in event:
        # Without what was counted of them it would mean all events.
        raise InvalidAdjustmentError("it corrects some events only, which a calendar does not have")
    if _is_moved(event) and _range_of(event):
        # As one occurrence it would leave the later ones where they were.
        raise InvalidAdjustmentError("it moves all later occurrences (RANGE=THISANDFUTURE), which cannot be read")
    zone, start = _local_start(_moment(event, "dtstart"), like)
    rules = _every(event, "rrule")
    if len(rules) > 1 or "rdate" in event or "exrule" in event:
        raise InvalidAdjustmentError("one RRULE can be read, and neither RDATE nor EXRULE")
    exdates = [*_exdates(event, zone)]
    if not _is_moved(event):
        # An occurrence that was moved or cancelled is left out of the series.
        uid = _text(event, "uid")
        exdates += [started.astimezone(zone).replace(tzinfo=None) for of_uid, started in moved if of_uid == uid]
    if len(exdates) > MOST_EXDATES:
        raise InvalidAdjustmentError(f"at most {MOST_EXDATES:,} starts can be left out")
    reason = shortened(one_line(_text(event, "summary")), LONGEST_REASON) or like.reason
    effect = str(event.get("x-sloburn-effect", like.effect.value)).lower()
    category = _category(event, like)
    found = replace(
        like,
        id=_id_of(own),
        uid=own,
        start=start,
        timezone=zone.key,
        duration=_duration(event, zone),
        rrule="" if _is_moved(event) or not rules else rules[0].to_ical().decode(),
        exdates=tuple(sorted(exdates)),
        reason=reason,
        effect=AdjustmentEffect(effect) if effect in set(AdjustmentEffect) else like.effect,
        category=category,
        mute_alerts=str(event.get("x-sloburn-mute-alerts", str(like.mute_alerts))).upper() == "TRUE",
        created_at=at,
        updated_at=at,
    )
    return checked_adjustment(found)


def _category(event: Any, like: Adjustment) -> AdjustmentCategory:
    names = [str(one).lower() for each in _every(event, "categories") for one in each.cats]
    return next((AdjustmentCategory(name) for name in names if name in set(AdjustmentCategory)), like.category)


def _local_start(moment: Any, like: Adjustment) -> tuple[ZoneInfo, datetime]:
    """The zone and wall-clock time of a start; all-day and floating times are in the zone of *like*."""
    value = _wall_clock(moment.dt)
    if value.tzinfo is None:
        return like.zone, value
    name = str(moment.params.get("TZID", "UTC"))
    zone = _zone(_WINDOWS_ZONES.get(name, name))
    return zone, value.astimezone(zone).replace(tzinfo=None)


def _zone(name: str) -> ZoneInfo:
    found = find_time_zone(name)
    if found is None:
        raise InvalidAdjustmentError(f"{name!r} is not a zone of the IANA database")
    return found


def _duration(event: Any, zone: ZoneInfo) -> timedelta:
    """How long an event lasts in elapsed time: a whole day of *zone* on which its clock is changed is not 24 hours."""
    start = _moment(event, "dtstart").dt
    if "duration" in event:
        given = event["duration"].dt
        return given if isinstance(given, timedelta) else timedelta(0)
    if "dtend" in event:
        end = _moment(event, "dtend").dt
    else:
        # A whole day without an end is that day. Source: RFC 5545, section 3.6.1.
        end = start if isinstance(start, datetime) else start + timedelta(days=1)
    if isinstance(start, datetime) is not isinstance(end, datetime):
        raise InvalidAdjustmentError("DTSTART and DTEND must be of one kind")
    if "rrule" in event and not isinstance(start, datetime):
        # Of a series all occurrences last as long.
        return timedelta(days=(end - start).days)
    first, last = (one if one.tzinfo else one.replace(tzinfo=zone) for one in (_wall_clock(start), _wall_clock(end)))
    return last.astimezone(UTC) - first.astimezone(UTC)


def _exdates(event: Any, zone: ZoneInfo) -> Iterator[datetime]:
    for group in _every(event, "exdate"):
        for one in group.dts:
            value = _wall_clock(one.dt)
            yield value.astimezone(zone).replace(tzinfo=None) if value.tzinfo else value
