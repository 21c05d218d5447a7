"""One bucket, however its bound is spelled."""

from decimal import Decimal

import pytest
import re2
from hypothesis import assume, given
from hypothesis import strategies as st

from app.promql.buckets import bucket_spellings, le_matcher
from app.slo import MatchOp


@pytest.mark.parametrize(
    ("bound", "spellings"),
    [
        ("0.3", {"0.3"}),
        ("0.300", {"0.3"}),
        ("1", {"1", "1.0"}),
        ("10", {"10", "10.0"}),
        ("2.5", {"2.5"}),
        ("0.00025", {"0.00025", "2.5e-04", "2.5E-04", "2.5e-4", "2.5E-4"}),
        ("0.00001", {"0.00001", "1e-05", "1E-05", "1e-5", "1.0E-5"}),
        ("1000000", {"1000000", "1000000.0", "1e+06", "1E+06", "1e+6", "1.0E6"}),
    ],
)
def test_the_spellings_of_clients_and_of_prometheus(bound: str, spellings: set[str]) -> None:
    assert set(bucket_spellings(Decimal(bound))) == spellings


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_what_clients_write_matches(bound: float) -> None:
    """Python's client writes repr, Go's and Prometheus 3 the shortest %g, with .0 behind whole numbers."""
    matcher = le_matcher(Decimal(repr(bound)))
    written = {repr(bound), repr(bound).removesuffix(".0")}
    matches = re2.fullmatch if matcher.op is MatchOp.REGEX else str.__eq__
    assert {spelling for spelling in written if matches(matcher.value, spelling)} == written


@given(
    st.decimals(min_value="0.0001", max_value=10_000_000, places=5),
    st.decimals(min_value="0.0001", max_value=10, places=5),
)
def test_another_bucket_never_matches(bound: Decimal, other: Decimal) -> None:
    assume(bound != other)
    assert set(bucket_spellings(bound)).isdisjoint(bucket_spellings(other))
