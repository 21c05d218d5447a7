"""Time that is left out of sums: spans, their shares of cells, and what is known again."""

import numpy as np
import pytest

from app.ledger import AdjustedTime

TIME = AdjustedTime.of([(200.0, 300.0)], good=[(100.0, 160.0)], shares=[(400.0, 500.0, 0.25, 0.5)])


def test_spans_are_in_order_with_the_shares_that_they_leave_out() -> None:
    assert TIME.since_s.tolist() == [100.0, 200.0, 400.0]
    assert TIME.until_s.tolist() == [160.0, 300.0, 500.0]
    assert TIME.total.tolist() == [0.0, 1.0, 0.25]
    assert TIME.bad.tolist() == [1.0, 1.0, 0.5]
    assert (bool(TIME), bool(AdjustedTime.of(()))) == (True, False)


@pytest.mark.parametrize(
    ("start", "end", "touched"),
    [(0, 100, False), (0, 101, True), (160, 200, False), (159, 160, True), (299, 400, True), (500, 900, False)],
)
def test_a_span_touches_what_it_shares_time_with(start: float, end: float, touched: bool) -> None:
    assert TIME.touches(np.array([start]), np.array([end])).tolist() == [touched]


def test_what_lies_within_is_cut_at_both_ends() -> None:
    part = TIME.within(160.0, 450.0)
    columns = part.since_s, part.until_s, part.total, part.bad
    assert [column.tolist() for column in columns] == [[200.0, 400.0], [300.0, 450.0], [1.0, 0.25], [1.0, 0.5]]
    assert TIME.within(130.0, 200.0).since_s.tolist() == [130.0]
    assert not TIME.within(160.0, 200.0)


def test_each_cell_has_the_share_that_is_left_out_of_it() -> None:
    total, bad = TIME.shares(np.array([0.0, 100.0, 200.0, 250.0, 350.0, 450.0, 450.0, 600.0]))
    assert total == pytest.approx([0.0, 0.0, 1.0, 0.5, 0.125, 0.0, 0.25 * 50 / 150])
    assert bad == pytest.approx([0.0, 0.6, 1.0, 0.5, 0.25, 0.0, 0.5 * 50 / 150])
    nothing = AdjustedTime.of(()).shares(np.array([0.0, 1.0, 2.0]))
    assert [column.tolist() for column in nothing] == [[0.0, 0.0]] * 2


def test_a_fingerprint_is_that_of_the_spans_and_their_shares() -> None:
    """By a literal: other processes, and later releases, compare it with what they have stored."""
    assert TIME.fingerprint == TIME.within(0.0, 1_000.0).fingerprint
    others = [TIME.within(0.0, 499.0), TIME.within(101.0, 900.0), AdjustedTime.of([(200.0, 300.0)])]
    assert len({one.fingerprint for one in (TIME, *others)}) == 4
    assert AdjustedTime.of([(0.0, 1.0)]).fingerprint == 3_876_356_485_697_127_547
    assert all(0 <= one.fingerprint < 2**63 for one in (TIME, *others))
