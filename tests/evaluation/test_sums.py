"""SLOs whose events are sums of counters: what an operator sees of them."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from app.evaluation.figures.figures import compute
from app.status import Snapshot
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import counter, document, slos
from tests.evaluation.running import Running

NOW = 1_800_000_000
HOUR = 3600
SHOP = {"job": "shop", "instance": "shop-0:80"}


def series(name: str, per_second: float, **labels: str) -> Series:
    return counter({"__name__": name, **SHOP, **labels}, (NOW - 8 * HOUR, NOW + HOUR), per_second=per_second)


def shown(sli: dict[str, object], source: MemorySource, folder: Path) -> Snapshot:
    with Running(slos([document("shop", sli, window="1d")], folder / "slos"), source, folder / "db") as one:
        one.run(NOW - 600, NOW)
        one.backfill(NOW)
        return one.snapshot("shop-availability")


def codes(snapshot: Snapshot) -> list[str]:
    return [problem.code for problem in snapshot.problems]


def test_the_total_is_the_sum_of_several_counters(tmp_path: Path) -> None:
    failed = [series("failed_total", 1.0, code="500"), series("failed_total", 2.0, code="404")]
    source = MemorySource([series("ok_total", 9.0), *failed])
    sli: dict[str, object] = {
        "total": "sum(rate(ok_total[w])) + sum(rate(failed_total[w])) - sum(rate(failed_total{code='404'}[w]))",
        "good": "sum(rate(ok_total[w]))",
    }
    found = shown(sli, source, tmp_path)
    assert found.sli == pytest.approx(0.9)
    assert found.total == pytest.approx(10 * 8 * HOUR, rel=0.01)
    assert codes(found) == []


def test_good_events_may_lie_between_two_buckets(tmp_path: Path) -> None:
    """Of 10 events a second 7 take at most 1 s, and 2 of these no more than 0.1 s."""
    buckets = [series("h_bucket", rate, le=bound) for bound, rate in (("0.1", 2.0), ("1", 7.0), ("+Inf", 10.0))]
    sli: dict[str, object] = {
        "total": "h_count",
        "good": 'sum(increase(h_bucket{le="1"}[w])) - sum(increase(h_bucket{le="0.1"}[w]))',
    }
    found = shown(sli, MemorySource([*buckets, series("h_count", 10.0)]), tmp_path)
    assert found.sli == pytest.approx(0.5)
    assert codes(found) == []


def test_where_one_of_two_buckets_is_missing_nothing_is_measured(tmp_path: Path) -> None:
    source = MemorySource([series("h_bucket", 7.0, le="1"), series("h_count", 10.0)])
    sli: dict[str, object] = {"total": "h_count", "good": 'h_bucket{le="1"} - h_bucket{le="0.1"}'}
    found = shown(sli, source, tmp_path)
    assert "bucket_missing" in codes(found)
    assert found.as_of is None


@pytest.mark.parametrize(
    ("missing", "code"),
    [("failed_total", "bad_never_matched"), ("ok_total", "good_never_matched"), ("cached_total", "term_never_matched")],
)
def test_a_counter_of_a_sum_that_never_matched_is_named(missing: str, code: str, tmp_path: Path) -> None:
    names = {"ok_total": 5.0, "failed_total": 1.0}
    source = MemorySource([series(name, rate) for name, rate in names.items() if name != missing])
    total = "ok_total + failed_total"
    sli: dict[str, object] = {"total": total, "bad": "failed_total"}
    if missing == "cached_total":
        sli = {"total": f"{total} + cached_total", "bad": "failed_total"}
    found = shown(sli, source, tmp_path)
    (problem,) = [problem for problem in found.problems if problem.code == code]
    assert missing in problem.detail


def test_errors_that_count_a_half_are_half_as_bad(tmp_path: Path) -> None:
    """Of 10 events a second one fails, and two that are slow count as half an error each."""
    source = MemorySource([series("m_total", 10.0), series("failed_total", 1.0), series("slow_total", 2.0)])
    found = shown({"total": "m_total", "bad": "failed_total + slow_total / 2"}, source, tmp_path)
    assert found.sli == pytest.approx(0.8)


def test_the_groups_of_a_query_are_those_of_the_slo(tmp_path: Path) -> None:
    source = MemorySource(
        [
            series(name, rate, route=route)
            for name, rates in (("m_total", (10.0, 20.0)), ("failed_total", (1.0, 4.0)))
            for route, rate in zip(("/a", "/b"), rates, strict=True)
        ]
    )
    sli: dict[str, object] = {
        "total": "sum by (route) (rate(m_total[w]))",
        "bad": "sum by (route) (rate(failed_total[w]))",
    }
    with Running(slos([document("shop", sli, window="1d")], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 600, NOW)
        one.backfill(NOW)
        found = {route: one.snapshot(f"shop-availability:route={route}").sli for route in ("/a", "/b")}
    assert found == {"/a": pytest.approx(0.9), "/b": pytest.approx(0.8)}


def test_all_windows_of_few_slos_are_summed_at_once_to_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows of all resolutions, one SLO without data, and one whose window is shorter than the others'."""
    source = MemorySource([series("ok_total", 9.0), series("failed_total", 1.0)])
    sli: dict[str, object] = {"total": "sum(rate(ok_total[w])) + sum(rate(failed_total[w]))", "bad": "failed_total"}
    missing: dict[str, object] = {"total": "missing_total", "bad": 'missing_total{code="500"}'}
    documents = [document("shop", sli), document("brief", sli, window="1d"), document("missing", missing)]
    with Running(slos(documents, tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 600, NOW)
        one.backfill(NOW)
        members, ledger = one.evaluator._members(), one.evaluator._ledger_writer.ledger
        at_once = compute(members, ledger)
        monkeypatch.setattr("app.evaluation.figures.figures._FEW", 0)
        one_by_one = compute(members, ledger)
    for length, window in (*at_once.windows.items(), (None, at_once.slo_window)):
        other = one_by_one.slo_window if length is None else one_by_one.windows[length]
        for field in fields(window):
            np.testing.assert_array_equal(getattr(window, field.name), getattr(other, field.name), str(length))
    assert (at_once.slo_window.total > 0).tolist().count(True) == 2
