"""The metrics of the past are what `/metrics` would have shown, under the same names and labels."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from app.evaluation import past_figures
from app.metrics.slo_samples import slo_samples
from app.past_metrics import past_series, read_recorded
from app.past_metrics.series import EXPORTED
from app.slo import SloId
from app.slo.arrays import Floats
from tests.evaluation.running import INTERVAL_S, Running
from tests.past_metrics.shop import BEGAN, DAY, HOUR, INCIDENT, LATE_INCIDENT, MINUTE, NOW, SLO, run_shop

Key = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("shop")
    with run_shop(folder / "db", folder / "slos") as one:
        yield one


def _past(one: Running, at_s: Floats) -> Mapping[Key, Floats]:
    exposed = one.evaluator.exposed_past(SloId(SLO))
    assert exposed is not None
    figures = past_figures(exposed, at_s)
    assert figures is not None
    found = read_recorded(one.database, SloId(SLO), start_s=float(at_s[0]), end_s=float(at_s[-1]))
    return {(each.family.name, tuple(each.labels)): each.values for each in past_series(exposed, figures, found)}


def _shown(one: Running) -> dict[Key, float]:
    return {
        (sample.family.name, tuple(sample.labels)): sample.value
        for sample in slo_samples(one.board.snapshots)
        if sample.family in EXPORTED
    }


def _of(past: Mapping[Key, Floats], name: str, *labels: tuple[str, str]) -> Floats:
    (found,) = [values for (metric, own), values in past.items() if metric == name and set(labels) <= set(own)]
    return found


def test_the_past_has_the_series_and_the_values_that_were_shown(tmp_path: Path) -> None:
    with run_shop(tmp_path / "db", tmp_path / "slos") as one:
        shown = {}
        for at in range(NOW + INTERVAL_S, NOW + HOUR + 1, INTERVAL_S):
            one.tick(at)
            if at % 300 == 0:
                shown[at] = _shown(one)
        times = np.array(list(shown), dtype=np.float64)
        past = _past(one, times)
    assert len(times) == 12
    for index, (at, samples) in enumerate(shown.items()):
        found = {key: float(values[index]) for key, values in past.items() if not np.isnan(values[index])}
        assert found.keys() == samples.keys(), at - NOW
        assert found == pytest.approx(samples, rel=2e-3, abs=2e-3), at - NOW
    assert min(_of(past, "slo_error_budget_remaining_ratio")) < 0.9
    assert 1 in _of(past, "slo_alert_firing", ("severity", "page"))
    assert 0 in _of(past, "slo_alert_firing", ("severity", "page"))


def test_the_whole_month_is_there_from_the_first_sample_on(shop: Running) -> None:
    """The budget of a month ago looks back two months, of which 40 days have samples."""
    at_s = np.arange(NOW - 50 * DAY, NOW, 300.0)
    past = _past(shop, at_s)
    remaining = _of(past, "slo_error_budget_remaining_ratio")
    assert np.isnan(remaining[at_s <= BEGAN]).all()
    assert not np.isnan(remaining[at_s > BEGAN + 2 * HOUR]).any()
    before, after = remaining[at_s == INCIDENT[0]], remaining[at_s == INCIDENT[1] + HOUR]
    assert before == pytest.approx(1.0)
    # 36,000 of some 26 million requests, of which one in a hundred may fail.
    assert after == pytest.approx(1 - 36_000 / (10 * (30 * DAY) * 0.01), abs=2e-3)
    assert _of(past, "slo_burn_rate", ("window", "1h"))[at_s == INCIDENT[0] + HOUR] == pytest.approx(50, rel=0.02)


def test_without_a_month_more_the_budget_of_windows_that_were_not_read_is_absent(tmp_path: Path) -> None:
    """Half of a window is not the budget that anybody was shown; the short windows are known all the same."""
    with run_shop(tmp_path / "db", tmp_path / "slos", older_days=0) as one:
        past = _past(one, np.array([NOW - 20.0 * DAY, NOW]))
    assert np.isnan(_of(past, "slo_error_budget_remaining_ratio")).tolist() == [True, False]
    assert _of(past, "slo_burn_rate", ("window", "1h")).tolist() == [0.0, 0.0]


def test_the_counter_of_events_goes_on_to_the_live_one_and_counts_none_twice(tmp_path: Path) -> None:
    with run_shop(tmp_path / "db", tmp_path / "slos") as one:
        for at in range(NOW + INTERVAL_S, NOW + HOUR + 1, INTERVAL_S):
            one.tick(at)
        live = one.snapshot(SLO)
        at_s = np.arange(NOW - 20 * DAY, NOW + HOUR + 1, 300.0)
        past = _past(one, at_s)
    for outcome, ever, counted in (
        ("good", live.good_ever, 10 * (20 * DAY + HOUR) - 5 * (2 * HOUR + 20 * MINUTE)),
        ("bad", live.bad_ever, 5 * (2 * HOUR + 20 * MINUTE)),
    ):
        values = _of(past, "slo_events_total", ("outcome", outcome))
        steps = np.diff(values)
        # As Prometheus adds up a counter: what is lower than before began at zero.
        increase = np.where(steps < 0, values[1:], steps).sum()
        assert increase == pytest.approx(counted, rel=2e-3), outcome
        assert values[-1] == pytest.approx(ever, rel=1e-2), outcome
        assert (steps < 0).sum() == 1, outcome
    assert LATE_INCIDENT[1] < NOW + HOUR


def test_what_was_not_counted_yet_has_no_past(shop: Running) -> None:
    exposed = shop.evaluator.exposed_past(SloId(SLO))
    assert exposed is not None
    assert past_figures(exposed, np.empty(0)) is None
    assert shop.evaluator.exposed_past(SloId("nothing")) is None
