"""Leases in a real database: taken once, fenced by their epoch, free again by the database's clock."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from random import Random

import pytest
from sqlalchemy import Connection, insert, update

from app.replicas import ALL_SHARDS, Lease, LeaseTerm, released, renewed, taken
from app.store import Database, StoreError, StoreFencedError, StoreUnavailableError, open_database, postgres
from app.store.instances import forget_dead_instances, instance
from app.store.shards import (
    fence,
    give_back_shards,
    leave,
    load_leases,
    renew_leases,
    shard,
    take_shards,
)
from testbed.waiting import wait_until
from tests.support.postgres import Postgres
from tests.support.soak import IS_SOAK

SLOT = datetime(2026, 3, 1, tzinfo=UTC)
LEASE_S = 60.0
TERM = LeaseTerm(lease_s=LEASE_S, look_every_s=1.0)
SHORT = LeaseTerm(lease_s=0.001, look_every_s=1.0)
OVER = LeaseTerm(lease_s=-1.0, look_every_s=1.0)


@pytest.fixture
def tx(database: Database) -> Iterator[Connection]:
    with database.begin() as transaction:
        yield transaction


def _expire(tx: Connection) -> None:
    tx.execute(update(shard).values(expires_at_s=1.0))


def test_a_shard_is_taken_by_one_and_by_another_once_it_is_free(tx: Connection) -> None:
    assert take_shards(tx, "a", [0, 1], term=TERM) == {0: 1, 1: 1}
    assert take_shards(tx, "b", [0, 1, 2], term=TERM) == {2: 1}
    give_back_shards(tx, "a", {0: 1})
    assert take_shards(tx, "b", [0, 1], term=TERM) == {0: 2}
    _expire(tx)
    assert take_shards(tx, "b", [1], term=TERM) == {1: 2}


def test_who_slept_cannot_write_and_who_was_only_late_can(tx: Connection) -> None:
    mine = take_shards(tx, "a", [0, 1], term=TERM)
    _expire(tx)
    fence(tx, "a", mine, term=TERM, stepped=SLOT)
    assert {lease.stepped_at for lease in load_leases(tx, [0, 1]).leases} == {SLOT}
    _expire(tx)
    assert take_shards(tx, "b", [1], term=TERM) == {1: 2}
    with pytest.raises(StoreFencedError, match="1 of 2"):
        fence(tx, "a", mine, term=TERM)
    fence(tx, "a", {0: mine[0]}, term=TERM)
    # Nor by an epoch of before, should it have got the shard again.
    give_back_shards(tx, "b", {1: 2})
    assert take_shards(tx, "a", [1], term=TERM) == {1: 3}
    with pytest.raises(StoreFencedError):
        fence(tx, "a", {1: 1}, term=TERM)


def test_who_left_lives_no_more_and_holds_nothing(tx: Connection) -> None:
    tx.execute(insert(instance).values(id="a", name="host, process 1", expires_at_s=2**40))
    assert load_leases(tx, [0]).living == {}
    renew_leases(tx, "a", term=TERM)
    mine = take_shards(tx, "a", [0], term=TERM)
    assert load_leases(tx, [0]).living == {"a": "host, process 1"}
    leave(tx, "a", mine)
    seen = load_leases(tx, [0, 5])
    assert seen.living == {}
    assert [(lease.shard, lease.owner, lease.epoch) for lease in seen.leases] == [(0, None, 1), (5, None, 0)]
    tx.execute(update(instance).where(instance.c.id == "a").values(expires_at_s=1.0))
    forget_dead_instances(tx)
    renew_leases(tx, "a", term=TERM)
    assert load_leases(tx, [0]).living == {}


@pytest.mark.parametrize("seed", range(5 if IS_SOAK else 2))
def test_the_statements_follow_the_model(tx: Connection, seed: int) -> None:
    random = Random(seed)
    model, held = {number: Lease(shard=number) for number in range(3)}, {"a": {}, "b": {}}  # type: ignore[var-annotated]
    for _ in range(60):
        number, owner = random.randrange(3), random.choice("ab")
        lease, now_s, epoch = model[number], load_leases(tx, [number]).now_s, held[owner].get(number, 0)
        match random.choice(["take", "fence", "give back", "expire"]):
            case "take":
                after = taken(lease, owner, now_s=now_s, lease_s=LEASE_S)
                found = take_shards(tx, owner, [number], term=TERM)
                assert found == ({} if after is None else {number: after.epoch})
                held[owner] |= found
            case "fence":
                after = renewed(lease, owner, epoch, now_s=now_s, lease_s=LEASE_S)
                if after is None:
                    with pytest.raises(StoreFencedError):
                        fence(tx, owner, {number: epoch}, term=TERM)
                else:
                    fence(tx, owner, {number: epoch}, term=TERM)
            case "give back":
                after = released(lease, owner, epoch)
                give_back_shards(tx, owner, {number: epoch})
            case _:
                _expire(tx)
                model = {one: Lease(shard=one, owner=old.owner, epoch=old.epoch) for one, old in model.items()}
                continue
        model[number] = after or lease
        stored = load_leases(tx, [number]).leases[0]
        assert (stored.owner, stored.epoch) == (model[number].owner, model[number].epoch)
        assert stored.expires_at_s == pytest.approx(model[number].expires_at_s, abs=30.0)


def test_a_shard_cannot_be_taken_while_its_owner_writes_it(postgres_server: Postgres) -> None:
    """A lease that ends during a long transaction is taken after it, with all that it has written."""
    url = postgres_server.new_database()
    with closing(open_database(url)) as database, closing(open_database(url)) as other:
        with database.begin() as tx:
            mine = take_shards(tx, "a", [0, 1], term=SHORT)
        with database.begin() as tx:
            fence(tx, "a", {0: mine[0]}, term=OVER, stepped=SLOT)
            # Nor does it keep those from being taken that are free.
            with other.begin() as taking:
                assert take_shards(taking, "b", [0, 1], term=TERM) == {1: 2}
        with other.begin() as taking:
            assert take_shards(taking, "b", [0], term=TERM) == {0: 2}
            assert load_leases(taking, [0]).leases[0].stepped_at == SLOT


def test_an_owner_that_freezes_in_a_transaction_keeps_its_shards_for_seconds_only(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its machine dies: the server would believe in its connection for hours."""
    monkeypatch.setattr(postgres, "_IDLE_WITHIN_S", 1)
    url = postgres_server.new_database()
    with closing(open_database(url)) as database, closing(open_database(url)) as other:

        def is_taken() -> bool:
            with other.begin() as taking:
                return bool(take_shards(taking, "b", [0], term=TERM))

        with database.begin() as tx:
            take_shards(tx, "a", [0], term=SHORT)
        with ExitStack() as frozen:
            tx = frozen.enter_context(database.begin())
            fence(tx, "a", {0: 1}, term=OVER)
            assert not is_taken()
            wait_until(is_taken)
            with pytest.raises(StoreUnavailableError):
                frozen.close()


