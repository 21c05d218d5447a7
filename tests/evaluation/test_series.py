"""SLIs whose series are not what the document expects: selectors that match nothing, buckets that are not there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.evaluation.figures.never_matched_log import NeverMatchedLog
from app.slo import AlertState, Cause
from app.status import DataState, HealthState, Problem, ProblemCode, ProblemLevel, Snapshot
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import counter, document, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

NOW = 1_800_000_000
HOUR = 3600
SINCE = NOW - 4 * HOUR
SHOP = 'http_requests_total{job="shop"}'


def shop(*codes: str, since: float = SINCE) -> list[Series]:
    return [counter(requests("shop", code), (since, NOW + HOUR)) for code in codes]


def problem(shown: Snapshot, code: ProblemCode) -> Problem | None:
    return next((found for found in shown.problems if found.code is code), None)


def look(series: Sequence[Series], sli: dict[str, object], folder: Path) -> Snapshot:
    """What is shown of an SLI whose history has been counted."""
    with Running(slos([document("shop", sli)], folder / "slos"), MemorySource(series), folder / "db") as one:
        one.run(NOW - 600, NOW)
        one.backfill(NOW)
        return one.snapshot("shop-availability")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('{job="shop",status=~"5.."}', "no series of http_requests_total has the label status; its labels are code, "),
        ('{job="shop",code=~"5xx"}', 'the values of code are 200, 500; none matches {code=~"5xx"}'),
        ('{job="shop",code="500 "}', 'the values of code are 200, 500; none matches {code="500 "}'),
    ],
)
def test_a_bad_selector_that_never_matched_is_a_hint_that_says_why(bad: str, why: str, tmp_path: Path) -> None:
    shown = look(shop("200", "500"), {"total": SHOP, "bad": f"http_requests_total{bad}"}, tmp_path)

    found = problem(shown, ProblemCode.BAD_NEVER_MATCHED)
    assert found is not None
    assert found.level is ProblemLevel.HINT
    assert why in found.detail
    assert (shown.data, shown.health, shown.problem) == (DataState.FRESH, HealthState.MEETING, None)


def test_the_hint_goes_with_the_first_error_and_stays_away(tmp_path: Path) -> None:
    """Also after a restart, when the series of errors has long gone."""
    errors = counter(requests("shop", "500"), (NOW - HOUR, NOW - HOUR + 120))
    source = MemorySource([*shop("200"), errors])
    sli: dict[str, object] = {"total": SHOP, "bad": 'http_requests_total{job="shop",code="500"}'}
    with Running(slos([document("shop", sli)], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - HOUR - 300, NOW - HOUR)
        one.backfill(NOW - HOUR)
        before = one.snapshot("shop-availability")
        one.run(NOW - HOUR, NOW - HOUR + 1800)
        after = one.snapshot("shop-availability")
        source.forget(NOW - HOUR + 1200)
        one.restart()
        one.run(NOW - HOUR + 1800, NOW - HOUR + 1860)
        restarted = one.snapshot("shop-availability")
    assert [problem(shown, ProblemCode.BAD_NEVER_MATCHED) is None for shown in (before, after, restarted)] == [
        False,
        True,
        True,
    ]


def test_a_good_selector_that_never_matched_is_a_warning(tmp_path: Path) -> None:
    sli: dict[str, object] = {"total": SHOP, "good": 'http_requests_total{job="shop",code=~"2xx"}'}
    found = problem(look(shop("200"), sli, tmp_path), ProblemCode.GOOD_NEVER_MATCHED)

    assert found is not None
    assert found.level is ProblemLevel.WARNING


@pytest.mark.parametrize(
    ("bad", "level"),
    [('http_requests_total{job="desk",code="500"}', ProblemLevel.WARNING), ("errors_total", ProblemLevel.HINT)],
)
def test_bad_events_that_total_does_not_count_are_a_problem(bad: str, level: ProblemLevel, tmp_path: Path) -> None:
    """Of the same metric it is a mistake; another metric may count events that the total counts too."""
    elsewhere = [counter({"__name__": "errors_total", "job": "shop", "instance": "api-0:80"}, (SINCE, NOW))]
    elsewhere.append(counter(requests("desk", "500"), (SINCE, NOW), per_second=0.01))
    found = problem(look([*shop("200"), *elsewhere], {"total": SHOP, "bad": bad}, tmp_path), ProblemCode.OUTSIDE_TOTAL)

    assert found is not None
    assert found.level is level


LATENCY: dict[str, object] = {"histogram": "http_seconds", "selector": {"job": "shop"}, "threshold": "300ms"}


def histogram(
    instance: str, span: tuple[float, float], *, buckets: Sequence[str] = ("0.1", "0.3", "+Inf"), rate: float = 10.0
) -> list[Series]:
    """A fast service: all requests take less than 50 ms."""
    labels = {"job": "shop", "instance": instance}
    names = [{"__name__": "http_seconds_count"}, *({"__name__": "http_seconds_bucket", "le": le} for le in buckets)]
    return [counter({**name, **labels}, span, per_second=rate) for name in names]


def restarted(before: list[Series], after: list[Series]) -> list[Series]:
    """The series of one instance that another version replaces."""
    later = {tuple(sorted(one.labels.items())): one for one in after}
    joined = [
        Series(
            labels=one.labels,
            times=np.concatenate([one.times, more.times]),
            values=np.concatenate([one.values, more.values]),
        )
        if (more := later.pop(tuple(sorted(one.labels.items())), None)) is not None
        else one
        for one in before
    ]
    return [*joined, *later.values()]


def fires(shown: Snapshot) -> bool:
    return any(alert.state is AlertState.FIRING for alert in shown.alerts)


@pytest.mark.parametrize(
    "sli",
    [
        LATENCY,
        {"total": "http_seconds_count", "good": 'http_seconds_bucket{le="0.3"}'},
        {"total": 'http_seconds_bucket{le="+Inf"}', "good": 'http_seconds_bucket{le="0.3"}'},
    ],
    ids=["histogram", "count and bucket", "two buckets"],
)
def test_a_histogram_without_the_bucket_is_not_measured(sli: dict[str, object], tmp_path: Path) -> None:
    series = histogram("a", (SINCE, NOW + HOUR), buckets=("0.1", "0.5", "+Inf"))
    shown = look(series, sli, tmp_path)

    found = problem(shown, ProblemCode.BUCKET_MISSING)
    assert found is not None
    assert found.level is ProblemLevel.ERROR
    assert 'no bucket le="0.3"' in found.detail
    assert (shown.data, shown.health) == (DataState.ERROR, HealthState.UNKNOWN)
    assert (shown.total, shown.bad, shown.coverage) == (0, 0, 0)
    assert not fires(shown)
    assert {alert.reason for alert in shown.alerts if alert.cause is Cause.BURN} == {found.detail}


def test_a_rolling_deploy_without_the_bucket_pages_nobody(tmp_path: Path) -> None:
    """One of two instances loses the bucket for an hour: only what the other one serves is measured meanwhile."""
    deploy, rollback, end = NOW - 2 * HOUR, NOW - HOUR, NOW + HOUR
    replaced = restarted(
        restarted(histogram("a", (SINCE, deploy)), histogram("a", (deploy, rollback), buckets=("0.1", "0.5", "+Inf"))),
        histogram("a", (rollback, end)),
    )
    series = [*replaced, *histogram("b", (SINCE, end))]
    with Running(slos([document("shop", LATENCY)], tmp_path / "slos"), MemorySource(series), tmp_path / "db") as one:
        one.run(deploy - 600, deploy)
        one.backfill(deploy)
        shown = []
        for at in range(deploy, NOW, 10 * INTERVAL_S):
            one.run(at, at + 10 * INTERVAL_S)
            shown.append(one.snapshot("shop-availability"))
    during, after = shown[6], shown[-1]
    warning = problem(during, ProblemCode.BUCKET_MISSING)
    assert warning is not None
    assert warning.level is ProblemLevel.WARNING
    assert (during.data, during.bad) == (DataState.FRESH, 0)
    assert not any(fires(each) for each in shown)
    assert problem(after, ProblemCode.BUCKET_MISSING) is None
    assert after.bad == 0
    measured = 20 * (NOW - SINCE) - 10 * HOUR
    assert after.total == pytest.approx(measured, rel=0.01)
    assert look(series, LATENCY, tmp_path / "again").total == pytest.approx(after.total, abs=1)


def test_a_selector_that_matches_nothing_is_logged_once(tmp_path: Path) -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    shown = look(shop("200"), {"total": SHOP, "bad": 'http_requests_total{job="shop",code="500"}'}, tmp_path)
    doubtful = replace(shown.problems[0], level=ProblemLevel.WARNING)
    log = NeverMatchedLog()
    with capture_logs() as lines:
        for minutes in (0, 20, 40):
            log.note([shown], at + timedelta(minutes=minutes))
            log.note([replace(shown, problems=(doubtful,))], at + timedelta(minutes=minutes + 10))
    assert [line["log_level"] for line in lines] == ["info", "warning"]
