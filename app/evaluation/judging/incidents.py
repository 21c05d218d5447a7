"""What an incident has cost so far: its first and last slot with errors, the bad events and the budget spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from app.alerting import IncidentErrors
from app.budget import burn_rate
from app.ledger import COARSE_WIDTH_S, FINE_REACH_S, MIDDLE_REACH_S, MIDDLE_WIDTH_S, Ledger, each_cell
from app.slo import BurnRateRule
from app.slo.arrays import Bools, Floats

# Of the rule's factor: a slot, or a short window, that burns slower is not part of the incident that it alerts for.
_SHARE_OF_FACTOR = 0.5
# Long windows before an alert fires in which its incident can have begun; pending and evidence take less than one.
_LOOKBACK = 2
# Of incidents whose errors are long over, a day of slots is read: 12 MB for so many.
_INCIDENTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OngoingIncident:
    """An alert that fires by *rule* since *fired_s*, and what is known so far; times are unix seconds.

    *as_of_s* is the end of the newest measured slot, *window_start_s* the start of the SLO window, *allowed_events* the
    bad events that it allows.
    """

    key: str
    row: int
    rule: BurnRateRule
    error_budget: float
    allowed_events: float
    fired_s: float
    as_of_s: float
    window_start_s: float
    first_bad_s: float | None = None
    last_bad_s: float | None = None


def incident_errors(incidents: Sequence[OngoingIncident], ledger: Ledger) -> dict[str, IncidentErrors]:
    """By the key of its alert: when the errors of each incident began and were last seen, and what they have spent."""
    if not incidents:
        return {}
    firsts_s = [_first_bad_s(incident, ledger) for incident in incidents]
    # What has left the window is no part of its budget any more.
    start_s = np.fmax(
        np.array([_cell_start_s(first_s, ledger) for first_s in firsts_s]),
        np.array([incident.window_start_s for incident in incidents]),
    )
    end_s = np.fmax(start_s, np.array([incident.as_of_s for incident in incidents]))
    sums = ledger.sums(np.array([incident.row for incident in incidents], dtype=np.int64), start_s, end_s)
    allowed = np.array([incident.allowed_events for incident in incidents])
    spent = np.divide(sums.bad, allowed, out=np.full(len(incidents), np.nan), where=allowed > 0)
    return {
        incident.key: IncidentErrors(
            first_bad_at=datetime.fromtimestamp(first_s, UTC),
            last_bad_at=datetime.fromtimestamp(last_s, UTC),
            bad=bad,
            spent=share,
        )
        for incident, first_s, last_s, bad, share in zip(
            incidents,
            firsts_s,
            _last_bad_s(incidents, ledger, firsts_s),
            sums.bad.tolist(),
            spent.tolist(),
            strict=True,
        )
    }


def _first_bad_s(incident: OngoingIncident, ledger: Ledger) -> float:
    """The start of the first slot of the errors that go on until the alert fires.

    They go back as long as every short window of the rule burns at half its factor or more.
    """
    if incident.first_bad_s is not None:
        return incident.first_bad_s
    rule, limit = incident.rule, incident.rule.factor * _SHARE_OF_FACTOR
    begin_s = incident.fired_s - _LOOKBACK * rule.long.total_seconds()
    first, width_s, total, bad = _cells(incident.row, ledger, begin_s, incident.fired_s)
    cells = max(1, round(rule.short.total_seconds() / width_s))
    burning = _burning(_moving(bad, cells), _moving(total, cells), incident.error_budget, limit)
    if not burning.any():
        return incident.fired_s - rule.short.total_seconds()
    newest = int(np.flatnonzero(burning)[-1])
    before = np.flatnonzero(~burning[:newest])
    oldest = int(before[-1]) + 1 if len(before) else 0
    # The oldest short window that burns so fast has a slot that does; the errors begin with its first one.
    since = max(0, oldest - cells + 1)
    own = _burning(bad[since : newest + 1], total[since : newest + 1], incident.error_budget, limit)
    return float((first + since + int(np.argmax(own)) - 1) * width_s)


def _last_bad_s(incidents: Sequence[OngoingIncident], ledger: Ledger, firsts_s: Sequence[float]) -> list[float]:
    """Of each incident the end of the newest slot that burns at half the rule's factor or more."""
    known_s = [
        first_s if incident.last_bad_s is None else incident.last_bad_s
        for incident, first_s in zip(incidents, firsts_s, strict=True)
    ]
    found: list[float] = []
    for start in range(0, len(incidents), _INCIDENTS_AT_ONCE):
        some = slice(start, start + _INCIDENTS_AT_ONCE)
        found += _newest_burning_s(incidents[some], ledger, known_s[some])
    return found


def _newest_burning_s(incidents: Sequence[OngoingIncident], ledger: Ledger, known_s: Sequence[float]) -> list[float]:
    fine = ledger.fine
    since_s = np.maximum(known_s, ledger.newest_s - FINE_REACH_S)
    first = (since_s // fine.width_s).astype(np.int64) + 1
    last = (-(-np.array([incident.as_of_s for incident in incidents]) // fine.width_s)).astype(np.int64)
    which, cells = each_cell(np.arange(len(incidents)), first, last)
    total, bad, _ = fine.read_many(np.array([incident.row for incident in incidents], dtype=np.int64), first, last)
    error_budget = np.array([incident.error_budget for incident in incidents])
    limit = np.array([incident.rule.factor * _SHARE_OF_FACTOR for incident in incidents])
    own = burn_rate(bad, total, error_budget=error_budget[which]) >= limit[which]
    newest = np.zeros(len(incidents), dtype=np.int64)
    np.maximum.at(newest, which[own], cells[own])
    found: Floats = np.where(newest > 0, newest * float(fine.width_s), known_s)
    return [float(at_s) for at_s in found]


def _cells(row: int, ledger: Ledger, since_s: float, until_s: float) -> tuple[int, int, Floats, Floats]:
    """The number of the first cell in (since, until] and their width, total and bad events, in the finest there is."""
    reaches = ((ledger.fine, FINE_REACH_S), (ledger.middle, MIDDLE_REACH_S))
    age_s = ledger.newest_s - since_s
    resolution = next((resolution for resolution, reach_s in reaches if age_s <= reach_s), ledger.coarse)
    first, last = int(since_s // resolution.width_s) + 1, int(-(-until_s // resolution.width_s))
    total, bad, _ = resolution.read(row, first, last)
    return first, resolution.width_s, total, bad


def _cell_start_s(at_s: float, ledger: Ledger) -> float:
    """The start of the ledger's cell that holds a time; an older cell would count by the share after that time only."""
    age = timedelta(seconds=ledger.newest_s - at_s)
    if age <= timedelta(seconds=FINE_REACH_S):
        return at_s
    width_s = MIDDLE_WIDTH_S if age <= timedelta(seconds=MIDDLE_REACH_S) else COARSE_WIDTH_S
    return at_s // width_s * width_s


def _moving(column: Floats, cells: int) -> Floats:
    """The sum of each cell and those before it, so many in all."""
    summed = np.concatenate([[0.0], np.cumsum(column)])
    ends = np.arange(1, len(column) + 1)
    moving: Floats = summed[ends] - summed[np.maximum(ends - cells, 0)]
    return moving


def _burning(bad: Floats, total: Floats, error_budget: float, limit: float) -> Bools:
    burning: Bools = burn_rate(bad, total, error_budget=np.full(len(bad), error_budget)) >= limit
    return burning
