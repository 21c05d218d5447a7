"""How good alerts were: against incidents, their precision, recall, times, and the nights that they disturbed."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.replay.incidents.found import ReplayIncident, Spending
from app.replay.stepping import Firing
from app.reports import night_of
from app.slo import Severity

TOLD_AFTER = timedelta(hours=1)
"""An alert that begins within an hour after an incident is about it: long windows may need that."""
# What has begun within a slot is found at its end.
_SLOT_EARLIER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFiring:
    """A firing, and whether it was right to notify: None where nothing is known of its time.

    *incident* is the one that it tells of, *spent_before* the share of the budget that this had spent by then.
    """

    firing: Firing
    is_right: bool | None
    incident: ReplayIncident | None = None
    spent_before: float = math.nan


@dataclass(slots=True, kw_only=True)
class RulesScore:
    """What rules were worth, over any number of SLOs; *detections_s*, *resets_s* and *spent* are of what was detected.

    Times are seconds: from the beginning of an incident to its first page, and from its end to that of its last one.
    *nights* are those in which a page began, by the date of their evening.
    """

    pages: int = 0
    tickets: int = 0
    right_pages: int = 0
    wrong_pages: int = 0
    right_tickets: int = 0
    wrong_tickets: int = 0
    incidents: int = 0
    detected: int = 0
    detected_by_any: int = 0
    detections_s: list[float] = field(default_factory=list)
    resets_s: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    nights: set[date] = field(default_factory=set)

    def add(self, judged: Sequence[JudgedFiring], incidents: Iterable[ReplayIncident], *, timezone: str) -> None:
        """Take in the firings of one SLO, and its incidents."""
        zone = ZoneInfo(timezone)
        for one in judged:
            is_page = one.firing.severity is Severity.PAGE
            self.pages, self.tickets = self.pages + is_page, self.tickets + (not is_page)
            if is_page:
                self.right_pages += one.is_right is True
                self.wrong_pages += one.is_right is False
                night = night_of(one.firing.start.astimezone(zone))
                self.nights |= set() if night is None else {night}
            else:
                self.right_tickets += one.is_right is True
                self.wrong_tickets += one.is_right is False
        for incident in incidents:
            if not incident.is_noise:
                self._add_incident(incident, [one for one in judged if one.incident is incident])

    def merge(self, other: "RulesScore") -> None:
        """Take in what the same rules were worth for other SLOs."""
        for name in ("pages", "tickets", "right_pages", "wrong_pages", "right_tickets", "wrong_tickets"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("incidents", "detected", "detected_by_any"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.detections_s += other.detections_s
        self.resets_s += other.resets_s
        self.spent += other.spent
        self.nights |= other.nights

    @property
    def precision(self) -> float:
        """Share of the pages that were right, of those that can be judged; NaN without any."""
        return _ratio(self.right_pages, self.right_pages + self.wrong_pages)

    @property
    def ticket_precision(self) -> float:
        """Share of the tickets that were right, of those that can be judged."""
        return _ratio(self.right_tickets, self.right_tickets + self.wrong_tickets)

    @property
    def recall(self) -> float:
        """Share of the incidents with a page; NaN without any."""
        return _ratio(self.detected, self.incidents)

    @property
    def recall_by_any(self) -> float:
        """Share of the incidents with a page or a ticket."""
        return _ratio(self.detected_by_any, self.incidents)

    @property
    def detection_s(self) -> float:
        """Median time from the beginning of an incident to its first page."""
        return statistics.median(self.detections_s) if self.detections_s else math.nan

    @property
    def reset_s(self) -> float:
        """Median time from the end of an incident to that of its last page."""
        return statistics.median(self.resets_s) if self.resets_s else math.nan

    @property
    def spent_before(self) -> float:
        """Median share of the budget that was spent before the first page."""
        known = [share for share in self.spent if not math.isnan(share)]
        return statistics.median(known) if known else math.nan

    def _add_incident(self, incident: ReplayIncident, own: Sequence[JudgedFiring]) -> None:
        pages = [one for one in own if one.firing.severity is Severity.PAGE]
        self.incidents += 1
        self.detected_by_any += bool(own)
        self.detected += bool(pages)
        if not pages:
            return
        first = min(pages, key=lambda one: one.firing.start)
        self.detections_s.append(max((first.firing.start - incident.start).total_seconds(), 0.0))
        self.spent.append(first.spent_before)
        ends = [one.firing.end for one in pages if one.firing.end is not None]
        if len(ends) == len(pages):
            self.resets_s.append((max(ends) - incident.end).total_seconds())


def judge_firings(
    firings: Iterable[Firing], incidents: Sequence[ReplayIncident], spending: Spending, *, are_complete: bool
) -> tuple[JudgedFiring, ...]:
    """Which incident each firing tells of; where these *are_complete*, one that tells of none is wrong."""
    return tuple(_judged(firing, incidents, spending, are_complete=are_complete) for firing in firings)


def _judged(
    firing: Firing, incidents: Sequence[ReplayIncident], spending: Spending, *, are_complete: bool
) -> JudgedFiring:
    told = [incident for incident in incidents if _tells_of(firing.start, incident)]
    real = [incident for incident in told if not incident.is_noise]
    if real:
        # Of incidents one soon after the other, an alert is about the newest that had begun.
        incident = max(real, key=lambda one: one.start)
        spent = spending.share(incident.start, max(firing.start, incident.start))
        return JudgedFiring(firing=firing, is_right=True, incident=incident, spent_before=spent)
    return JudgedFiring(firing=firing, is_right=False if told or are_complete else None)


def _tells_of(at: datetime, incident: ReplayIncident) -> bool:
    return incident.start - _SLOT_EARLIER <= at <= incident.end + TOLD_AFTER


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
