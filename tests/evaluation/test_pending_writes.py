"""What an evaluation has decided is sent, whatever becomes of the rest of that evaluation."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.slo import AlertState
from app.store.alerts import recent_transitions
from app.store.outbox import waiting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

END = 1_800_000_000
BREAKS = END - 3600


def test_a_page_whose_evaluation_fails_is_sent_by_the_next_one(tmp_path: Path) -> None:
    """The evaluation in which the alert fires breaks off before anything of it is committed."""
    span = (END - 8 * 3600, END)
    errors = counter(requests("checkout", "500"), span, per_second=0.0, bursts=[((BREAKS, END), 0.5)])
    source = MemorySource([counter(requests("checkout"), span), errors])

    def move(at: float) -> None:
        source.now = at - 1

    loaded = slos([availability("checkout")], tmp_path / "slos")
    with Running(loaded, source, tmp_path / "live.db", move=move) as running:
        running.run(BREAKS - 600, BREAKS)

        def fails_once_it_fires() -> None:
            if any(alert.state is AlertState.FIRING for alert in running.snapshot("checkout-availability").alerts):
                raise ZeroDivisionError("a mistake")

        async def until_it_fails() -> None:
            for at in range(BREAKS + INTERVAL_S, BREAKS + 1200, INTERVAL_S):
                move(at)
                await running.evaluator.evaluate(datetime.fromtimestamp(at, UTC), judged=fails_once_it_fires)

        with pytest.raises(ZeroDivisionError):
            running.do(until_it_fails())
        at = source.now + 1
        with running.database.read() as transaction:
            assert not waiting(transaction, "pager")
        running.tick(at + INTERVAL_S)
        with running.database.read() as transaction:
            told = waiting(transaction, "pager")
            changes = recent_transitions(transaction)
    assert [
        (entry.notification.severity, entry.notification.status, entry.notification.at.timestamp()) for entry in told
    ] == [("page", "firing", at)]
    assert [(change.kind, change.at.timestamp()) for change in changes if change.notify] == [("fired", at)]
