"""Possible futures of SLIs: total and bad events of each step of time ahead.

Arrays: SLIs, futures, steps.
"""

from dataclasses import dataclass

import numpy as np

from app.budget.base_rate import HOURS
from app.budget.forecast.draws import FUTURES, MOST_ARRIVALS, Draws, LevelDraws, draws
from app.budget.forecast.incidents import FOLLOWS_WITHIN_HOURS, MOST_INCIDENTS, PastIncidents
from app.budget.forecast.levels import Levels
from app.budget.forecast.usual import Usual
from app.slo.arrays import Floats, Ints

# Half an incident in a week before the history began: that there was none so far does not mean that there never is, and
# a week without any says little of a month.
_PRIOR_INCIDENTS, _PRIOR_EXPOSURE_H = 0.5, 168.0
# Of the next incident it is not known that it is like one of the past: as if two more had been of any size...
_PRIOR_SIZES = 2
# ...from 0.6 to 30% of the budget of a window, each order alike, over an hour.
_SMALLEST, _LARGEST = 0.006, 0.3
_PRIOR_HOURS = 1.0
# Spreads normal numbers evenly over (0, 1), within 2%.
_EVEN = 0.8
# Incidents to come are as large as those of the past give or take a factor of 2 (0.7 in the logarithm). With 0.4 too
# many were larger than anything that was forecast of services with one or two incidents.
_LARGER = 0.7
# A frequency (an hour) that is as good as never: 0 cannot be divided by.
_RAREST = 1e-12
# One incident is spread over the time that it lasts in so many parts.
_PARTS = 4
# Of fewer bad events in a step the chance of each count is added up; of more a normal distribution is as good.
_FEW = 8.0
_MOST_COUNTED = 24
# Steps behind the horizon have no length.
_NO_LENGTH_H = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Futures:
    """Cumulated *total* and *bad* events at the end of each step, shape (SLIs, futures, steps)."""

    total: Floats
    bad: Floats


def futures(known: Usual, steps_h: Floats, horizon_h: Floats, prior_hours: Floats) -> Futures:
    """Futures by steps that end at *steps_h* (hours ahead), or at the horizon of each SLI where that is earlier.

    *prior_hours* of failing traffic spend the whole budget: the measure of incidents of sizes not seen so far.
    """
    ends_h = np.minimum(steps_h, horizon_h[:, None])
    begins_h = np.concatenate([np.zeros((len(ends_h), 1)), ends_h[:, :-1]], axis=1)
    days = int(np.ceil(steps_h[-1] / HOURS)) + 1
    drawn = draws(days, len(steps_h))
    day = (0.5 * (begins_h + ends_h) / HOURS).astype(np.int64)[:, None, :]
    usual_total, usual_bad = (_between(column, begins_h, ends_h)[:, None, :] for column in (known.week, known.week_bad))
    flow = np.take_along_axis(_paths(known.traffic, drawn.traffic), day, axis=2)
    level = np.take_along_axis(_paths(known.background, drawn.background), day, axis=2)
    total = usual_total * flow
    total = np.maximum(total + np.sqrt(total) * drawn.total_chance, 0.0)
    bad = _counts(usual_bad * flow * level, drawn)
    length = np.maximum(ends_h - begins_h, _NO_LENGTH_H)[:, None, :]
    bad += _new_incidents(known, steps_h, horizon_h, prior_hours, drawn) * (total / length)
    bad += _ongoing_share(known, begins_h[:, None, :], length, drawn) * total
    return Futures(total=np.cumsum(total, axis=2), bad=np.cumsum(np.minimum(bad, total), axis=2))


