"""When a replica takes shards, brings them up, and gives them back, on a real PostgreSQL."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from app.clock import SystemClock
from app.documents import load_documents
from app.evaluation import Evaluator
from app.integrations import DeliveryConfig, load_config
from app.metrics import BuildInfo, Instruments
from app.replicas import ALL_SHARDS, SERVICE_SHARD, owners_of
from app.service.components import Components
from app.service.engine import Engine
from app.service.replica import Replica
from app.settings import load_settings
from app.status import Board, DataState
from app.status.shown import ShownSlos, encode_shown
from app.store import StoreUnavailableError, open_database
from app.store.instances import instance
from app.store.outbox import enqueue
from app.store.shards import HeldShards, shard
from app.store.shown import ShownShard, save_shown
from testbed.sink import Sink
from testbed.waiting import wait_until
from tests.support.notifications import firing
from tests.support.postgres import Postgres
from tests.support.snapshots import a_snapshot, an_slo

SLOT = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL = timedelta(seconds=30)
STALE_AFTER = 3 * INTERVAL


@dataclass
class Evaluations:
    """What a replica asks of the engine."""

    evaluated: datetime | None = None
    can_switch: bool = True
    fails: bool = False
    used: list[frozenset[int]] = field(default_factory=list)
    caught_up: list[tuple[frozenset[int], list[datetime]]] = field(default_factory=list)

    async def use(self, held: HeldShards) -> None:
        if self.fails:
            raise StoreUnavailableError("the database is away")
        self.used.append(frozenset(held.epochs))

    async def catch_up(self, held: HeldShards, slots: Sequence[datetime]) -> bool:
        self.caught_up.append((frozenset(held.epochs), [*slots]))
        return not self.fails


class Process:
    """One process with a replica, which sees the others when it looks."""

    def __init__(self, url: str, closing: ExitStack, *, interval: str = "30s") -> None:
        self.database = open_database(url)
        closing.callback(self.database.close)
        settings = {"prometheus_url": "http://127.0.0.1:9", "evaluation_interval": interval}
        self.components = Components(
            settings=load_settings(settings),
            database=self.database,
            board=Board(),
            instruments=Instruments(build=BuildInfo.current()),
            clock=SystemClock(),
        )
        self.evaluations = Evaluations()
        self.replica = Replica(self.components, self.evaluations)

    def look(self) -> bool:
        async def look() -> bool:
            return await self.replica.look(asyncio.Lock())

        return asyncio.run(look())

    def give_back(self) -> bool:
        return asyncio.run(self.replica.give_back())

    @property
    def shards(self) -> set[int]:
        return set(self.replica.held.epochs)

    def stepped(self, at: datetime) -> None:
        """Note that alerts of its shards were stepped through a slot."""
        self.evaluations.evaluated = at
        with self.database.begin() as tx:
            self.replica.held.check(tx, stepped=at)

    def dies(self) -> None:
        """Its leases end, as where its machine has died."""
        with self.database.begin() as tx:
            tx.execute(update(shard).where(shard.c.owner == self.database.instance).values(expires_at_s=1.0))


@pytest.fixture
def pair(postgres_server: Postgres) -> Iterator[tuple[Process, Process]]:
    url = postgres_server.new_database()
    with ExitStack() as closing:
        yield Process(url, closing), Process(url, closing)


def shared(pair: tuple[Process, Process]) -> tuple[Process, Process]:
    """The pair once each has its share: the first gives back at the second evaluation, when it has shown all."""
    one, other = pair
    one.look()
    other.look()
    one.give_back()
    one.give_back()
    other.look()
    return pair


def test_shards_are_shared_and_each_is_of_one(pair: tuple[Process, Process]) -> None:
    one, other = pair
    assert one.look()
    assert one.shards == set(ALL_SHARDS)
    assert one.components.service_lease.is_mine
    other.look()
    assert other.shards == set()
    assert not other.components.service_lease.is_mine
    # First it has to show the other what it has.
    assert not one.give_back()
    one.evaluations.can_switch = False
    assert not one.give_back()
    one.evaluations.can_switch = True
    assert one.give_back()
    assert other.look()
    assert one.shards | other.shards == set(ALL_SHARDS)
    assert not one.shards & other.shards
    assert len(one.shards) > 10
    assert len(other.shards) > 10
    assert [each.components.service_lease.is_mine for each in pair].count(True) == 1
    assert [one.evaluations.used[-1], other.evaluations.used[-1]] == [one.shards, other.shards]
    assert len(one.replica.names) == 2
    for each in pair:
        each.look()
        assert [name for name in each.replica.names if "this one" in name] == [
            name
            for name in each.replica.names
            if f"{len(each.shards)} of {len(ALL_SHARDS)}" in name
            and ("delivers" in name) == (SERVICE_SHARD in each.shards)
        ]


def test_what_a_replica_leaves_is_brought_up_by_the_one_that_takes_it(
    pair: tuple[Process, Process],
) -> None:
    one, other = shared(pair)
    left = one.shards
    one.stepped(SLOT)
    other.stepped(SLOT + INTERVAL)
    one.replica.leave()
    assert one.shards == set()
    other.evaluations.fails = True
    assert not other.look()
    assert other.shards == set(ALL_SHARDS) - left, "they are tried again"
    assert other.replica.stuck == len(left), "Prometheus pages, and the heartbeat stops"
    other.evaluations.fails = False
    assert other.look()
    assert other.replica.stuck == 0
    assert other.evaluations.caught_up == [(frozenset(left), [SLOT + INTERVAL])] * 2
    assert other.shards == set(ALL_SHARDS)
    assert other.components.service_lease.is_mine


def test_shards_that_are_a_slot_ahead_wait_for_it(pair: tuple[Process, Process]) -> None:
    """Else the alerts of the replica that takes them would miss that slot."""
    one, other = shared(pair)
    mine = other.shards
    one.stepped(SLOT + INTERVAL)
    other.stepped(SLOT)
    one.replica.leave()
    assert not other.look()
    assert other.shards == mine
    other.stepped(SLOT + INTERVAL)
    assert other.look()
    assert other.shards == set(ALL_SHARDS)
    assert other.evaluations.caught_up == []


def test_a_replica_that_slept_goes_on_with_what_is_left(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.look()
    one.dies()
    other.replica.begin()
    taken = {number for number in ALL_SHARDS if number in other.replica._waiting}
    assert taken
    asyncio.run(one.replica.lose())
    assert one.shards == set(ALL_SHARDS) - taken
    assert one.evaluations.used[-1] == one.shards
    assert one.components.service_lease.is_mine == (SERVICE_SHARD not in taken)


def test_shards_that_were_taken_are_lost_once(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.look()
    one.dies()
    other.replica.begin()
    left = frozenset(number for number in ALL_SHARDS if number not in other.replica._waiting)

    async def look_during_an_evaluation() -> None:
        async with (swapping := asyncio.Lock()):
            looking = asyncio.create_task(one.replica.look(swapping))
            while not swapping._waiters:  # noqa: ASYNC110  a lock does not say that it is waited for
                await asyncio.sleep(0.01)
            # The evaluation was refused.
            await one.replica.lose()
        await looking

    asyncio.run(look_during_an_evaluation())
    assert one.evaluations.used.count(left) == 1


def test_a_loss_is_told_once_it_is_done(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.look()
    one.dies()
    other.replica.begin()
    with capture_logs() as logs:
        one.evaluations.fails = True
        one.look()
        one.look()
        one.evaluations.fails = False
        one.look()
    assert [entry["event"] for entry in logs].count("other replicas have taken shards of this one") == 1


def test_what_others_show_is_read_once_and_stale_when_they_are_away(pair: tuple[Process, Process]) -> None:
    one, _ = pair
    slo, now = an_slo(), datetime.now(UTC)
    slos = {slo.id: slo}

    def show(at: datetime) -> None:
        with one.database.begin() as tx:
            save_shown(
                tx, [ShownShard(shard=3, at=at, body=encode_shown(ShownSlos(at=at, snapshots=[a_snapshot(slo)])))]
            )

    def data() -> list[DataState]:
        return [snapshot.data for shown in one.replica.others.values() for snapshot in shown.snapshots]

    show(now)
    assert one.replica.read_others(slos, stale_after=STALE_AFTER)
    assert data() == [DataState.FRESH]
    assert not one.replica.read_others(slos, stale_after=STALE_AFTER)
    assert one.replica.read_others(slos, stale_after=-STALE_AFTER)
    assert data() == [DataState.STALE]
    assert not one.replica.read_others(slos, stale_after=-STALE_AFTER)
    one.replica.forget_others()
    one.replica._read_not_before_s = 0.0
    assert one.replica.read_others({}, stale_after=STALE_AFTER)
    assert data() == []
    # What this replica evaluates it shows itself.
    one.look()
    one.replica.read_others(slos, stale_after=STALE_AFTER)
    assert one.replica.others == {}


def test_after_an_outage_of_the_database_each_has_the_time_to_renew(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds it again first would else take what is of all others, and give it back after an evaluation."""
    one, other = shared(pair)
    before = one.shards, other.shards
    for each in pair:
        each.dies()

    def fail() -> None:
        raise StoreUnavailableError("the database is away")

    with capture_logs() as logs, monkeypatch.context() as away:
        for each in pair:
            away.setattr(each.database, "begin", fail)
            away.setattr(each.database, "read", fail)
        for each in (*pair, *pair):
            assert not each.look()
            assert not each.give_back()
    assert [entry["log_level"] for entry in logs] == ["warning"] * len(pair), "once for each outage"
    assert not one.look()
    assert not other.look()
    assert (one.shards, other.shards) == before
    # Who does not come back is replaced after that.
    one.dies()
    with one.database.begin() as tx:
        tx.execute(update(instance).where(instance.c.id == one.database.instance).values(evaluates_until_s=1.0))
    other.look()
    assert other.shards == before[1]
    other.replica._replaces_from_s = 0.0
    other.look()
    assert other.shards > before[1]


