"""Queries of services that count in intervals: what they are asked as, and which are no counts."""

from datetime import timedelta

import pytest

from app.count_queries import CountQueryError, faceted, in_intervals, read_datadog, read_nrql


@pytest.mark.parametrize(
    ("text", "terms", "formula", "by"),
    [
        ("sum:a.b{*}.as_count()", ("sum:a.b{*}.as_count()",), "q0", ()),
        ("sum:a{ env:prod , service:x }.as_count()", ("sum:a{env:prod,service:x}.as_count()",), "q0", ()),
        ("sum:a{}.as_count().rollup(sum, 300)", ("sum:a{*}.as_count()",), "q0", ()),
        ("count:d{*} by {z,a}.as_count()", ("count:d{*} by {a,z}.as_count()",), "q0", ("a", "z")),
        (
            "default_zero(sum:a{*}.as_count()) - (sum:b{!code:2*}.as_count() + sum:c{x IN (a,b)}.as_count())",
            ("sum:a{*}.as_count()", "sum:b{!code:2*}.as_count()", "sum:c{x IN (a,b)}.as_count()"),
            "default_zero(q0) - (q1 + q2)",
            (),
        ),
    ],
)
def test_queries_of_datadog_are_terms_and_a_formula(
    text: str, terms: tuple[str, ...], formula: str, by: tuple[str, ...]
) -> None:
    """And their text is read as the same again, which keys of histories are made of."""
    found = read_datadog(text)
    assert (found.terms, found.formula, found.by) == (terms, formula, by)
    assert read_datadog(found.text) == found
    assert found.rolled_up(60)[0] == f"{terms[0]}.rollup(sum, 60)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http_requests_total",
        "avg:a{*}.as_count()",
        "sum:a{*}",
        "sum:a{*}.as_rate()",
        "sum:a{$env}.as_count()",
        "sum:a{*}.as_count().rollup(avg, 60)",
        "sum:a{*}.as_count().fill(zero)",
        "sum:a{*}.as_count() / sum:b{*}.as_count()",
        "per_second(sum:a{*}.as_count())",
        "sum:a{*}.as_count() + \0",
        "sum:a{*} by {x}.as_count() + sum:b{*}.as_count()",
    ],
)
def test_what_counts_no_events_in_datadog_is_refused(text: str) -> None:
    with pytest.raises(CountQueryError):
        read_datadog(text)


def test_nrql_is_asked_for_intervals() -> None:
    text = read_nrql("select  count(*)\nfrom  Transaction  where name = 'a  limit b'").text
    assert text == "SELECT count(*) FROM Transaction where name = 'a  limit b'"
    assert in_intervals(faceted(text, ("route", "http.code")), 60_000, 120_000, timedelta(minutes=1)) == (
        "SELECT count(*) AS 'events' FROM Transaction where name = 'a  limit b' FACET route, `http.code` "
        "SINCE 60000 UNTIL 120000 TIMESERIES 1 minutes LIMIT MAX"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sum(rate(a_total[5m]))",
        "SELECT average(duration) FROM Transaction",
        "SELECT percentage(count(*), WHERE error IS true) FROM Transaction",
        "SELECT count(*), sum(a) FROM Transaction",
        "SELECT count(*) AS 'x' FROM Transaction",
        "SELECT count(*) FROM Transaction SINCE 1 day ago",
        "SELECT count(*) FROM Transaction FACET name",
        "SELECT count(*) FROM Transaction limit 5",
        "SELECT count(*) FROM Transaction -- all",
        "SELECT count(*) FROM Transaction // all",
        "SELECT count(*) FROM Transaction /* all",
    ],
)
def test_what_counts_no_events_in_nrql_is_refused(text: str) -> None:
    with pytest.raises(CountQueryError):
        read_nrql(text)


def test_from_in_a_value_is_no_clause() -> None:
    text = "SELECT filter(count(*), WHERE message = 'sent  from b') FROM Log WHERE app = 'FROM a'"
    assert read_nrql(text).text == text
    assert in_intervals(text, 60_000, 120_000, timedelta(minutes=1)) == (
        "SELECT filter(count(*), WHERE message = 'sent  from b') AS 'events' FROM Log WHERE app = 'FROM a' "
        "SINCE 60000 UNTIL 120000 TIMESERIES 1 minutes LIMIT MAX"
    )


def test_functions_within_a_filter_are_not_functions_of_the_query() -> None:
    text = "SELECT filter(count(*), WHERE numeric(code) < 500) FROM Log WHERE message NOT LIKE '%since -- //%'"
    assert read_nrql(text).text == text
