"""SLIs of expressions: how their values are events, and the rules that come closest."""

from datetime import timedelta

import numpy as np
import pytest

from app.sli import Comparison, Condition, Expression
from app.slo import Events

BAD = Expression(expression="a / b")
GOOD = Expression(expression="ok:bool", shares=Events.GOOD, every=timedelta(minutes=1))
LAG = Expression(expression="max by (topic) (lag)", good_when=Condition(Comparison.LESS, 100.0), by=("topic",))
WEIGHTED = Expression(expression="a / b", weight="sum(b)")


@pytest.mark.parametrize(
    ("sli", "values", "bad"),
    [
        (BAD, [0, 0.25, 1, 1.5, -1], [0, 0.25, 1, 1, 0]),
        (GOOD, [0, 1, 0.75], [1, 0, 0.25]),
        (LAG, [0, 99, 100, 1e6], [0, 0, 1, 1]),
    ],
)
def test_values_as_events(sli: Expression, values: list[float], bad: list[float]) -> None:
    total, of_bad = sli.contributions({})
    assert total.events is not None
    assert of_bad.events is not None
    assert total.events.of(np.array(values)).tolist() == [1.0] * len(values)
    assert of_bad.events.of(np.array(values)).tolist() == bad


@pytest.mark.parametrize(
    ("sli", "rule"),
    [
        (BAD, "avg (avg_over_time(clamp_max(clamp_min(a / b, 0), 1)[1h:1m]))"),
        (GOOD, "avg (avg_over_time((1 - clamp_max(clamp_min(ok:bool, 0), 1))[1h:1m]))"),
        (LAG, "avg by (topic) (avg_over_time(((max by (topic) (lag)) >= bool 100)[1h:1m]))"),
        (
            WEIGHTED,
            (
                "sum (sum_over_time((clamp_max(clamp_min(a / b, 0), 1) * on () (sum(b)))[1h:1m])) "
                "/ (sum (sum_over_time((sum(b))[1h:1m])) > 0)"
            ),
        ),
    ],
)
def test_rules(sli: Expression, rule: str) -> None:
    assert sli.error_ratio(timedelta(hours=1)) == rule


@pytest.mark.parametrize(
    ("sli", "key"),
    [
        (BAD, "4c8b9e40a12ee5bb987bdb9e02ce9a3c"),
        (GOOD, "19618018336c221fbd2f9a15e1d557d8"),
        (LAG, "b45268bb13ecfebdbf1b2c698f3ce4f8"),
        (WEIGHTED, "3ca0cbf8498b93218719e83138b48d46"),
    ],
)
def test_the_key_of_a_stored_history_never_changes(sli: Expression, key: str) -> None:
    """Databases hold these: another key would begin a new history, and read a month again."""
    assert sli.key == key
