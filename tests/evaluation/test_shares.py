"""SLOs shared by two replicas on one database, of which one freezes: counts and transitions as of one process."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from app.alerting import Routing
from app.evaluation import EvaluationTiming, Evaluator
from app.replicas import ALL_SHARDS, LeaseTerm
from app.slo import Slo
from app.status import Board
from app.store import Database, StoreUnavailableError, open_database
from app.store.alerts import recent_transitions
from app.store.copying import CopiedTable, copy_database
from app.store.outbox import waiting
from app.store.shards import HeldShards, load_leases, shard, take_shards
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Figures, Noted, Running, figures
from tests.support.postgres import Postgres
from tests.support.soak import IS_SOAK

AT, HOUR = 1_772_323_200.0, 3600.0
TERM = LeaseTerm(lease_s=15.0, look_every_s=1.0)
END = AT + 1.2 * HOUR
EVERY_S = 2 * INTERVAL_S
JOBS = ("a", "b", "c", "d")
BROKEN = ("a", "d")
Undisturbed = tuple[Figures, set[tuple[object, ...]], list[str]]


@pytest.fixture(params=["sqlite", "postgresql"] if IS_SOAK else ["postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path}/shared.db")
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        opened = open_database(server.new_database())
    yield opened
    opened.close()


class Replica:
    """One replica's evaluator, with the shards that it has taken."""

    def __init__(self, name: str, all_slos: Sequence[Slo], source: MemorySource, database: Database) -> None:
        self.name, self.board, self.database = name, Board(), database
        self._slos, self._source = all_slos, source

    def take(self, shards: Sequence[int]) -> None:
        with self.database.begin() as tx:
            epochs = take_shards(tx, self.name, shards, term=TERM)
        self.evaluator = Evaluator(
            self._slos,
            source=self._source,
            database=self.database,
            board=self.board,
            instruments=Noted(),
            timing=EvaluationTiming(
                interval=timedelta(seconds=INTERVAL_S),
                settle=timedelta(seconds=300),
                timeout=timedelta(seconds=20),
                routing=Routing(always=("pager",)),
            ),
            held=HeldShards(owner=self.name, epochs=epochs, term=TERM),
        )


def _source() -> MemorySource:
    span, burst = (AT, END), ((AT + 0.5 * HOUR, AT + 0.8 * HOUR), 1.0)
    return MemorySource(
        series=[
            one
            for job in JOBS
            for one in (
                counter(requests(job), span),
                counter(requests(job, "500"), span, per_second=0.0, bursts=[burst] if job in BROKEN else []),
            )
        ]
    )


def _slots(start: float, end: float) -> Sequence[datetime]:
    return [datetime.fromtimestamp(at, UTC) for at in range(int(start) + EVERY_S, int(end) + 1, EVERY_S)]


def _transitions(database: Database) -> set[tuple[object, ...]]:
    with database.read() as tx:
        found = recent_transitions(tx, limit=1000)
    return {(one.slo, one.severity, one.cause, one.kind, one.at, one.tier, one.incident) for one in found}


