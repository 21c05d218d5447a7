"""Random pairs as the service sees them: ticked slot by slot, and restarted now and then."""

import random
from collections.abc import Sequence
from pathlib import Path

from app.slo import AlertState, Severity
from tests.alerting.counted_pairs import CountedPair
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import slos
from tests.evaluation.running import INTERVAL_S, Running

States = dict[tuple[str, Severity], list[AlertState]]


def live_states(
    pairs: Sequence[CountedPair], scraped: Sequence[Series], begin: float, dice: random.Random, folder: Path
) -> States:
    """The states of all alerts by slot from *begin* on."""
    source = MemorySource(scraped)
    states: States = {}
    slots = len(pairs[0].events)

    def move(at: float) -> None:
        source.now = at

    documents = [pair.document for pair in pairs]
    with Running(slos(documents, folder / "slos"), source, folder / "live.db", move=move) as running:
        running.tick(begin - INTERVAL_S)
        running.backfill(begin - INTERVAL_S)
        for number in range(slots):
            running.tick(begin + number * INTERVAL_S)
            for snapshot in running.board.snapshots:
                for alert in snapshot.alerts:
                    states.setdefault((snapshot.slo.service, alert.severity), []).append(
                        # A rule knows no muting: a muted ticket is one that fires.
                        AlertState.FIRING if alert.state is AlertState.MUTED else alert.state
                    )
            if dice.random() < 0.1:
                running.restart()
    assert {len(by_slot) for by_slot in states.values()} == {slots}
    return states
