"""What is ambiguous is an alternative, questions are few and bounded, and documents are accepted by `check`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.documents import load_documents
from app.prometheus import ExecutionError, PrometheusError, UnreachableError
from app.suggestions import document_text
from app.suggestions.history import HistoryReader
from app.suggestions.objectives import Basis
from app.suggestions.slis import ValueWithin
from tests.suggestions.memory import AT, MemoryExplorer, Series, Span, counter, gauge, histogram
from tests.suggestions.suggesting import Counted, alternatives, proposals, slis, suggestions
from tests.suggestions.test_instrumentations import FAST, counters, histograms

SHOP = [
    *counters("http_requests_total", "code", "200", "500", job="shop", handler="/cart"),
    *counters("http_requests_total", "code", "200", "500", job="shop", handler="/pay"),
    *histograms("http_request_duration_seconds", FAST, "code", "200", "500", job="shop"),
    *counters("grpc_server_handled_total", "grpc_code", "OK", "Internal", job="shop"),
    gauge("process_open_fds", 30, job="shop"),
    gauge("process_max_fds", 1024, job="shop"),
    gauge("up", 1, job="shop"),
]


def load(text: str, folder: Path) -> dict[str, str]:
    """The SLOs of a document that only runbooks are missing in, as what they count."""
    path = folder / "suggested.yaml"
    path.write_text(text)
    loaded = load_documents(path)
    assert loaded.errors == ()
    assert {warning.code for warning in loaded.warnings} <= {"no_runbook"}
    return {slo.id: str(slo.sli.kind) for slo in loaded.slos}


def test_the_document_is_accepted_by_check(tmp_path: Path) -> None:
    found = suggestions(SHOP)

    kinds = load(document_text(found), tmp_path)
    assert kinds == {
        "shop-http-availability": "counters",
        "shop-grpc-availability": "counters",
        "shop-latency": "counters",
        "shop-latency-of-failures": "counters",
        "shop-http-traffic": "expression",
        "shop-grpc-traffic": "expression",
        "shop-open-files": "expression",
    }
    assert set(kinds) == set(proposals(found))


def test_an_alternative_becomes_an_slo_when_its_signs_are_removed(tmp_path: Path) -> None:
    text = document_text(suggestions(SHOP))
    first, alternative = text.split("  # Alternatives", 1)
    lines = [line.removeprefix("  # ") for line in alternative.splitlines()[1:]]
    used = [f"  {line}" for line in lines if not line.startswith("#")]

    assert "shop-up" in alternatives(suggestions(SHOP))
    assert load(first + "\n".join(used), tmp_path)["shop-up"] == "gauge"


def test_comments_say_what_each_number_rests_on() -> None:
    text = document_text(suggestions(SHOP))

    assert "100% is never suggested" in text
    assert "3 days with data before 2026-03-15 12:00 UTC: 600,300 events, 300 bad: 99.95% good." in text
    assert "Budget that would have been left: 95% at 99%" in text
    assert "For an SLO for each handler (2 values so far), add below: by: [handler]" in text


def test_documents_of_several_services_load_together(tmp_path: Path) -> None:
    series = [*SHOP, *counters("http_requests_total", "code", "200", "500", job="a/b: 'c'")]

    assert {"shop-http-availability", "a-b-c-availability"} <= set(load(document_text(suggestions(series)), tmp_path))


@pytest.mark.parametrize(
    ("series", "remark"),
    [
        (
            counters("http_requests_total", "code", "fine", "broken", job="shop"),
            "which values are bad is not known (code: broken, fine)",
        ),
        ([counter("http_requests_total", 1e5, job="shop")], "no label that says how requests ended"),
        (
            [counter("http_request_duration_seconds_count", 1e5, job="shop", code="200")],
            "http_request_duration_seconds has no buckets",
        ),
    ],
)
def test_what_cannot_be_suggested_is_said(series: Sequence[Series], remark: str, tmp_path: Path) -> None:
    found = suggestions(series)

    assert any(remark in one for service in found.services for one in service.remarks)
    assert remark in " ".join(document_text(found).split())
    load(document_text(found), tmp_path)


def test_what_by_its_name_alone_counts_errors_is_an_alternative() -> None:
    found = suggestions(
        [counter("mail_messages_total", 1e5, job="mail"), counter("mail_messages_failed_total", 9, job="mail")]
    )

    assert proposals(found) == {}
    assert "by their names" in alternatives(found)["mail-availability"].doubt


def test_a_second_counter_of_the_same_requests_is_an_alternative() -> None:
    series = [
        *counters("http_requests_total", "code", "200", "500", job="shop"),
        *counters("http_server_requests_total", "code", "200", "500", job="shop"),
    ]
    assert "the same requests" in alternatives(suggestions(series))["shop-http-availability"].doubt


def test_traffic_that_pauses_has_no_bound_but_as_an_alternative() -> None:
    """A shop that is closed every third day."""
    series = [counter("http_requests_total", (1e5, 0, 1e5), code="200", job="shop")]
    assert "no requests in 33%" in alternatives(suggestions(series))["shop-traffic"].doubt


def test_where_most_events_are_bad_the_sli_is_an_alternative() -> None:
    series = [
        counter("http_requests_total", 10, code="200", job="shop"),
        counter("http_requests_total", 1e4, code="500", job="shop"),
    ]
    assert "check what counts as bad" in alternatives(suggestions(series))["shop-availability"].doubt


def test_without_a_bad_value_so_far_all_but_the_good_ones_are_bad() -> None:
    """Nobody knows the word that this service has for failures."""
    found = suggestions([counter("orders_requests_total", 1e5, outcome="success", job="shop")])
    assert slis(found)["shop-availability"]["bad"] == 'orders_requests_total{job="shop",outcome!="success"}'


def test_history_of_hours_gives_a_conventional_objective() -> None:
    found = proposals(suggestions([counter("http_requests_total", 1e5, Span(days=0.3), code="200", job="shop")]))
    objective = found["shop-availability"].objective

    assert (objective.objective, objective.basis) == (0.99, Basis.SHORT_HISTORY)


def test_a_gauge_with_the_name_of_a_counter_is_not_suggested() -> None:
    source = MemoryExplorer([gauge("http_requests_total", 5, code="200", job="shop")], {"http_requests_total": "gauge"})
    found = suggestions(source)

    assert found.services == ()
    assert "is a gauge" in found.unreadable[0]


def test_a_selector_of_a_metric_looks_at_that_metric_only() -> None:
    assert set(slis(suggestions(SHOP, selector='http_request_duration_seconds_bucket{job="shop"}'))) == {
        "shop-availability",
        "shop-latency",
        "shop-latency-of-failures",
        "shop-traffic",
    }


def test_an_unknown_metric_that_is_named_is_recognised_by_its_labels() -> None:
    series = counters("shop_checkouts_total", "verdict", "ok", "failed", job="shop")

    assert suggestions(series).services == ()
    found = slis(suggestions(series, selector="shop_checkouts_total"))
    assert found["shop-availability"]["bad"] == 'shop_checkouts_total{job="shop",verdict="failed"}'


def test_services_beyond_the_bound_are_named() -> None:
    series = [
        one for number in range(5) for one in counters("http_requests_total", "code", "200", "500", job=f"s{number}")
    ]
    found = suggestions(series, services=2)

    assert [service.service for service in found.services] == ["s0", "s1"]
    assert found.left_out == ("s2", "s3", "s4")


def test_equal_questions_are_asked_once_and_the_progress_is_known() -> None:
    source, progress = MemoryExplorer(SHOP), Counted()
    suggestions(source, progress=progress)

    over_history = [expr for expr in source.asked if "increase" in expr]
    assert len(over_history) == len(set(over_history))
    assert progress.answered == progress.planned_queries > 0


def test_a_piece_that_is_too_much_is_read_in_halves() -> None:
    """A server that refuses more than one day at a time."""

    def fault(expr: str, points: int) -> PrometheusError | None:
        return ExecutionError("would load too many samples") if "increase" in expr and points > 24 else None

    source, progress = MemoryExplorer(SHOP, fault=fault), Counted()
    found = suggestions(source, progress=progress)

    assert proposals(found)["shop-http-availability"].days.days == 3
    assert progress.answered == progress.planned_queries


def test_history_that_cannot_be_read_leaves_an_alternative_without_figures() -> None:
    def fault(expr: str, points: int) -> PrometheusError | None:  # noqa: ARG001  the signature of faults
        return ExecutionError("would load too many samples") if "increase" in expr else None

    found = alternatives(suggestions(MemoryExplorer(SHOP, fault=fault)))

    assert "its history cannot be read" in found["shop-http-availability"].doubt
    assert found["shop-http-availability"].objective.basis is Basis.NO_HISTORY


def test_a_server_that_is_gone_ends_the_work() -> None:
    def fault(expr: str, points: int) -> PrometheusError | None:  # noqa: ARG001  the signature of faults
        return UnreachableError("no answer") if "increase" in expr else None

    with pytest.raises(UnreachableError):
        suggestions(MemoryExplorer(SHOP, fault=fault))


def test_latency_of_few_failures_is_an_alternative() -> None:
    series = [
        *histogram("http_request_duration_seconds", 1e5, FAST, code="200", job="shop"),
        *histogram("http_request_duration_seconds", 5, FAST, code="500", job="shop"),
    ]
    assert "15 events in 3 days are too few" in alternatives(suggestions(series))["shop-latency-of-failures"].doubt


def test_partial_data_is_said_beside_the_figures() -> None:
    found = suggestions(MemoryExplorer(SHOP, warnings=("a store is down",)))

    assert "a store is down" in found.services[0].cautions[0]
    assert "Figures may be too low: Prometheus answers with partial data: a store is down." in document_text(found)


def test_where_nothing_is_recognised_the_jobs_are_named() -> None:
    assert suggestions(SHOP, selector='{job="shops"}').jobs == ("shop",)


def test_a_value_of_a_few_minutes_has_no_bound_and_no_figures() -> None:
    found = alternatives(suggestions([counter("http_requests_total", 1e5, Span(days=0.02), code="200", job="shop")]))

    assert found["shop-traffic"].bound is None
    assert found["shop-traffic"].objective.budgets == ()


def test_of_a_server_with_very_many_metrics_a_bounded_number_is_looked_at() -> None:
    span = Span(days=0.2)
    series = [counter(f"s{number}_requests_total", 1e5, span, code="200", job=f"j{number}") for number in range(104)]
    source = MemoryExplorer(series)
    found = suggestions(source, services=1, days=1)

    assert len([expr for expr in source.asked if expr.startswith("count by")]) == 100
    assert "4 more metrics" in found.unreadable[-1]
    assert len(found.left_out) == 99


@pytest.mark.parametrize(("series", "queries"), [(1, 2), (100, 2), (400, 9), (5_000, 9)])
def test_history_of_many_series_is_read_in_small_pieces(series: int, queries: int) -> None:
    """At most a week, and of many series a day at a time."""
    progress = Counted()
    reader = HistoryReader(
        source=MemoryExplorer(SHOP), at=AT, days=9, planned=progress.planned, advanced=progress.advanced
    )
    asyncio.run(reader.of(ValueWithin(expression="max(process_open_fds)"), series))

    assert progress.planned_queries == progress.answered == queries


def test_requests_that_a_service_sends_are_alternatives() -> None:
    """The service that answers them has their SLO; here they show what the service depends on."""
    sent = [
        series
        for host in ("bank", "stock")
        for series in counters(
            "grpc_client_handled_total", "grpc_code", "OK", "Internal", job="shop", grpc_service=host
        )
    ]
    found = suggestions([*SHOP, *sent])
    assert not any("client" in name for name in slis(found))
    assert {"shop-grpc-client-availability", "shop-grpc-client-traffic"} <= set(alternatives(found))
    availability = alternatives(found)["shop-grpc-client-availability"]
    assert availability.candidate.groups == (("grpc_service", 2),)


def test_an_slo_for_each_route_is_offered_with_what_the_last_day_of_each_was_like() -> None:
    routes = {"/pay": 0.02, "/cart": 0.0001, "/rare": 0.5}
    series = [
        counter("http_requests_total", share * events, job="shop", handler=route, code=code)
        for route, of_bad in routes.items()
        for events in [50.0 if route == "/rare" else 10_000.0]
        for code, share in (("200", 1 - of_bad), ("500", of_bad))
    ]
    found = suggestions([*series, gauge("up", 1, job="shop")])
    (figures,) = proposals(found)["shop-availability"].groups
    assert (figures.label, figures.met, figures.known, figures.least_value) == ("handler", 1, 2, "/pay")
    assert figures.least == pytest.approx(0.98, abs=1e-3)
    assert "1 of 2 kept" in " ".join(document_text(found).replace("#", "").split())


def test_latency_of_each_route_is_offered_with_what_the_last_day_of_each_was_like() -> None:
    """Within the threshold that was chosen for all of them together."""
    bounds = {"/cart": {"0.1": 0.999, "0.5": 0.9999}, "/pay": {"0.1": 0.5, "0.50": 0.98}}
    series = [
        one
        for route, shares in bounds.items()
        for one in histogram("http_request_duration_seconds", 10_000.0, {**shares, "+Inf": 1.0}, job="a", handler=route)
    ]
    found = suggestions([*series, gauge("up", 1, job="a")])
    latency = proposals(found)["a-latency"]
    assert latency.bound == 0.5
    (figures,) = latency.groups
    assert (figures.label, figures.known, figures.least_value) == ("handler", 2, "/pay")
    assert figures.least == pytest.approx(0.98, abs=1e-3)
