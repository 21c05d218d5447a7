"""SLIs of gauges: what each sample counts for, in single samples and in cells of history."""

import numpy as np
import pytest

from app.promql.selector_text import parse_selector
from app.sli import Comparison, Condition, Gauge, GaugeSums
from app.sli.key import key_of
from app.slo import CellFunction, Events, Sli, Weights

UP = Gauge(total=parse_selector('up{job="a"}'), good_when=Condition(Comparison.EQUAL, 1.0))
DISK = Gauge(total=parse_selector("used_ratio"), good_when=Condition(Comparison.LESS, 0.9), by=("host",))
PODS = GaugeSums(total=parse_selector("desired"), selected=parse_selector("unavailable"))
READY = GaugeSums(total=parse_selector("desired"), selected=parse_selector("ready"), events=Events.GOOD)


def counted(sli: Sli, labels: dict[str, str], values: list[float]) -> tuple[float, float]:
    """Total and bad events of the samples of one series."""
    total = bad = 0.0
    for contribution in sli.contributions(labels):
        assert contribution.events is not None
        events = float(contribution.events.of(np.array(values)).sum())
        total, bad = total + events * contribution.weights.total, bad + events * contribution.weights.bad
    return total, bad


@pytest.mark.parametrize(
    ("sli", "labels", "values", "events"),
    [
        (UP, {"__name__": "up", "job": "a"}, [1, 1, 0, 0.5, 1], (5, 2)),
        (UP, {"__name__": "up", "job": "b"}, [0], (0, 0)),
        (DISK, {"__name__": "used_ratio", "host": "h"}, [0.89, 0.9, 0.95, -1], (4, 2)),
        (PODS, {"__name__": "desired"}, [3, 3, 4], (10, 0)),
        (PODS, {"__name__": "unavailable"}, [0, 1, -2], (0, 1)),
        (READY, {"__name__": "desired"}, [3, 3], (6, 6)),
        (READY, {"__name__": "ready"}, [3, 2], (0, -5)),
    ],
)
def test_what_samples_count_for(
    sli: Sli, labels: dict[str, str], values: list[float], events: tuple[float, float]
) -> None:
    assert counted(sli, labels, values) == events


@pytest.mark.parametrize("comparison", Comparison)
@pytest.mark.parametrize("values", [[1.0], [0.0], [2.0], [0.0, 2.0], [1.0, 1.0], [0.0, 1.0], [1.0, 2.0]])
def test_a_cell_counts_as_its_samples_or_says_that_they_are_needed(comparison: Comparison, values: list[float]) -> None:
    gauge = Gauge(total=parse_selector("g"), good_when=Condition(comparison, 1.0))
    column = np.array(values)
    cells = {
        CellFunction.COUNT: np.array([float(len(column))]),
        CellFunction.MIN: column[[column.argmin()]],
        CellFunction.MAX: column[[column.argmax()]],
    }
    for contribution in gauge.contributions({"__name__": "g"}):
        assert contribution.events is not None
        (found,) = contribution.events.in_cells(cells)
        if np.isnan(found):
            assert len(set(values)) > 1
        else:
            assert found == contribution.events.of(column).sum()


def test_sums_in_cells_are_exact_unless_a_sample_is_below_zero() -> None:
    (contribution,) = PODS.contributions({"__name__": "unavailable"})
    assert contribution.weights == Weights(total=0, bad=1)
    assert contribution.events is not None
    cells = {CellFunction.SUM: np.array([4.0, 3.0]), CellFunction.MIN: np.array([0.0, -1.0])}
    assert np.array_equal(contribution.events.in_cells(cells), [4.0, np.nan], equal_nan=True)


def test_one_series_that_is_total_and_part_contributes_once() -> None:
    whole = GaugeSums(total=parse_selector("pods"), selected=parse_selector('pods{phase="Failed"}'))
    assert [one.weights for one in whole.contributions({"__name__": "pods", "phase": "Failed"})] == [
        Weights(total=1, bad=1)
    ]
    assert whole.queries == (whole.total,)


@pytest.mark.parametrize(
    ("sli", "key"),
    [
        (UP, "8916ecece89b707a5c77c33859883d87"),
        (DISK, "dfd0c6ffab956361ceeb3bf2b601c793"),
        (PODS, "ee6cb9b3180403d9ff1d4d1c0d4b6f0c"),
        (READY, "891a0fed7460f91ce570a7dbf51da1e8"),
    ],
)
def test_the_key_of_a_stored_history_never_changes(sli: Sli, key: str) -> None:
    """Databases hold these: another key would begin a new history, and read a month again."""
    assert sli.key == key


@pytest.mark.parametrize(
    ("number", "text", "exact"),
    [
        (0.2, "< 0.2", "< 0.20000000000000001"),
        (1.0, "< 1", "< 1"),
        (0.1 + 0.2, "< 0.30000000000000004", "< 0.30000000000000004"),
        (-2.5, "< -2.5", "< -2.5"),
        (1e-7, "< 1e-07", "< 9.9999999999999995e-08"),
    ],
)
def test_a_condition_is_written_with_the_fewest_digits_and_keeps_its_key(number: float, text: str, exact: str) -> None:
    """`== 1` is the same in both, so that keys of most SLIs are."""
    condition = Condition(Comparison.LESS, number)
    assert (str(condition), condition.exact) == (text, exact)
    assert float(text.removeprefix("< ")) == number
    sli = Gauge(total=parse_selector("load"), good_when=condition)
    assert sli.key == key_of("samples load", f"good {exact}", by=())
    assert sli.description[1] == ("good samples", text)


def test_the_contributions_of_a_gauge_have_names() -> None:
    """Their counts are stored by it."""
    assert [one.name for one in UP.contributions({"__name__": "up", "job": "a"})] == ["total", "bad"]
