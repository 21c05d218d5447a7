"""What is usual of each SLI: traffic by the hour of the week, normal bad events, and the levels of both."""

from dataclasses import dataclass

import numpy as np

from app.budget.base_rate import HOURS, base_rates
from app.budget.forecast.incidents import PastIncidents, left_out_incidents
from app.budget.forecast.levels import Levels, levels
from app.slo.arrays import Floats

_WEEK = 7 * HOURS
# The hours of a week have a pattern of their own once there are two of each; before, those of a day have one.
_WEEKS_NEEDED = 2
# How much what is usual at an hour of the day says of that hour in a week, in hours.
_PRIOR_HOURS = 0.5
_CELLS_AN_HOUR = 4
DAY_CELLS = HOURS * _CELLS_AN_HOUR
"""Quarter hours of a day: histories are whole days of so many."""
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What a history says of each SLI, hours counted on from its end.

    *week* are the events of each hour of a week, *week_bad* the normal bad events of each, shape (SLIs, 168); *traffic*
    and *background* the levels of both; *share* the normal share of bad events; *known_hours* how many were measured.
    """

    week: Floats
    week_bad: Floats
    share: Floats
    traffic: Levels
    background: Levels
    incidents: PastIncidents
    known_hours: Floats


def usual(total: Floats, bad: Floats, measured_s: Floats) -> Usual:
    """What is usual, by quarter hours, oldest first and whole days of them; shape (SLIs, quarters)."""
    lately_total, lately_bad = (column[:, -2:].sum(axis=1) for column in (total, bad))
    total, bad, measured = (
        column.reshape(len(column), -1, _CELLS_AN_HOUR).sum(axis=2) for column in (total, bad, measured_s / _HOUR_S)
    )
    rates = base_rates(total, bad)
    expected = rates.expected_bad(total)
    incidents = left_out_incidents(
        total, bad, rates, expected=expected, lately_total=lately_total, lately_bad=lately_bad
    )
    kept = ~rates.left_out | incidents.small
    week = _week(total, measured)
    days = (len(total), -1, HOURS)
    usual_total = _tiled(week, total.shape[1]) * measured
    return Usual(
        week=week,
        week_bad=rates.expected_bad(week),
        share=rates.share,
        traffic=levels(total.reshape(days).sum(axis=2), usual_total.reshape(days).sum(axis=2)),
        background=levels((bad * kept).reshape(days).sum(axis=2), (expected * kept).reshape(days).sum(axis=2)),
        incidents=incidents,
        known_hours=measured.sum(axis=1),
    )


def _week(total: Floats, measured: Floats) -> Floats:
    """Events of each hour of a week, the first hour after the end first; shape (SLIs, 168)."""
    of_day, measured_of_day = (column.reshape(len(column), -1, HOURS).sum(axis=1) for column in (total, measured))
    overall = of_day.sum(axis=1, keepdims=True) / np.maximum(measured_of_day.sum(axis=1, keepdims=True), 1.0)
    day = (of_day + _PRIOR_HOURS * overall) / (measured_of_day + _PRIOR_HOURS)
    weeks = total.shape[1] // _WEEK
    flat = np.tile(day, 7)
    if weeks < _WEEKS_NEEDED:
        return flat
    of_week, measured_of_week = (
        column[:, -weeks * _WEEK :].reshape(len(column), weeks, _WEEK).sum(axis=1) for column in (total, measured)
    )
    week: Floats = (of_week + _PRIOR_HOURS * flat) / (measured_of_week + _PRIOR_HOURS)
    return week


def _tiled(week: Floats, hours: int) -> Floats:
    """The pattern of a week laid over hours that end where the history ends."""
    return np.tile(week, -(-hours // _WEEK))[:, -hours:]
