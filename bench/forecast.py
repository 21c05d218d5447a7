"""Forecasts of made-up histories, checked by rolling origin: what each said against what came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.budget.forecast import Budgets, CountedCells, Forecasts, forecasts
from app.slo.arrays import Floats, Ints
from bench.forecast_months import CELL_S, CELLS_A_DAY, KINDS, MadeUp, made_up

HORIZONS_D = (1, 3, 7, 14)
"""Days ahead at which the remaining budget is compared."""
_AHEAD_D = 30
_KEPT_D = 30
# Origins are drawn from so many days, so that one history gives several that differ.
_DAYS_OF_ORIGINS = 14
_DAY_S = 86_400.0
RATES = {"last hour": 4, "last 6 hours": 24}
"""What forecasts are compared with: the rates of so many quarter hours go on, and what leaves the window is known."""
MODEL = "forecast"
_HEAD = """\
| histories | in 80% interval: 1d, 3d, 7d, 14d | all | error of remaining budget: forecast | last hour | last 6 hours \
| error of exhaustion, days: forecast | last hour | last 6 hours | in its interval |
|---|---|---|---|---|---|---|---|---|---|"""


@dataclass(slots=True)
class ForecastScore:
    """What forecasts were worth: whether the truth was within intervals, and mean errors by who forecast.

    *inside* and *errors* by days ahead, errors in shares of the budget; *exhaustion* errors in days.
    """

    inside: dict[int, list[bool]] = field(default_factory=lambda: {days: [] for days in HORIZONS_D})
    errors: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    exhaustion: dict[str, list[float]] = field(default_factory=dict)
    exhaustion_inside: list[bool] = field(default_factory=list)

    @property
    def coverage(self) -> float:
        """Share of all intervals that held the truth."""
        return float(np.mean([one for of_days in self.inside.values() for one in of_days]))

    def coverage_at(self, days: int) -> float:
        """The same of intervals so many days ahead."""
        return float(np.mean(self.inside[days])) if self.inside[days] else float("nan")

    def error(self, who: str) -> float:
        """Mean error of the remaining budget over all horizons."""
        return float(np.mean([one for (name, _), found in self.errors.items() if name == who for one in found]))

    def exhaustion_error(self, who: str) -> float:
        """Mean error of the time of exhaustion in days; what is not exhausted within the horizon counts as its end."""
        return float(np.mean(self.exhaustion[who])) if self.exhaustion.get(who) else float("nan")

    def add(self, other: "ForecastScore") -> None:
        """Take in what another one has."""
        for days, found in other.inside.items():
            self.inside[days] += found
        for key, errors in other.errors.items():
            self.errors.setdefault(key, []).extend(errors)
        for who, errors in other.exhaustion.items():
            self.exhaustion.setdefault(who, []).extend(errors)
        self.exhaustion_inside += other.exhaustion_inside


def run(*, histories: int, origins: int, seed: int, kinds: Sequence[str] | None = None, window_days: int = 30) -> bool:
    """Print the table; whether forecasts keep what is promised: 75 to 85% coverage, and less error than both rates."""
    print(_HEAD)
    whole = ForecastScore()
    for kind in kinds or tuple(KINDS):
        found = score(kind, range(seed, seed + histories), origins=origins, window_days=window_days)
        whole.add(found)
        print(_row(kind, found))
    print(_row("**all**", whole))
    return keeps_promise(whole)


def keeps_promise(found: ForecastScore) -> bool:
    """Whether the coverage is between 75 and 85%, and errors are less than at both rates."""
    return 0.75 <= found.coverage <= 0.85 and all(
        found.error(MODEL) < found.error(rate) and found.exhaustion_error(MODEL) < found.exhaustion_error(rate)
        for rate in RATES
    )


def score(kind: str, seeds: Iterable[int], *, origins: int, window_days: int = 30) -> ForecastScore:
    """The score of forecasts of histories of one kind, each at several *origins*."""
    whole = ForecastScore()
    window, ahead = window_days * CELLS_A_DAY, min(_AHEAD_D, window_days) * CELLS_A_DAY
    for seed in seeds:
        kept = max(window_days, _KEPT_D)
        history = made_up(kind, seed, days=kept + _DAYS_OF_ORIGINS + _AHEAD_D)
        source = np.random.default_rng([seed, 99])
        now = source.integers(kept * CELLS_A_DAY, len(history.total) - ahead, origins)
        found = _forecasts(history, now, window, ahead)
        for place, origin in enumerate(now.tolist()):
            _compare(whole, history, origin, found, place, window=window, ahead=ahead)
    return whole


def _forecasts(history: MadeUp, now: Ints, window: int, ahead: int) -> Forecasts:
    # As the ledger keeps them: a month at least, however short the SLO window is.
    many, kept = len(now), max(window, _KEPT_D * CELLS_A_DAY)
    cells = now[:, None] - kept + np.arange(kept)
    return forecasts(
        CountedCells(
            total=history.total[cells], bad=history.bad[cells], measured_s=np.full((many, kept), float(CELL_S))
        ),
        Budgets(
            error_budget=np.full(many, history.error_budget),
            reach_s=np.full(many, window * float(CELL_S)),
            rolls=np.full(many, fill_value=True),
            horizon_s=np.full(many, ahead * float(CELL_S)),
        ),
    )


def _compare(
    whole: ForecastScore, history: MadeUp, origin: int, found: Forecasts, place: int, *, window: int, ahead: int
) -> None:
    truth = _remaining(history, origin, window, ahead, None)
    by_rate = {name: _remaining(history, origin, window, ahead, cells) for name, cells in RATES.items()}
    for days in HORIZONS_D:
        if days * CELLS_A_DAY > ahead:
            continue
        step, cell = int(np.argmin(np.abs(found.ends_s[place] - days * _DAY_S))), days * CELLS_A_DAY
        whole.inside[days].append(bool(found.low[place, step] <= truth[cell] <= found.high[place, step]))
        said = {MODEL: float(found.median[place, step])} | {name: float(path[cell]) for name, path in by_rate.items()}
        for name, value in said.items():
            whole.errors.setdefault((name, days), []).append(abs(value - float(truth[cell])))
    if truth[0] <= 0:
        return
    horizon_s = ahead * float(CELL_S)
    early, middle, late = np.minimum(found.exhausted_in_s[place], horizon_s).tolist()
    happened = _exhausted_s(truth, horizon_s)
    times = {MODEL: middle} | {name: _exhausted_s(path, horizon_s) for name, path in by_rate.items()}
    for name, at in times.items():
        whole.exhaustion.setdefault(name, []).append(abs(at - happened) / _DAY_S)
    # Where nearly no future exhausts the budget, the interval is no more than "not within the horizon".
    if early < horizon_s:
        whole.exhaustion_inside.append(early - CELL_S <= happened <= late + CELL_S)


def _remaining(history: MadeUp, origin: int, window: int, ahead: int, rate_of: int | None) -> Floats:
    """The unspent share at each quarter hour ahead, as it came, or at the rate of so many quarter hours before."""
    later = np.arange(ahead + 1)
    sums = []
    for column in (history.total, history.bad):
        before = np.concatenate([[0.0], np.cumsum(column)])
        kept = before[origin] - before[np.minimum(origin - window + later, origin)]
        came = before[origin + later] - before[origin]
        if rate_of is not None:
            came = later * column[origin - rate_of : origin].mean()
        sums.append(kept + came)
    remaining: Floats = 1.0 - sums[1] / np.maximum(sums[0] * history.error_budget, 1e-300)
    return remaining


def _exhausted_s(remaining: Floats, horizon_s: float) -> float:
    gone = np.flatnonzero(remaining <= 0)
    return float(gone[0]) * CELL_S if len(gone) else horizon_s


def _row(name: str, found: ForecastScore) -> str:
    at_days = ", ".join(f"{found.coverage_at(days):.0%}" for days in HORIZONS_D if found.inside[days])
    remaining = " | ".join(f"{found.error(who):.3f}" for who in (MODEL, *RATES))
    exhaustion = " | ".join(f"{found.exhaustion_error(who):.2f}" for who in (MODEL, *RATES))
    within = found.exhaustion_inside
    told = f"{np.mean(within):.0%} of {len(within):,}" if within else "-"
    return f"| {name} | {at_days} | {found.coverage:.0%} | {remaining} | {exhaustion} | {told} |"
