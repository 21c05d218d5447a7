import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prometheus import (
    BadAnswerError,
    Matrix,
    PartialDataError,
    PartialPolicy,
    PrometheusError,
    UnsupportedResultError,
    decode_matrix,
)
from app.prometheus.decode import decode_names
from app.prometheus.fast_samples import _cut, fast_samples
from app.prometheus.known_series import KnownSeries

LABELS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
TIMES = st.integers(0, 2**42).map(lambda ms: ms / 1000)
COUNTS = st.floats(0.0, 2.0**64, allow_nan=False) | st.integers(0, 2**53).map(float)
SAMPLES = st.lists(st.tuples(TIMES, COUNTS), min_size=1, max_size=4)
SERIES = st.lists(st.tuples(LABELS, SAMPLES), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def answer(kind: str, result: Any, **more: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def matrix_answer(series: list[tuple[dict[str, str], list[tuple[float, float]]]]) -> bytes:
    result = [{"metric": labels, "values": [[t, repr(v)] for t, v in samples]} for labels, samples in series]
    return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def columns_of(matrix: Matrix) -> tuple[list[Mapping[str, str]], list[int], list[float], list[float]]:
    return list(matrix.labels), matrix.lengths.tolist(), matrix.times.tolist(), matrix.values.tolist()


@pytest.mark.parametrize(
    ("escaped", "decoded"),
    [
        (rb"a\u0000b", "a␀b"),
        (rb"\\\u0000\u0000", "\\␀␀"),
        (rb"\\u0000", "\\u0000"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\uD83D!\ude00", "�!�"),
        (rb"\u0007\n\u007f", "\a\n\x7f"),
    ],
)
def test_labels_hold_nothing_that_a_database_refuses(escaped: bytes, decoded: str) -> None:
    """PostgreSQL stores no NUL, and nobody half a surrogate pair; any other character stays."""
    body = answer("vector", [{"metric": {"route": "HERE"}, "value": [1, "2"]}]).replace(b"HERE", escaped)
    assert decode_matrix(body).labels == ({"route": decoded},)


@given(SERIES)
def test_every_label_and_sample_comes_back_in_order(
    series: list[tuple[dict[str, str], list[tuple[float, float]]]],
) -> None:
    matrix = decode_matrix(matrix_answer(series))
    flat = [sample for _, samples in series for sample in samples]
    assert columns_of(matrix) == (
        # PostgreSQL stores no NUL.
        [{name.replace("\0", "␀"): value.replace("\0", "␀") for name, value in labels.items()} for labels, _ in series],
        [len(samples) for _, samples in series],
        [t for t, _ in flat],
        [v for _, v in flat],
    )


@given(SERIES)
def test_the_fast_way_reads_the_same_as_the_plain_one(
    series: list[tuple[dict[str, str], list[tuple[float, float]]]],
) -> None:
    body = matrix_answer(series)
    columns = _cut(body)
    plain = decode_matrix(body)
    assert columns is not None
    assert columns.lengths.tolist() == plain.lengths.tolist()
    assert columns.samples[0::2].tolist() == plain.times.tolist()
    assert columns.samples[1::2].tolist() == plain.values.tolist()


@pytest.mark.parametrize("odd", [None, "NaN"])
def test_a_long_answer_reads_the_same_with_and_without_a_sample_that_hinders_the_fast_way(odd: str | None) -> None:
    series = [({"job": str(n)}, [(1.7e9 + 30 * k, float(n * k)) for k in range(5000)]) for n in range(4)]
    body = matrix_answer(series)
    assert fast_samples(body) is not None
    if odd:
        body = body.replace(b'"14997.0"', f'"{odd}"'.encode())
        assert fast_samples(body) is None
    matrix = decode_matrix(body)
    assert matrix.lengths.sum() == len(matrix.values) == 20_000 - matrix.invalid
    assert matrix.values.sum() == sum(n * k for n in range(4) for k in range(5000)) - matrix.invalid * 14997


def test_answers_with_the_same_series_share_their_label_sets() -> None:
    """Whatever their samples are; and an answer of which data is missing is not taken for one that is whole."""
    known, series = KnownSeries(), [{"job": str(n)} for n in range(1_000)]
    bodies = [matrix_answer([(labels, [(1.7e9 + at, float(at))]) for labels in series]) for at in range(3)]
    first, again, third = (decode_matrix(body, known=known) for body in bodies)
    assert (first.known, again.known, third.known) == (False, True, True)
    assert again.labels is first.labels is third.labels
    assert columns_of(third) == columns_of(decode_matrix(bodies[2]))
    warned = bodies[1].replace(b'"status"', b'"warnings":["a store is down"],"status"', 1)
    partial = decode_matrix(warned, known=known, partial=PartialPolicy.PROVISIONAL)
    assert (partial.whole, partial.known, decode_matrix(bodies[1], known=known).whole) == (False, False, True)
    fewer = decode_matrix(matrix_answer([(labels, [(1.7e9, 1.0)]) for labels in series[1:]]), known=known)
    assert (len(fewer), fewer.known) == (999, False)


def test_series_that_do_not_come_any_more_are_forgotten() -> None:
    known = KnownSeries()
    for number in range(1_500):
        text = str(number).encode()
        assert known.find(b"live") is not None or number == 0
        if number == 0:
            known.note(b"live", ({"job": "a"},))
        if known.find(text) is None:
            known.note(text, ({"job": text.decode()},))
    assert known.find(b"live") == ({"job": "a"},)
    assert known.find(b"1499") is not None
    assert known.find(b"100") is None


def test_samples_outside_of_series_are_a_bad_answer() -> None:
    body = matrix_answer([({"job": "a"}, [(1.7e9 + k, 1.0) for k in range(20_000)])])
    smuggled = body.replace(b'"status"', b'"also":{"values":[[1,"2"]]},"status"', 1)
    with pytest.raises(BadAnswerError):
        decode_matrix(smuggled)


def test_a_vector_has_one_sample_for_each_series() -> None:
    body = answer("vector", [{"metric": {"a": "1"}, "value": [1.5, "2"]}, {"metric": {}, "value": [1.5, "-0"]}])
    assert columns_of(decode_matrix(body)) == ([{"a": "1"}, {}], [1, 1], [1.5, 1.5], [2.0, 0.0])


def test_a_scalar_is_one_series_without_labels() -> None:
    assert columns_of(decode_matrix(answer("scalar", [1.5, "42"]))) == ([{}], [1], [1.5], [42.0])


def test_nothing_found_is_an_empty_matrix() -> None:
    for kind in ("vector", "matrix"):
        matrix = decode_matrix(answer(kind, []))
        assert len(matrix) == 0
        assert matrix.values.dtype == np.float64
        assert matrix.lengths.dtype == np.int64


@pytest.mark.parametrize("bad", ["NaN", "+Inf", "-Inf", "Inf", "1e999", "1e308", "-1e308", "2e19", None])
def test_a_sample_that_is_no_number_that_can_be_counted_is_left_out_and_counted(bad: str | None) -> None:
    """VictoriaMetrics may send null."""
    result = [{"metric": {}, "values": [[1, "7"], [2, bad]]}, {"metric": {"a": "b"}, "values": [[1, bad]]}]
    matrix = decode_matrix(answer("matrix", result))
    assert columns_of(matrix) == ([{}, {"a": "b"}], [1, 0], [1.0], [7.0])
    assert matrix.invalid == 2
    assert matrix.impossible == (() if bad in {"NaN", None} else (0, 1))
    assert matrix.without_numbers == ([1] if bad in {"NaN", None} else [])


def test_a_sample_below_zero_is_kept_and_said() -> None:
    """A gauge can have it; a counter cannot."""
    result = [{"metric": {}, "values": [[1, "7"]]}, {"metric": {"a": "b"}, "values": [[1, "-1"], [2, "3"]]}]
    matrix = decode_matrix(answer("matrix", result))
    assert columns_of(matrix) == ([{}, {"a": "b"}], [1, 2], [1.0, 1.0, 2.0], [7.0, -1.0, 3.0])
    assert (matrix.invalid, matrix.impossible, matrix.negative) == (0, (), (1,))


def test_the_largest_counter_of_64_bits_is_a_sample() -> None:
    result = [{"metric": {}, "value": [1, str(2**64 - 1)]}]
    assert columns_of(decode_matrix(answer("vector", result))) == ([{}], [1], [1.0], [2.0**64])


def test_a_sample_at_an_impossible_time_is_left_out() -> None:
    result = [{"metric": {}, "values": [[1, "7"], [1e300, "8"]]}]
    matrix = decode_matrix(answer("matrix", result))
    assert (columns_of(matrix), matrix.invalid, matrix.impossible) == (([{}], [1], [1.0], [7.0]), 1, ())


def test_series_with_the_same_labels_are_all_kept() -> None:
    twice = [{"metric": {"a": "1"}, "value": [1, "2"]}] * 2
    assert len(decode_matrix(answer("vector", twice))) == 2


@pytest.mark.parametrize(
    "result",
    [
        [{"metric": {"__name__": "latency"}, "histogram": [1, {"count": "1"}]}],
        [{"metric": {"__name__": "latency"}, "histograms": [[1, {"count": "1"}]]}],
        [{"metric": {"__name__": "latency"}, "values": [[1, "1"]], "histograms": [[1, {"count": "1"}]]}],
    ],
)
def test_native_histograms_are_apart_from_series_of_numbers(result: list[Any]) -> None:
    kind = "vector" if "histogram" in result[0] else "matrix"
    matrix = decode_matrix(answer(kind, result))
    (series,) = matrix.histograms
    assert (dict(series.labels), [(one.time, one.count) for one in series.samples]) == (
        {"__name__": "latency"},
        [(1.0, 1.0)],
    )
    assert len(matrix) == ("values" in result[0])


BUCKETS = [[3, "-0.001", "0.001", "1"], [0, "0.25", "0.5", "3"], [0, "0.5", "1", "2"]]


@pytest.mark.parametrize(
    ("buckets", "custom"),
    [
        (BUCKETS, False),
        ([[0, "0.25", "0.5", "3"], [0, "0.5", "2", "2"]], True),
        ([[3, "-Inf", "0.5", "3"]], True),
        ([[0, "1", "+Inf", "3"]], True),
        ([[0, "0.25", "0.2726269331663144", "3"]], False),
        ([[0, "0.1", "0.2", "3"]], True),
        ([], False),
    ],
)
def test_chosen_bounds_are_told_from_exponential_ones(buckets: list[Any], custom: bool) -> None:
    """Prometheus does not say which they are."""
    result = [{"metric": {}, "histogram": [1, {"count": "6", "sum": "NaN", "buckets": buckets}]}]
    (series,) = decode_matrix(answer("vector", result)).histograms
    assert series.custom is custom
    assert series.samples[0].counts.tolist() == [float(bucket[3]) for bucket in buckets]


@pytest.mark.parametrize(
    "histogram", [{}, {"count": "x"}, {"count": "1", "buckets": [[0, "1"]]}, {"count": "1", "buckets": 3}, "1", None]
)
def test_what_is_no_histogram_is_a_bad_answer(histogram: object) -> None:
    with pytest.raises(BadAnswerError):
        decode_matrix(answer("vector", [{"metric": {}, "histogram": [1, histogram]}]))


def test_a_histogram_that_nothing_can_have_is_left_out() -> None:
    for count in ("NaN", "-1", "+Inf", "1e300"):
        (series,) = decode_matrix(answer("vector", [{"metric": {}, "histogram": [1, {"count": count}]}])).histograms
        assert series.samples == ()


def test_a_string_is_refused() -> None:
    with pytest.raises(UnsupportedResultError, match="string"):
        decode_matrix(answer("string", [1, "hello"]))


@pytest.mark.parametrize("said", [{"warnings": ["store-2 did not answer"]}, {"isPartial": True}])
def test_partial_data_is_refused_unless_accepted(said: dict[str, Any]) -> None:
    body = answer("vector", [{"metric": {}, "value": [1, "2"]}], **said)
    with pytest.raises(PartialDataError, match="partial data") as caught:
        decode_matrix(body)
    assert caught.value.retryable
    accepted = decode_matrix(body, partial=PartialPolicy.ACCEPT)
    assert accepted.values.tolist() == [2.0]
    assert accepted.warnings
    assert accepted.whole
    provisional = decode_matrix(body, partial=PartialPolicy.PROVISIONAL)
    assert provisional.values.tolist() == [2.0]
    assert not provisional.whole


def test_remarks_on_the_expression_are_not_partial_data() -> None:
    remark = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
    for said in ({"infos": [remark]}, {"warnings": [remark]}, {"isPartial": False}, {"warnings": None}):
        assert decode_matrix(answer("vector", [], **said)).warnings == ()


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html></html>", "text/html; charset=utf-8", "text/html instead of JSON; is this the address"),
        (b'{"status":"success","data":{"resu', "application/json", "truncated or broken JSON"),
        (b"", "", "not JSON"),
        (b"[]", "application/json", "does not say success"),
        (b'{"status":"error"}', "application/json", "does not say success"),
        (b'{"status":"success"}', "application/json", "unknown shape"),
        (b"[" * 100_000, "application/json", "truncated or broken"),
    ],
)
def test_what_is_not_an_answer_is_said_in_plain_words(body: bytes, kind: str, words: str) -> None:
    with pytest.raises(BadAnswerError, match=words) as caught:
        decode_matrix(body, content_type=kind)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "result",
    [
        [{"metric": {}, "values": [[1, "x"]]}],
        [{"metric": {}, "values": [[1]]}],
        [{"metric": {}, "values": [[1, "2", 3]]}],
        [{"metric": {}, "values": 7}],
        [{"metric": {"a": 1}, "values": [[1, "2"]]}],
        [{"metric": [], "values": [[1, "2"]]}],
        [{"values": [[1, "2"]]}],
        [7],
        7,
        None,
    ],
)
def test_a_wrong_shape_is_a_bad_answer(result: Any) -> None:
    with pytest.raises(BadAnswerError):
        decode_matrix(answer("matrix", result))


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise_anything_but_our_own_errors(body: bytes) -> None:
    with pytest.raises(PrometheusError):
        decode_matrix(body)


