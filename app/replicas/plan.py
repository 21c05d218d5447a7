"""What a replica takes and gives back, by the leases and the living replicas that it has just read."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from app.replicas.leases import Lease
from app.replicas.shards import SERVICE_SHARD, owners_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shards that a replica has lost to others, those that it should take, and those that it should give back."""

    lost: frozenset[int] = frozenset()
    take: frozenset[int] = frozenset()
    give_back: frozenset[int] = frozenset()


def plan(
    leases: Iterable[Lease],
    living: Collection[str],
    me: str,
    *,
    held: Mapping[int, int],
    now_s: float,
    may_replace: bool = True,
    yielding: Collection[str] = (),
) -> Plan:
    """The plan of the replica *me*, which holds the shards *held*, each by its epoch.

    Replicas that are *yielding* should not deliver, which is done by the owner of the shard of the service, as long as
    there are others.

    Only where it *may_replace* others it takes what they have not renewed in time: not after an outage of the database,
    in which none could, until each that is there has had the time to.

    It takes only what is free, and gives back what another living replica should own. So a replica that joins waits
    until the owner has evaluated a slot and given back, and a shard is never without an owner for longer than it takes
    to look.
    """
    known = list(leases)
    preferred = dict(owners_of((lease.shard for lease in known), living))
    if SERVICE_SHARD in preferred:
        preferred |= owners_of([SERVICE_SHARD], set(living).difference(yielding) or living)
    mine = {shard for shard, owner in preferred.items() if owner == me}
    lost = {lease.shard for lease in known if lease.shard in held and not lease.allows(me, held[lease.shard])}
    kept = set(held) - lost
    free = {lease.shard for lease in known if lease.owner is None or (may_replace and lease.is_free(now_s))}
    return Plan(
        lost=frozenset(lost),
        take=frozenset((mine & free) - kept),
        # Without any living replica, what is given back would be taken by none.
        give_back=frozenset(kept - mine) if preferred else frozenset(),
    )
