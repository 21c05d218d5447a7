"""Services at their worst: targets that come, go, restart, hide and miss scrapes by chance."""

import numpy as np

from app.slo.arrays import Bools, Floats, Ints
from tests.evaluation.memory import Series

SCRAPE_S = 30


def service(job: str, dice: np.random.Generator, *, start: float, end: float) -> list[Series]:
    """One to four targets of one job between *start* and *end*, and half an hour longer."""
    scrapes = int((end - start) // SCRAPE_S) + 60
    return [one for number in range(dice.integers(1, 5)) for one in _target(job, number, dice, start, scrapes)]


def _target(job: str, number: int, dice: np.random.Generator, start: float, scrapes: int) -> list[Series]:
    times = start + np.round(dice.uniform(0, SCRAPE_S), 3) + np.arange(scrapes) * SCRAPE_S
    rate = dice.choice([0.01, 0.5, 20.0]) * SCRAPE_S
    bad = dice.poisson(rate * 0.02, scrapes) * (dice.random(scrapes) < 0.3)
    good = dice.poisson(rate, scrapes)
    restarts = dice.random(scrapes) < dice.choice([0.0, 0.0005, 0.003])
    past = float(dice.integers(0, 5000)) if dice.random() < 0.4 else 0.0
    shown = _shown(dice, scrapes)
    return [
        Series(
            labels={"__name__": "http_requests_total", "job": job, "instance": f"{job}-{number}:80", "code": code},
            times=times[seen],
            values=values[seen],
        )
        for code, values, lazy in (
            ("200", _counter(good, restarts, past), False),
            ("500", _counter(bad, restarts), True),
        )
        if (seen := shown & (values > 0) if lazy else shown).any()
    ]


def _counter(events: Ints, restarts: Bools, past: float = 0.0) -> Floats:
    total = past + np.cumsum(events)
    before = np.where(restarts, total - events, 0.0)
    return np.asarray(total - np.maximum.accumulate(before), dtype=np.float64)


def _shown(dice: np.random.Generator, scrapes: int) -> Bools:
    """Which scrapes succeed: not before the first, after the last, in gaps, and by chance."""
    shown = dice.random(scrapes) >= dice.choice([0.0, 0.02, 0.1])
    first = int(dice.integers(0, scrapes)) if dice.random() < 0.5 else 0
    shown[:first] = False
    if dice.random() < 0.4:
        shown[int(dice.integers(first, scrapes)) :] = False
    for gap in dice.integers(0, scrapes, int(dice.integers(0, 6))):
        shown[gap : gap + int(dice.integers(5, 200))] = False
    return np.asarray(shown)