@given(kind=st.sampled_from(["matrix", "vector", "scalar"]), result=JSON, series=st.lists(JSON))
def test_no_result_of_any_shape_raises_anything_but_our_own_errors(kind: str, result: Any, series: list[Any]) -> None:
    shaped = [{"metric": {}, "values": item, "value": item} for item in series]
    for found in (result, shaped):
        try:
            matrix = decode_matrix(answer(kind, found))
        except PrometheusError:
            continue
        assert matrix.lengths.sum() == len(matrix.times) == len(matrix.values)
        assert [value for value in matrix.values.tolist() if not math.isfinite(value)] == []


@given(SERIES, st.data())
def test_an_answer_that_is_damaged_anywhere_is_our_own_error_or_consistent(
    series: list[tuple[dict[str, str], list[tuple[float, float]]]], data: st.DataObject
) -> None:
    """Cut off, or with bytes lost, repeated or changed: whatever the fast way takes for columns is one."""
    body = bytearray(matrix_answer(series))
    for _ in range(data.draw(st.integers(1, 3))):
        first, length = data.draw(st.integers(0, len(body))), data.draw(st.integers(0, 12))
        body[first : first + length] = data.draw(st.binary(max_size=12) | st.just(bytes(body[:length])))
    for damaged in (bytes(body), matrix_answer(series)[: data.draw(st.integers(0, len(matrix_answer(series)) - 1))]):
        try:
            matrix = decode_matrix(damaged)
        except PrometheusError:
            continue
        assert len(matrix.labels) == len(matrix.lengths)
        assert matrix.lengths.sum() == len(matrix.times) == len(matrix.values)
        assert [value for value in matrix.values.tolist() if not math.isfinite(value)] == []


@pytest.mark.parametrize("data", [{}, ["a", 1], "a", 7])
def test_names_that_are_no_list_of_strings_are_a_bad_answer(data: Any) -> None:
    body = json.dumps({"status": "success", "data": data}).encode()
    if data:
        with pytest.raises(BadAnswerError):
            decode_names(body)
    else:
        assert decode_names(body) == ()


def test_names_of_which_some_are_missing_are_partial_data_unless_accepted() -> None:
    body = json.dumps({"status": "success", "data": ["a"], "warnings": ["a store is down"]}).encode()

    with pytest.raises(PartialDataError):
        decode_names(body)
    assert decode_names(body, partial=PartialPolicy.ACCEPT) == ("a",)
