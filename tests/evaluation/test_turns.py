"""The counts of many SLIs become final in turns, so that no evaluation takes much longer than the others."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.counting.slot_queries import reads
from app.ingest.queries.partitioning import LabelQueries
from app.ingest.queries.query_batcher import QueryBatcher
from app.ingest.series.tracked_slis import TrackedSli, tracked_slis_of
from app.prometheus import Matrix, decode_matrix
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, slos

INTERVAL_S = 30
END = 1_800_000_000


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerWriter:
    """Counts six SLIs, of which two become final at once."""
    monkeypatch.setattr("app.ingest.series.tracked_slis.SLIS_IN_TURN", 2)
    watched = slos([availability(f"job-{number}") for number in range(6)], tmp_path / "slos")
    return LedgerWriter(tracked_slis_of(watched), interval_s=INTERVAL_S)


def test_each_becomes_final_every_five_minutes_in_a_slot_of_its_turn(writer: LedgerWriter) -> None:
    tracked_slis = writer.tracked_slis
    for tracked in tracked_slis:
        tracked.started, tracked.settled_s, tracked.counted_s = True, END - 900.0, END - INTERVAL_S
    final: dict[str, list[int]] = {}
    for slot in range(20):
        at_s = END + slot * INTERVAL_S
        for read in reads(tracked_slis, at_s=at_s, interval_s=INTERVAL_S, settle_s=300.0):
            for tracked in read.tracked_slis:
                tracked.counted_s = at_s
                if read.settle_s is not None:
                    tracked.settled_s = read.settle_s
                    final.setdefault(tracked.key, []).append(slot)
    slots = [final[tracked.key][-2:] for tracked in tracked_slis]
    assert [last - before for before, last in slots] == [10] * 6
    assert [slots[place] == slots[place + 1] for place in (0, 2, 4)] == [True] * 3
    assert len({last for _, last in slots}) == 3


def test_the_same_queries_are_asked_whoever_else_is_asked_for(writer: LedgerWriter) -> None:
    """The series of an answer are recognised as a whole (ADR-0049)."""
    batcher, everybody = QueryBatcher(writer.series_index), writer.tracked_slis
    source = MemorySource([])

    def asked(tracked_slis: Sequence[TrackedSli]) -> list[str]:
        found: list[str] = []

        async def ask(selector: str) -> Matrix:
            found.append(selector)
            return decode_matrix(b'{"status":"success","data":{"resultType":"matrix","result":[]}}')

        labels = LabelQueries(source=source, at=datetime.fromtimestamp(END, UTC), span_ms=1, deadline=None)
        asyncio.run(batcher.samples(tracked_slis, ask, labels=labels))
        return found

    every = asked(everybody)
    assert len(every) == 3
    assert asked([tracked for tracked in everybody if tracked.turn != 1]) == [every[0], every[2]]
    assert asked([tracked for tracked in everybody if tracked.turn == 1]) == [every[1]]
