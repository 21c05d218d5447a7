"""Which shard an SLO is in, and which replica should own a shard; every replica computes the same."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from app.slo import Slo, SloId, ungrouped_id

# Many more than replicas, so that each has about as many; few enough that their leases are renewed by one statement.
SLO_SHARDS = 64
"""How many shards SLOs are cut into. Fixed: replicas that count differently would evaluate an SLO twice."""
SERVICE_SHARD = SLO_SHARDS
"""The shard of what is done once for all SLOs: pruning, heartbeat, reports, remote write, states of policies."""
ALL_SHARDS = range(SLO_SHARDS + 1)


def shards_of(slos: Iterable[Slo]) -> Mapping[SloId, int]:
    """The shard of each SLO, by its id.

    SLOs that share an SLI, and composites and what they are made of, are counted together, and so are in one shard:
    that of the first of their ids.
    """
    known = list(slos)
    leader: dict[SloId, SloId] = {slo.id: slo.id for slo in known}

    def find(slo: SloId) -> SloId:
        while leader[slo] != slo:
            leader[slo] = slo = leader[leader[slo]]
        return slo

    first_of_sli: dict[str, SloId] = {}
    for slo in known:
        evaluated = slo.sli.evaluated
        composition = None if evaluated is None else evaluated.composition
        keys = (slo.sli.key, *(() if composition is None else (part.key for part in composition.components)))
        for key in keys:
            one, other = find(slo.id), find(first_of_sli.setdefault(key, slo.id))
            leader[max(one, other)] = min(one, other)
    return {slo.id: _number(find(slo.id), SLO_SHARDS) for slo in known}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one replica evaluates: the *slos* of some *shards*."""

    slos: tuple[Slo, ...]
    shards: frozenset[int]
    shard_of: Mapping[SloId, int]

    @classmethod
    def whole(cls, slos: Sequence[Slo]) -> "Share":
        """That of the only process: every SLO, whichever shard it is in."""
        return cls(slos=tuple(slos), shards=frozenset(ALL_SHARDS), shard_of={})

    @classmethod
    def of(cls, slos: Sequence[Slo], shards: Iterable[int]) -> "Share":
        """The share that the replica has of all *slos* of the documents."""
        shard_of, owned = shards_of(slos), frozenset(shards)
        return cls(slos=tuple(slo for slo in slos if shard_of[slo.id] in owned), shards=owned, shard_of=shard_of)

    def owns(self, slo: SloId) -> bool:
        """Whether an SLO or a member of its group is of this share.

        SLOs that are in no document are of the replica that has the shard of the service: it ends their alerts.
        """
        return self.shard_of.get(ungrouped_id(slo), SERVICE_SHARD) in self.shards


def owners_of(shards: Iterable[int], replicas: Collection[str]) -> Mapping[int, str]:
    """The replica that should own each shard, by rendezvous hashing; empty without replicas.

    A replica that joins takes shards from all others, each only those that it should own from then on; of one that
    leaves only its own shards move.
    """
    candidates: Sequence[str] = sorted(replicas)
    if not candidates:
        return {}
    return {shard: max(candidates, key=lambda replica: _weight(replica, shard)) for shard in shards}


def _weight(replica: str, shard: int) -> bytes:
    return blake2b(f"{shard}\n{replica}".encode(), digest_size=8).digest()


def _number(text: str, below: int) -> int:
    # Not `hash`, which differs from process to process.
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % below
