"""What a tick has decided is told, whatever becomes of the rest of that tick."""

from pathlib import Path

import pytest

from app.store.alerts import recent_transitions
from app.store.outbox import waiting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

END = 1_800_000_000
BREAKS = END - 3600


def test_a_page_whose_tick_fails_is_told_by_the_next_one(tmp_path: Path) -> None:
    """Here what burned it is answered with what no client should let pass."""
    span = (END - 8 * 3600, END)
    errors = counter(requests("checkout", "500"), span, per_second=0.0, bursts=[((BREAKS, END), 0.5)])
    source = MemorySource([counter(requests("checkout"), span), errors])

    def fails(expr: str) -> None:
        if "increase" in expr:
            raise ZeroDivisionError("a mistake")

    def move(at: float) -> None:
        source.now = at - 1

    loaded = slos([availability("checkout")], tmp_path / "slos")
    with Running(loaded, source, tmp_path / "live.db", move=move) as running:
        running.run(BREAKS - 600, BREAKS)
        source.fault = fails
        with pytest.raises(ZeroDivisionError):
            running.run(BREAKS, BREAKS + 1200)
        at = source.now + 1
        running.tick(at + 30)
        with running.database.read() as transaction:
            told = waiting(transaction, "pager")
            changes = recent_transitions(transaction)
    assert [(entry.notice.severity, entry.notice.status, entry.notice.at.timestamp()) for entry in told] == [
        ("page", "firing", at)
    ]
    assert [(change.kind, change.at.timestamp()) for change in changes if change.notify] == [("fired", at)]
