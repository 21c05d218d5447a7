"""Who is said not to answer."""

from pathlib import Path

from structlog.testing import capture_logs

from app.prometheus import TimedOutError
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

END = 1_800_000_000


def test_history_that_takes_too_long_is_no_prometheus_that_does_not_answer(tmp_path: Path) -> None:
    """Ticks are answered all the while: no alert is frozen, and we are at work."""
    source = MemorySource([counter(requests("checkout"), (END - 8 * 3600, END))])

    def times_out(expr: str) -> None:
        if "_over_time" in expr or "resets" in expr:
            raise TimedOutError("too slow")

    loaded = slos([availability("checkout")], tmp_path / "slos")
    with capture_logs() as logs, Running(loaded, source, tmp_path / "live.db") as running:
        running.tick(END - 600)
        source.fault = times_out
        running.backfill(END - 600)
        assert running.evaluator.unanswered is None
        assert "history cannot be read now" in {line["event"] for line in logs}
        assert not [line for line in logs if line["log_level"] == "error"]