def _between(week: Floats, begins_h: Floats, ends_h: Floats) -> Floats:
    """Sums of the hours of a pattern that repeats each week, from one time to another."""
    weeks = int(ends_h.max() // week.shape[1]) + 1
    sums = np.concatenate([np.zeros((len(week), 1)), np.cumsum(np.tile(week, weeks), axis=1)], axis=1)

    def until(at: Floats) -> Floats:
        whole = np.minimum(at.astype(np.int64), sums.shape[1] - 2)
        before, after = (np.take_along_axis(sums, place, axis=1) for place in (whole, whole + 1))
        reached: Floats = before + (at - whole) * (after - before)
        return reached

    return until(ends_h) - until(begins_h)


def _paths(known: Levels, drawn: LevelDraws) -> Floats:
    """The level of each day ahead in each future, shape (SLIs, futures, days): a random walk from what it is now."""
    chosen = known.chosen(drawn.pair)
    variance = chosen.log_variances(drawn.steps.shape[1])
    walk = np.sqrt(np.diff(variance, axis=2, prepend=0.0))
    walk[:, :, 0] *= drawn.now
    walk[:, :, 1:] *= drawn.steps[:, 1:]
    np.cumsum(walk, axis=2, out=walk)
    of_day = np.log1p(chosen.noise)[:, :, None]
    path: Floats = chosen.mean[:, :, None] * np.exp(
        walk - 0.5 * variance + np.sqrt(of_day) * drawn.noise - 0.5 * of_day
    )
    return path


def _counts(mean: Floats, drawn: Draws) -> Floats:
    """Poisson counts with these means; from eight events on by the normal distribution."""
    counts = np.maximum(np.rint(mean + np.sqrt(mean) * drawn.bad_chance), 0.0)
    few = mean < _FEW
    if few.any():
        mean, uniform = mean[few], np.broadcast_to(drawn.bad_uniform, few.shape)[few]
        chance = np.exp(-mean)
        reached, found = chance.copy(), np.zeros(len(mean))
        for count in range(1, _MOST_COUNTED):
            above = uniform > reached
            if not above.any():
                break
            found += above
            chance *= mean / count
            reached += chance
        counts[few] = found
    return counts


def _new_incidents(known: Usual, steps_h: Floats, horizon_h: Floats, prior_hours: Floats, drawn: Draws) -> Floats:
    """Hours of failing traffic that new incidents bring into each step."""
    rows, steps = len(horizon_h), len(steps_h)
    row, future, arrival, begins_h = _arrivals(known, horizon_h, drawn)
    size, hours = sizes_of_incidents(
        known.incidents, prior_hours[row], row, which=drawn.which[future, arrival], larger=drawn.larger[future, arrival]
    )
    brought = np.zeros(rows * FUTURES * steps)
    for part in range(_PARTS):
        at_h = begins_h + hours * (part + 0.5) / _PARTS
        inside = at_h < horizon_h[row]
        place = (row * FUTURES + future) * steps + np.searchsorted(steps_h, at_h)
        brought += np.bincount(place[inside], weights=size[inside] / _PARTS, minlength=len(brought))
    return brought.reshape(rows, FUTURES, steps)


def _arrivals(known: Usual, horizon_h: Floats, drawn: Draws) -> tuple[Ints, Ints, Ints, Floats]:
    """Row, future, number and time (hours ahead) of every incident to come, at the frequency of those of the past.

    How frequent they really are is not known: each future has a frequency of its own.
    """
    past = known.incidents
    # One of a cluster is no incident of its own.
    shape = (past.count * (1.0 - past.followed))[:, None] + _PRIOR_INCIDENTS
    rate = _gamma(shape, drawn.incident_rate) / (known.known_hours + _PRIOR_EXPOSURE_H)[:, None]
    expected = float((rate.max(axis=1) * horizon_h / (1.0 - past.followed)).max())
    most = min(int(expected + 4.0 * np.sqrt(expected) + 3.0), MOST_ARRIVALS)
    follows = np.repeat(past.followed[:, None], most, axis=1)
    # That none has followed so far makes it less likely that one does.
    waiting = past.followed * np.exp(-past.quiet_hours / FOLLOWS_WITHIN_HOURS)
    follows[:, 0] = waiting / (waiting + 1.0 - past.followed)
    alone_h = drawn.gaps[:, :most] / np.maximum(rate, _RAREST)[:, :, None]
    is_soon = drawn.follows[:, :most] < follows[:, None, :]
    begins_h = np.cumsum(np.where(is_soon, drawn.gaps[:, :most] * FOLLOWS_WITHIN_HOURS, alone_h), axis=2)
    some = np.nonzero(begins_h < horizon_h[:, None, None])
    row, future, arrival = some
    return row, future, arrival, begins_h[some]


def sizes_of_incidents(
    past: PastIncidents, prior_hours: Floats, row: Ints, *, which: Floats, larger: Floats
) -> tuple[Floats, Floats]:
    """Hours of failing traffic and length in hours of incidents: like one of the past, or of a size not seen so far.

    Of each incident to come: the *row* of its SLI, *which* it is like (0 to 1: one of the past, then unseen sizes), and
    how much *larger* it is (normal numbers); all of shape (incidents,).
    """
    chosen = (which * (past.count[row] + _PRIOR_SIZES)).astype(np.int64)
    unseen = chosen >= past.count[row]
    chosen = np.minimum(chosen, MOST_INCIDENTS - 1)
    order = 0.5 * (1.0 + np.tanh(_EVEN * larger))
    any_size = prior_hours * _SMALLEST * (_LARGEST / _SMALLEST) ** order
    size = np.where(unseen, any_size, past.size[row, chosen] * np.exp(_LARGER * larger))
    return size, np.where(unseen, _PRIOR_HOURS, past.hours[row, chosen])


def _gamma(shape: Floats, normal: Floats) -> Floats:
    """Gamma distributed numbers from normal ones (Wilson and Hilferty's approximation), never below 0."""
    part = 1.0 / (9.0 * shape)
    found: Floats = shape * np.maximum(1.0 - part + normal * np.sqrt(part), 0.0) ** 3
    return found


def _ongoing_share(known: Usual, begins_h: Floats, length_h: Floats, drawn: Draws) -> Floats:
    """The share of each step's events that fails in an incident that goes on now.

    In half of the futures it lasts as long again as it has lasted so far, in a quarter three times as long.
    """
    past = known.incidents
    # For nearly all nothing goes on.
    if not past.ongoing_share.any():
        return np.zeros(1)
    lasts_h = past.ongoing_hours[:, None, None] * (1.0 / drawn.lasts - 1.0)[:, None]
    share: Floats = past.ongoing_share[:, None, None] * np.clip((lasts_h - begins_h) / length_h, 0.0, 1.0)
    return share
