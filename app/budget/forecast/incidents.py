"""The incidents of a history: how large each was, how long it lasted, and whether one goes on now."""

from dataclasses import dataclass

import numpy as np

from app.budget.base_rate import BaseRates
from app.budget.ratios import share_of
from app.slo.arrays import Bools, Floats, Ints

MOST_INCIDENTS = 24
"""How many incidents of one history are listed, the largest ones; smaller ones count as normal."""
# Where the last half hour fails half as much as the newest hour of an incident did, it goes on.
_GOES_ON = 0.5
# An incident began somewhere in its first hour: half an hour of that is counted.
_FIRST_HOUR = 0.5

FOLLOWS_WITHIN_HOURS = 18.0
"""The mean time until another incident of the same cluster."""
_SOON_HOURS = 2.0 * FOLLOWS_WITHIN_HOURS
# Of how many incidents another one follows is not known of few: as if 0.3 of 2 more had been followed. Without that
# the first cluster of a service comes as a surprise; with 0.6 intervals of services without clusters are too wide.
_PRIOR_FOLLOWED, _PRIOR_GAPS = 0.3, 2.0
# Clusters end: at 0.8 one has five incidents on average.
_MOST_FOLLOWED = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class PastIncidents:
    """The incidents of each SLI, the largest first.

    *size* is in hours of traffic that failed in excess of the normal (half of the requests for two hours is 1), *hours*
    how long each lasted, *begins* how many hours before the end of the history; all of shape (SLIs, incidents), NaN
    behind the last. *count* is how many there are, shape (SLIs,). *ongoing_share* is the share of requests that fails
    now in excess of the normal, 0 where no incident goes on, *ongoing_hours* for how long it has gone on. *small* are
    the hours of incidents beyond the largest ones, shape (SLIs, hours). *followed* is the share of incidents that
    another one soon follows because of them, shape (SLIs,), and *quiet_hours* how long ago the last one ended, infinity
    without any.
    """

    size: Floats
    hours: Floats
    begins: Floats
    count: Ints
    ongoing_share: Floats
    ongoing_hours: Floats
    small: Bools
    followed: Floats
    quiet_hours: Floats


def left_out_incidents(
    total: Floats, bad: Floats, rates: BaseRates, *, expected: Floats, lately_total: Floats, lately_bad: Floats
) -> PastIncidents:
    """The incidents among hours of *total* and *bad* events that *rates* leave out.

    *expected* are the bad events of each hour that are normal, *lately* are those of the last half hour, shape (SLIs,).
    """
    rows, many = total.shape
    left_out = rates.left_out.copy()
    # One quiet hour between two does not make two incidents.
    left_out[:, 1:-1] |= rates.left_out[:, :-2] & rates.left_out[:, 2:]
    failing = share_of(np.maximum(bad - expected, 0.0).ravel(), total.ravel())
    begins = left_out & ~np.concatenate([np.zeros((rows, 1), dtype=bool), left_out[:, :-1]], axis=1)
    # Incidents are numbered row by row; hours outside any have the number of the one before, and are left out.
    mine = left_out.ravel()
    number = (np.cumsum(begins.ravel()) - 1)[mine]
    starts = np.flatnonzero(begins.ravel())
    columns = (
        np.bincount(number, weights=failing[mine], minlength=len(starts)),
        np.bincount(number, minlength=len(starts)),
        many - starts % many,
    )
    row = starts // many
    order = np.lexsort((-columns[0], row))
    rank = np.empty(len(starts), dtype=np.int64)
    rank[order] = np.arange(len(starts)) - np.searchsorted(row[order], row[order])
    kept = rank < MOST_INCIDENTS
    table = np.full((len(columns), rows, MOST_INCIDENTS), np.nan)
    for place, column in enumerate(columns):
        table[place, row[kept], rank[kept]] = column[kept]
    small = np.zeros(rows * many, dtype=bool)
    small[mine] = ~kept[number]
    followed, quiet_hours = _clustering(row, starts % many, columns[1], rows, many)
    normal = np.nan_to_num(rates.share) * rates.by_hour[:, -1]
    of_hour, lately = share_of(bad[:, -1], total[:, -1]), share_of(lately_bad, lately_total)
    share, since = _ongoing(left_out, normal, of_hour=of_hour, lately=lately)
    return PastIncidents(
        size=table[0],
        hours=table[1],
        begins=table[2],
        count=np.bincount(row[kept], minlength=rows),
        ongoing_share=share,
        ongoing_hours=since,
        small=small.reshape(rows, many),
        followed=followed,
        quiet_hours=quiet_hours,
    )


def _clustering(row: Ints, begins: Ints, hours: Ints, rows: int, many: int) -> tuple[Floats, Floats]:
    """The share of incidents that another soon follows beyond chance, and the hours since the last one ended.

    Incidents are in the order of their rows and times; *begins* are hours after the beginning of the history.
    """
    count = np.bincount(row, minlength=rows)
    is_next = row[1:] == row[:-1]
    is_soon = is_next & (begins[1:] - begins[:-1] - hours[:-1] < _SOON_HOURS)
    soon = np.bincount(row[1:][is_soon], minlength=rows)
    gaps = np.maximum(count - 1, 0)
    # As many as that follow each other soon by chance.
    chance = 1.0 - np.exp(-_SOON_HOURS * count / many)
    excess = (soon - gaps * chance) / (1.0 - chance)
    followed = (np.maximum(excess, 0.0) + _PRIOR_FOLLOWED) / (gaps + _PRIOR_GAPS)
    quiet_hours = np.full(rows, np.inf)
    np.minimum.at(quiet_hours, row, (many - begins - hours).astype(np.float64))
    return np.minimum(followed, _MOST_FOLLOWED), quiet_hours


def _ongoing(left_out: Bools, normal: Floats, *, of_hour: Floats, lately: Floats) -> tuple[Floats, Floats]:
    """The excess share of bad events of incidents that go on, and for how many hours they have; 0 without one.

    *normal* is the share of bad events in the newest hour without incidents, *of_hour* what it really was, *lately*
    that of the last half hour.
    """
    goes_on = left_out[:, -1] & (lately >= _GOES_ON * of_hour) & (lately > normal)
    # How many hours in a row, counted from the newest: the first that is not left out ends it.
    reverse = left_out[:, ::-1]
    run = np.where(reverse.all(axis=1), left_out.shape[1], np.argmin(reverse, axis=1))
    share = np.where(goes_on, np.clip(lately - normal, 0.0, 1.0), 0.0)
    return share, np.where(goes_on, run - _FIRST_HOUR, 0.0)