def test_slots_that_others_have_evaluated_were_not_missed(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.look()
    one.stepped(SLOT)
    later = SLOT + 5 * INTERVAL
    assert one.replica.missed(4, later) == 4
    one.dies()
    other.look()
    other.stepped(SLOT + 3 * INTERVAL)
    assert one.shards | other.shards == set(ALL_SHARDS)
    assert one.replica.missed(4, later) == 4, "what the other has not taken"
    with one.database.begin() as tx:
        tx.execute(update(shard).values(stepped_at=SLOT + 3 * INTERVAL))
    assert one.replica.missed(4, later) == 1


@pytest.mark.parametrize(("behind", "slots"), [(1, 1), (2, 2), (10, 10), (11, 1)])
def test_of_few_slots_that_were_left_each_is_evaluated(pair: tuple[Process, Process], behind: int, slots: int) -> None:
    """Who had them may have sent pages of them from memory."""
    one, other = shared(pair)
    now = SLOT + behind * INTERVAL
    one.stepped(SLOT)
    other.stepped(now)
    one.replica.leave()
    other.look()
    ((_, caught_up),) = other.evaluations.caught_up
    assert caught_up == [now - number * INTERVAL for number in reversed(range(slots))]


@pytest.mark.parametrize(("behind", "is_each"), [(3, True), (12, False)])
def test_a_process_that_starts_evaluates_each_of_few_slots_that_were_left(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, behind: int, is_each: bool
) -> None:
    """Pages that were sent from memory are decided again in the same slots, and so under the same keys."""
    evaluated: list[datetime] = []

    async def evaluate(_evaluator: Evaluator, at: datetime, *_: object) -> None:
        evaluated.append(at)

    monkeypatch.setattr(Evaluator, "_evaluate", evaluate)
    with ExitStack() as closing:
        process = Process(postgres_server.new_database(), closing)
        components = process.components
        interval = components.settings.evaluation_interval
        newest = datetime.fromtimestamp(components.clock.now().timestamp() // 30 * 30, UTC)
        left = newest - behind * interval
        process.look()
        process.stepped(left)
        process.replica.leave()
        engine = Engine(components, load_documents(tmp_path))
        engine.start()
        try:
            wait_until(lambda: evaluated and evaluated[-1] > left + (behind - 2) * interval, lambda: str(evaluated))
        finally:
            assert engine.stop()
    # A slot may begin or end meanwhile.
    slots = [left + number * interval for number in range(1, behind + 2)]
    if is_each:
        assert evaluated == slots[: len(evaluated)]
    else:
        assert evaluated[0] in slots[-3:]


def test_a_replica_that_reaches_no_receiver_leaves_it_to_another_to_deliver(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its network is cut, or its name server hangs: it lives, and would keep all pages."""
    monkeypatch.setattr("app.service.engine._UNREACHED_S", 0.1)
    names = [uuid4().hex for _ in range(2)]
    delivers = owners_of([SERVICE_SHARD], names)[SERVICE_SHARD]
    url = postgres_server.new_database()
    with Sink() as sink, ExitStack() as closing:
        # By the plan the first delivers, which does not reach the receiver.
        hooks = {delivers: "http://127.0.0.1:9", **{name: sink.url for name in names if name != delivers}}
        processes: dict[str, Process] = {}
        for name, hook in hooks.items():
            with monkeypatch.context() as patched:
                patched.setattr("app.store.instances.uuid4", partial(UUID, name))
                processes[name] = process = Process(url, closing, interval="5s")
            delivery = _config({"receivers": [{"name": "hook", "webhook": {"url": hook}}]}, tmp_path / f"{name}.json")
            engine = Engine(replace(process.components, delivery=delivery), load_documents(tmp_path))
            engine.start()
            closing.callback(engine.stop)
        assert processes[delivers].components.service_lease.is_mine
        with processes[delivers].database.begin() as tx:
            enqueue(tx, [firing()], receivers=["hook"], at=datetime.now(UTC))
        sink.wait_for(lambda one: bool(one.received))
        deliver = [name for name, one in processes.items() if one.components.service_lease.is_mine]
        assert deliver == [name for name in names if name != delivers]


def _config(text: object, file: Path) -> DeliveryConfig:
    file.write_bytes(orjson.dumps(text))
    loaded = load_config(file, environment={})
    assert not loaded.errors
    return loaded.config