def _sent(database: Database) -> list[str]:
    with database.read() as tx:
        return sorted(entry.idempotency_key for entry in waiting(tx, "pager"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Figures, transitions and notifications of one process."""
    folder = tmp_path_factory.mktemp("alone")
    with Running(slos([availability(job) for job in JOBS], folder), _source(), folder / "alone.db") as alone:
        alone.run(AT, END, every=EVERY_S)
        return alone.figures, _transitions(alone.database), _sent(alone.database)


def _expire(database: Database, owner: str) -> None:
    with database.begin() as tx:
        tx.execute(update(shard).where(shard.c.owner == owner).values(expires_at_s=1.0))


@pytest.mark.soak
@pytest.mark.parametrize("frozen_at", [AT + 0.5 * HOUR + 120, AT + 0.75 * HOUR])
def test_a_replica_that_freezes_is_replaced_and_writes_nothing_when_it_wakes(
    database: Database, tmp_path: Path, frozen_at: float, undisturbed: Undisturbed
) -> None:
    all_slos, source = slos([availability(job) for job in JOBS], tmp_path), _source()
    frozen, other = (Replica(name, all_slos, source, database) for name in ("frozen", "other"))
    frozen.take([one for one in ALL_SHARDS if one % 2])
    other.take([one for one in ALL_SHARDS if not one % 2])
    ids = [set(one.evaluator.member_ids) for one in (frozen, other)]

    with asyncio.Runner() as runner:
        runner.run(_evaluate(AT, frozen_at, frozen, other))
        _expire(database, "frozen")
        _expire(database, "other")
        survivor = Replica("survivor", all_slos, source, database)
        survivor.take(ALL_SHARDS)
        runner.run(_evaluate(frozen_at, frozen_at + 300, survivor))
        before = _stored(database)
        # Both wake up, in the midst of what they were doing.
        runner.run(_evaluate(frozen_at, frozen_at + 300, frozen, other))
        assert [one.evaluator.fenced for one in (frozen, other, survivor)] == [True, True, False]
        assert [*frozen.evaluator.unwritten, *other.evaluator.unwritten] == []
        assert _stored(database) == before
        runner.run(_evaluate(frozen_at + 300, END, survivor))
    assert ids[0] & ids[1] == set()
    assert ids[0] | ids[1] == {slo.id for slo in all_slos}
    wanted_figures, wanted_transitions, wanted_sent = undisturbed
    assert {str(one[0]).partition("-")[0] for one in wanted_transitions} == set(BROKEN)
    assert figures(survivor.board.snapshots) == wanted_figures
    assert _transitions(database) == wanted_transitions
    assert _sent(database) == wanted_sent


async def _evaluate(start: float, end: float, *replicas: Replica) -> None:
    """Evaluate the slots in (start, end], and after each a piece of history."""
    for at in _slots(start, end):
        for one in replicas:
            await one.evaluator.evaluate(at)
            await one.evaluator.backfill(at)


def _stored(database: Database) -> tuple[object, ...]:
    with database.read() as tx:
        leases = load_leases(tx, ALL_SHARDS).leases
    return _transitions(database), _sent(database), [(one.owner, one.epoch, one.stepped_at) for one in leases]


@pytest.mark.soak
def test_an_slo_that_no_document_has_is_ended_by_one_replica(database: Database, tmp_path: Path) -> None:
    all_slos, source = slos([availability(job) for job in JOBS], tmp_path), _source()
    kept = [slo for slo in all_slos if not slo.id.startswith("a-")]
    first = Replica("first", all_slos, source, database)
    first.take(ALL_SHARDS)
    middle = AT + 0.7 * HOUR

    asyncio.run(_evaluate(AT, middle, first))
    _expire(database, "first")
    second, third = (Replica(name, kept, source, database) for name in ("second", "third"))
    second.take([one for one in ALL_SHARDS if one % 2])
    third.take([one for one in ALL_SHARDS if not one % 2])
    asyncio.run(_evaluate(middle, middle + 2 * EVERY_S, second, third))
    gone = [one for one in _transitions(database) if str(one[0]).startswith("a-") and "resolved" in str(one[3])]
    still = {str(one[0]).partition("-")[0] for one in _transitions(database) if "resolved" in str(one[3])}
    assert gone
    assert still == {"a"}


def test_a_copied_database_goes_on_where_the_file_ended(
    postgres_server: Postgres, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    """Counts, alerts and notifications are those of one process that was never moved."""
    all_slos, source = slos([availability(job) for job in JOBS], tmp_path), _source()
    middle = AT + 0.7 * HOUR
    with Running(all_slos, _source(), tmp_path / "moved.db") as moved:
        moved.run(AT, middle, every=EVERY_S)
    url = postgres_server.new_database()
    with closing(open_database(f"sqlite:///{tmp_path}/moved.db")) as file, closing(open_database(url)) as target:
        interrupted: list[CopiedTable] = []

        def interrupt(table: CopiedTable) -> None:
            interrupted.append(table)
            if len(interrupted) == 4:
                raise StoreUnavailableError("the connection is lost")

        with pytest.raises(StoreUnavailableError, match="lost"):
            copy_database(file, target, copied=interrupt)
        copied = copy_database(file, target)
        assert all(one.is_whole for one in copied)
        assert {one.name for one in copied if one.source.rows} > {"ledger_chunk", "sli_state", "alert", "outbox"}

        survivor = Replica("survivor", all_slos, source, target)
        survivor.take(ALL_SHARDS)
        asyncio.run(_evaluate(middle, END, survivor))
        wanted_figures, wanted_transitions, wanted_sent = undisturbed
        assert figures(survivor.board.snapshots) == wanted_figures
        assert _transitions(target) == wanted_transitions
        assert _sent(target) == wanted_sent
        # What the target has of its own is found.
        assert not all(one.is_whole for one in copy_database(file, target))
