"""SLOs in shards, and shards on replicas: the same everywhere, evenly, and few move when replicas come and go."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.documents import Defaults, load_documents
from app.replicas import ALL_SHARDS, SERVICE_SHARD, SLO_SHARDS, Lease, owners_of, plan, shards_of
from app.slo import Slo, SloId

_DOCUMENT = """
service: shop
slos:
  - name: parts-a
    window: 30d
    objective: 99.9
    sli: {total: 'requests_total{job="a"}', bad: 'requests_total{job="a",code=~"5.."}'}
  - name: stricter
    window: 30d
    objective: 99
    sli: {total: 'requests_total{job="a"}', bad: 'requests_total{job="a",code=~"5.."}'}
  - name: parts-b
    window: 30d
    objective: 99.9
    sli: {total: 'requests_total{job="b"}', bad: 'requests_total{job="b",code=~"5.."}'}
  - name: whole
    window: 30d
    objective: 99
    sli: {all_of: [shop-parts-a, shop-parts-b]}
"""


@pytest.fixture
def slos(tmp_path: Path) -> tuple[Slo, ...]:
    path = tmp_path / "slos.yaml"
    path.write_text(_DOCUMENT)
    found = load_documents(path, defaults=Defaults())
    assert not found.errors
    return tuple(found.slos)


def test_what_is_counted_together_is_in_one_shard(slos: tuple[Slo, ...]) -> None:
    assert len(slos) == 4
    assert len(set(shards_of(slos).values())) == 1


def test_what_is_not_stays_where_it_was_in_any_order(slos: tuple[Slo, ...]) -> None:
    many = [replace(slos[2], id=SloId(f"slo-{number}")) for number in range(5)]
    apart = {slo.id: shard for slo in many for shard in shards_of([slo]).values()}
    assert set(apart.values()) <= set(range(SLO_SHARDS))
    assert len(set(apart.values())) > 1
    together = shards_of(many)
    assert shards_of(reversed(many)) == together
    # They share an SLI, so that the first id leads.
    assert set(together.values()) == {apart[SloId("slo-0")]}


def test_the_shards_of_some_ids_never_change() -> None:
    """Replicas of two versions of this program would otherwise evaluate an SLO twice."""
    assert SERVICE_SHARD == 64
    assert owners_of([0, 2, 3, SERVICE_SHARD], ["a", "b"]) == {0: "a", 2: "a", 3: "b", SERVICE_SHARD: "a"}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8])
def test_shards_are_spread_evenly(count: int) -> None:
    replicas = [f"replica-{number}" for number in range(count)]
    owners = owners_of(ALL_SHARDS, replicas)
    assert set(owners) == set(ALL_SHARDS)
    shares = [sum(owner == replica for owner in owners.values()) for replica in replicas]
    assert min(shares) * 4 > len(ALL_SHARDS) / count


def test_only_shards_of_who_joins_or_leaves_move() -> None:
    before = owners_of(ALL_SHARDS, ["a", "b", "c"])
    after = owners_of(ALL_SHARDS, ["a", "b", "c", "d"])
    moved = {shard for shard in ALL_SHARDS if before[shard] != after[shard]}
    assert moved
    assert {after[shard] for shard in moved} == {"d"}
    assert owners_of(ALL_SHARDS, []) == {}


def test_delivery_moves_from_who_yields_to_another_and_nothing_else_does() -> None:
    """Where all have yielded, each may as well."""
    names = ["a", "b", "c"]
    delivers = owners_of([SERVICE_SHARD], names)[SERVICE_SHARD]
    leases = [Lease(shard=shard) for shard in ALL_SHARDS]

    def wanted(yielding: list[str]) -> dict[str, set[int]]:
        plans = {me: plan(leases, names, me, held={}, now_s=0.0, yielding=yielding) for me in names}
        return {me: set(one.take) for me, one in plans.items()}

    before, after = wanted([]), wanted([delivers])
    assert wanted(names) == before
    assert SERVICE_SHARD not in after[delivers]
    assert [SERVICE_SHARD in one for one in after.values()].count(True) == 1
    assert {me: one - {SERVICE_SHARD} for me, one in after.items()} == {
        me: one - {SERVICE_SHARD} for me, one in before.items()
    }
