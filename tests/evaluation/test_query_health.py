"""Who is said not to answer."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from app.prometheus import BadQueryError, PrometheusError, TimedOutError, UnreachableError
from app.slo import GroupKey
from app.status import DataState
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, document, requests, slos
from tests.evaluation.running import Running

END = 1_800_000_000


def checkout() -> MemorySource:
    return MemorySource([counter(requests("checkout"), (END - 8 * 3600, END))])


def of_history(error: PrometheusError) -> Callable[[str], None]:
    """A fault for whatever is older than a few hours."""

    def fault(expr: str) -> None:
        if "_over_time" in expr or "resets" in expr:
            raise error

    return fault


def test_history_that_takes_too_long_is_no_prometheus_that_does_not_answer(tmp_path: Path) -> None:
    """Ticks are answered all the while: no alert is frozen, and we are at work."""
    source = checkout()
    loaded = slos([availability("checkout")], tmp_path / "slos")
    with capture_logs() as logs, Running(loaded, source, tmp_path / "live.db") as running:
        running.tick(END - 600)
        source.fault = of_history(TimedOutError("too slow"))
        running.backfill(END - 600)
        assert running.evaluator.unanswered is None
        assert "history cannot be read now" in {line["event"] for line in logs}
        assert not [line for line in logs if line["log_level"] == "error"]


@pytest.mark.parametrize("error", [BadQueryError("too many samples", query="x"), TimedOutError("too slow")])
def test_history_that_is_refused_is_not_waited_for_until_it_is_answered(tmp_path: Path, error: PrometheusError) -> None:
    """Ticks between its attempts do not make it wanted again; what is shown says why some is missing."""
    source = checkout()
    loaded = slos([availability("checkout")], tmp_path / "slos")
    with Running(loaded, source, tmp_path / "live.db") as running:
        running.tick(END - 900)
        waited_for = [running.evaluator.backfilling]
        source.fault = of_history(error)
        running.backfill(END - 900)
        for at in range(END - 870, END - 600, 30):
            running.tick(at)
            waited_for.append(running.evaluator.backfilling)
            shown = running.snapshot("checkout-availability")
            assert shown.data is DataState.BACKFILLING
            assert str(error) in str(shown.problem)
            running.do(running.evaluator.backfill(datetime.fromtimestamp(at, UTC)))
        assert waited_for == [True] + [False] * 9
        source.fault = lambda _expr: None
        running.run(END - 600, END)
        running.backfill(END)
        assert not running.evaluator.backfilling
        assert running.evaluator.backfill_progress == 1.0
        assert running.snapshot("checkout-availability").problem is None


def test_a_rejected_query_does_not_hide_that_prometheus_is_unreachable(tmp_path: Path) -> None:
    """The rejected query is not sent again for a while; that it was answered once says nothing about now."""
    source = checkout()

    def rejecting(expr: str) -> None:
        if "broken" in expr:
            raise BadQueryError("too many samples", query=expr)

    def unreachable(_expr: str) -> None:
        raise UnreachableError("connection refused")

    source.fault = rejecting
    broken = document("broken", {"total": "broken_total", "bad": 'broken_total{code="500"}'})
    with Running(slos([availability("checkout"), broken], tmp_path / "slos"), source, tmp_path / "live.db") as running:
        running.run(END - 900, END - 600)
        reported = [running.evaluator.unanswered]
        source.fault = unreachable
        running.tick(END - 570)
        reported.append(running.evaluator.unanswered)
        source.fault = rejecting
        running.tick(END - 540)
        reported.append(running.evaluator.unanswered)
        assert reported == [None, "connection refused", None]


def test_health_can_be_asked_for_while_groups_change(tmp_path: Path) -> None:
    """Other threads ask while the evaluation adds members to a group and queries to those that fail."""

    class Changing(dict[GroupKey, int]):
        @override
        def values(self) -> NoReturn:
            raise RuntimeError("dictionary changed size during iteration")

    loaded = slos([availability("checkout")], tmp_path / "slos")
    with Running(loaded, checkout(), tmp_path / "live.db") as running:
        running.tick(END - 3600)
        running.backfill(END - 3600)
        # The windows start in other hours now.
        running.tick(END)
        for tracked in running.evaluator._ledger_writer.tracked_slis:
            tracked.rows = Changing(tracked.rows)
        asked = running.evaluator
        assert (asked.backfilling, asked.backfill_progress, asked.partial, asked.unanswered) == (False, 1.0, None, None)
