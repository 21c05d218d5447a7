"""The normal share of bad events of a service, with its incidents left out: one definition for forecasts and alerts.

Counts are in hours, oldest first, whole days of 24 that end with the newest hour; shape (SLIs, hours). Hours of the day
are counted back from that end, so no time zone is needed.
"""

from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Bools, Floats

HOURS = 24
"""Hours of a day: the histories are whole days of so many."""
# An hour is left out as part of an incident if its bad events are three times what is normal at its hour of the day...
_UNUSUAL = 3.0
# ...are two at least, and are no chance: a deviance of 11 is 3.3 standard deviations, less than an hour in a month of
# 720 without incidents. With 15 the two or three failures an hour that incidents have at low traffic would be normal.
_LEAST_BAD = 2.0
_DEVIANCE = 11.0
# What is expected of an hour with bad events but without a total.
_LEAST_EXPECTED = 1e-9
# Bad events that would be expected before an hour of the day has a normal share of its own: with fewer, chance decides.
_PRIOR_BAD = 5.0
# That no event was bad so far does not mean that none ever is: half an event is added (Jeffreys).
_UNSEEN_BAD = 0.5
# An incident hides in the share that it raised itself; leaving it out lowers the share and shows smaller ones. Two or
# three rounds find all; the bound keeps shares that fall on and on (a slow recovery over weeks) from being followed.
_ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRates:
    """What is normal for each SLI.

    *share* is bad/total, shape (SLIs,), NaN without events; *by_hour* a factor of it for each hour of the day, oldest
    first, shape (SLIs, 24); *left_out* says which hours belong to incidents, shape (SLIs, hours).
    """

    share: Floats
    by_hour: Floats
    left_out: Bools

    def expected_bad(self, total: Floats) -> Floats:
        """Bad events that are normal among *total* events of each hour, shape (SLIs, hours)."""
        hours = total.reshape(len(total), -1, HOURS)
        expected: Floats = hours * (np.nan_to_num(self.share)[:, None] * self.by_hour)[:, None, :]
        return expected.reshape(total.shape)


def base_rates(total: Floats, bad: Floats) -> BaseRates:
    """The normal shares of SLIs by their *total* and *bad* events of each hour.

    Hours whose bad events are far above what is normal at that hour of the day, beyond chance, are left out, and the
    share is taken again without them until no further hour is. What fails every night at the same hour is normal.

    Raises:
        ValueError: the shapes differ, or are not whole days.
    """
    if total.shape != bad.shape or total.shape[1] % HOURS:
        raise ValueError(f"total {total.shape} and bad {bad.shape} must share a shape of whole days")
    total = np.maximum(total, bad)
    found = _rates(total, bad, np.zeros(total.shape, dtype=bool))
    # What was left out stays so: shares only fall.
    open_rows = np.arange(len(total))
    for _ in range(_ROUNDS):
        mine = BaseRates(
            share=found.share[open_rows], by_hour=found.by_hour[open_rows], left_out=found.left_out[open_rows]
        )
        unusual = _unusual(total[open_rows], bad[open_rows], mine) & ~mine.left_out
        changed = unusual.any(axis=1)
        if not changed.any():
            break
        open_rows = open_rows[changed]
        again = _rates(total[open_rows], bad[open_rows], mine.left_out[changed] | unusual[changed])
        found.share[open_rows], found.by_hour[open_rows] = again.share, again.by_hour
        found.left_out[open_rows] = again.left_out
    return found


def normal_share(total: Floats, bad: Floats) -> tuple[float, float] | None:
    """The normal share of one SLI and the events that it is known from, by hours of shape (hours,); None without any.

    Raises:
        ValueError: the shapes differ, or are not whole days.
    """
    total, bad = np.maximum(total, bad)[None, :], np.maximum(bad, 0.0)[None, :]
    rates = base_rates(total, bad)
    events = float(total[~rates.left_out].sum())
    return (float(rates.share[0]), events) if events > 0 else None


def _rates(total: Floats, bad: Floats, left_out: Bools) -> BaseRates:
    days = (len(total), -1, HOURS)
    kept_total, kept_bad = (np.where(left_out, 0.0, column).reshape(days) for column in (total, bad))
    all_total = kept_total.sum(axis=(1, 2))
    share = np.divide(
        kept_bad.sum(axis=(1, 2)) + _UNSEEN_BAD,
        all_total + _UNSEEN_BAD,
        out=np.full(len(total), np.nan),
        where=all_total > 0,
    )
    # What an hour of the day has only on its worst day is no pattern: of three days an outage would be a third.
    worst = kept_bad.argmax(axis=1)[:, None, :]
    of_hour_total, of_hour_bad = (
        column.sum(axis=1) - np.take_along_axis(column, worst, axis=1)[:, 0] for column in (kept_total, kept_bad)
    )
    overall = (of_hour_bad.sum(axis=1) + _UNSEEN_BAD) / (of_hour_total.sum(axis=1) + _UNSEEN_BAD)
    expected = of_hour_total * overall[:, None]
    return BaseRates(share=share, by_hour=(of_hour_bad + _PRIOR_BAD) / (expected + _PRIOR_BAD), left_out=left_out)


def _unusual(total: Floats, bad: Floats, rates: BaseRates) -> Bools:
    expected = rates.expected_bad(total)
    unusual = (bad >= _LEAST_BAD) & (bad >= _UNUSUAL * expected)
    some, normal = bad[unusual], np.maximum(expected[unusual], _LEAST_EXPECTED)
    unusual[unusual] = 2.0 * (some * np.log(some / normal) - (some - normal)) >= _DEVIANCE
    return unusual