def test_replicas_that_take_each_others_shards_wait_in_no_circle(postgres_server: Postgres) -> None:
    """As where leases end while their owners go on: all of these do at once."""
    url, names = postgres_server.new_database(), "abcdef"
    failed: list[StoreError] = []
    until_s = time.monotonic() + 4.0

    def write(tx: Connection, owner: str, held: Mapping[int, int], random: Random) -> Mapping[int, int]:
        match random.choice(["take", "take", "renew", "fence", "give back"]):
            case "take":
                return {**held, **take_shards(tx, owner, random.sample(ALL_SHARDS, 40), term=OVER)}
            case "renew":
                renew_leases(tx, owner, term=OVER)
            case "fence":
                fence(tx, owner, held, term=OVER)
            case _:
                give_back_shards(tx, owner, held)
                return {}
        return held

    def work(owner: str) -> None:
        random, held = Random(owner), dict[int, int]()
        with closing(open_database(url)) as database:
            while time.monotonic() < until_s:
                try:
                    with database.begin() as tx:
                        held = dict(write(tx, owner, held, random))
                except StoreFencedError:
                    with database.read() as tx:
                        leases = load_leases(tx, ALL_SHARDS).leases
                    held = {lease.shard: lease.epoch for lease in leases if lease.owner == owner}
                except StoreError as error:
                    failed.append(error)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(work, names))
    assert not failed
