"""Documents of Sloth and Pyrra: what their own rules, ours and Sloburn make of the same samples on a Prometheus."""

import math
from collections.abc import Sequence

import pytest

from bench.differential import ALL_KINDS, Row, run
from tests.support.soak import IS_SOAK

SHORT = ("steady", "replaced-in-outage", "gauge")


def check(rows: list[Row], kinds: Sequence[str]) -> None:
    """Sloburn is right for each document; the rules are near where nothing goes wrong, and lose what they must."""
    found = {(row.kind, row.tool): row for row in rows}
    assert found.keys() == {(kind, tool) for kind in kinds for tool in ("sloth", "pyrra")}
    # A point of the budget is far above what scrapes allow, and far below what rules lose.
    wrong = {key: row for key, row in found.items() if abs(row.off(row.sloburn)) > max(1.0, row.unknowable)}
    assert wrong == {}
    for tool in ("sloth", "pyrra"):
        steady, replaced = found["steady", tool], found["replaced-in-outage", tool]
        assert abs(steady.off(steady.tool_rules)) < 10
        assert abs(steady.off(steady.own_rules)) < 10
        assert max(replaced.off(replaced.tool_rules), replaced.off(replaced.own_rules)) < -1


@pytest.mark.soak
def test_documents_of_other_tools_are_counted_better_than_by_their_rules() -> None:
    days, kinds = (7.0, ALL_KINDS) if IS_SOAK else (0.5, SHORT)
    rows = run(days=days, seed=1, kinds=kinds)
    check(rows, kinds)
    if IS_SOAK:
        found = {(row.kind, row.tool): row for row in rows}
        # A night weighs as much as a day, and hours without traffic are no number at all.
        quiet = found["day-and-night", "sloth"]
        assert quiet.off(quiet.tool_rules) > 100
        assert math.isnan(found["closed-at-night", "sloth"].tool_rules)
