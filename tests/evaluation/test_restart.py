"""What a process shows right after its start: the last figures and alerts, with their time."""

from datetime import UTC, datetime
from pathlib import Path

from app.slo import AlertState
from app.status import Board, DataState
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

AT = 1_772_323_200.0
HOUR = 3600.0


def test_the_last_figures_are_shown_before_the_first_evaluation(tmp_path: Path) -> None:
    span, burst = (AT, AT + 3 * HOUR), ((AT + HOUR, AT + 3 * HOUR), 1.0)
    source = MemorySource(
        series=[
            counter(requests("web"), span),
            counter(requests("web", "500"), span, per_second=0.0, bursts=[burst]),
        ]
    )
    with Running(slos([availability("web")], tmp_path), source, tmp_path / "a.db") as live:
        live.run(AT + HOUR - 60, AT + 1.2 * HOUR)
        (before,) = live.board.snapshots
        live.board = Board()
        live.restart()
        live.evaluator.show_stored(datetime.fromtimestamp(AT + 1.2 * HOUR + 20, UTC))
        (soon,) = live.board.snapshots
        live.evaluator.show_stored(datetime.fromtimestamp(AT + 2 * HOUR, UTC))
        (later,) = live.board.snapshots
    # Of every field; NaN equals itself only in words.
    assert repr(soon) == repr(before)
    assert soon.data is DataState.FRESH
    assert AlertState.FIRING in [alert.state for alert in soon.alerts]
    assert (later.as_of, later.data) == (before.as_of, DataState.STALE)


def test_nothing_is_shown_at_the_very_first_start(tmp_path: Path) -> None:
    with Running(slos([availability("web")], tmp_path), MemorySource(series=[]), tmp_path / "a.db") as live:
        live.evaluator.show_stored(datetime.fromtimestamp(AT, UTC))
        assert live.board.snapshots == ()
