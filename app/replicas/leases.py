"""The rules by which the lease of a shard changes hands; the statements of `app.store.shards` do the same in SQL.

*now_s* is always the clock of the database: those of the replicas may differ, and stand still while one is frozen.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# Below it a slow transaction would lose leases; above it, a crash is noticed late.
_SHORTEST_S, _LONGEST_S = 3.0, 15.0
# Of what is done once for all SLOs: who takes it has nothing to load, and pages wait for it.
_SERVICE_S = 5.0


@dataclass(frozen=True, slots=True)
class LeaseTerm:
    """How long leases of shards of SLOs last without a renewal, and how often replicas look for free ones."""

    lease_s: float
    look_every_s: float

    @property
    def service_s(self) -> float:
        """How long the lease of the service lasts, and a replica counts as living without a word of it."""
        return min(self.lease_s, _SERVICE_S)

    @classmethod
    def of(cls, interval: timedelta) -> "LeaseTerm":
        """The term for an evaluation interval: what a dead replica leaves is evaluated within two intervals.

        That holds from intervals of three seconds on: a lease ends within one interval, and is taken within a second.
        """
        lease_s = min(max(interval.total_seconds(), _SHORTEST_S), _LONGEST_S)
        return cls(lease_s=lease_s, look_every_s=min(1.0, lease_s / 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who owns a shard: *owner* (None if it is free) until *expires_at_s*, by the clock of the database.

    *epoch* grows with every change of owner. It is what writes are checked by: of two replicas that both believe to own
    a shard, only one has its newest epoch. *stepped_at* is the newest slot that its alerts were stepped through.
    """

    shard: int
    owner: str | None = None
    epoch: int = 0
    expires_at_s: float = 0.0
    stepped_at: datetime | None = None

    def is_free(self, now_s: float) -> bool:
        """Whether any replica may take it."""
        return self.owner is None or self.expires_at_s <= now_s

    def allows(self, owner: str, epoch: int) -> bool:
        """Whether *owner* may write by an epoch: also after the lease has expired, as long as no other has taken it."""
        return self.owner == owner and self.epoch == epoch


def taken(lease: Lease, owner: str, *, now_s: float, lease_s: float) -> Lease | None:
    """The lease once *owner* has taken it; None if it is not free."""
    if not lease.is_free(now_s):
        return None
    return replace(lease, owner=owner, epoch=lease.epoch + 1, expires_at_s=now_s + lease_s)


def renewed(lease: Lease, owner: str, epoch: int, *, now_s: float, lease_s: float) -> Lease | None:
    """The lease once its owner has renewed it; None if another has taken it meanwhile."""
    return replace(lease, expires_at_s=now_s + lease_s) if lease.allows(owner, epoch) else None


def released(lease: Lease, owner: str, epoch: int) -> Lease | None:
    """The lease once its owner has given it back; None if another has taken it meanwhile."""
    return replace(lease, owner=None, expires_at_s=0.0) if lease.allows(owner, epoch) else None
