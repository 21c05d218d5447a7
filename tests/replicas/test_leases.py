"""A model of leases, epochs, clocks and replicas that sleep: no two writers, and no shard without one for long.

Replicas take steps of their own at any time, by what they have read some time before; what they send may arrive after
they have slept. The database carries out one transaction after the other, by its own clock.
"""

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.replicas import Lease, LeaseTerm, plan, released, renewed, taken
from tests.support.soak import SOAK

INTERVAL_S = 30.0
TERM = LeaseTerm.of(timedelta(seconds=INTERVAL_S))
NAMES = ("a", "b", "c")
SHARDS = range(6)


class Replica:
    """What one process knows: the shards it believes to hold, each by its epoch."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}
        self.alive = True
        self.asleep = False
        # When it looked last, and from when on it takes what others have not renewed.
        self.looked_s: float | None = None
        self.replaces_from_s = 0.0


class Leases(RuleBasedStateMachine):
    """The table of the leases, and the replicas that use it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0
        self.leases = {shard: Lease(shard=shard) for shard in SHARDS}
        self.seen_s: dict[str, float] = {}
        self.replicas = {name: Replica() for name in NAMES}
        # By shard and epoch, who has committed.
        self.writers: dict[tuple[int, int], str] = {}
        self.newest_written: dict[int, int] = {}
        # How long it has been since anything happened to a replica but to work.
        self.calm_s = 0.0

    @rule(name=st.sampled_from(NAMES))
    def look(self, name: str) -> None:
        """One exchange: renew, then take, give back and forget by what was read."""
        replica = self.replicas[name]
        if replica.alive and not replica.asleep:
            self._exchange(name, replica)

    @rule(name=st.sampled_from(NAMES), shard=st.sampled_from(SHARDS))
    def write(self, name: str, shard: int) -> None:
        """A transaction of an evaluation: it may have been decided before a sleep, as it may arrive after it."""
        replica = self.replicas[name]
        if replica.alive and shard in replica.held:
            self._write(name, shard, replica.held[shard])

    @rule(name=st.sampled_from(NAMES))
    def sleep(self, name: str) -> None:
        self.replicas[name].asleep, self.calm_s = True, 0.0

    @rule(name=st.sampled_from(NAMES))
    def wake(self, name: str) -> None:
        self.replicas[name].asleep, self.calm_s = False, 0.0

    @rule(name=st.sampled_from(NAMES))
    def crash(self, name: str) -> None:
        self.replicas[name].alive, self.calm_s = False, 0.0

    @rule(name=st.sampled_from(NAMES))
    def start(self, name: str) -> None:
        if not self.replicas[name].alive:
            self.replicas[name], self.calm_s = Replica(), 0.0

    @rule(name=st.sampled_from(NAMES))
    def stop(self, name: str) -> None:
        """An orderly stop gives everything back."""
        replica = self.replicas[name]
        if replica.alive and not replica.asleep:
            for shard, epoch in replica.held.items():
                self.leases[shard] = released(self.leases[shard], name, epoch) or self.leases[shard]
            self.seen_s.pop(name, None)
            replica.alive, self.calm_s = False, 0.0

    @precondition(lambda self: all(one.alive and not one.asleep for one in self.replicas.values()))
    @rule(seconds=st.floats(1.0, 600.0), order=st.permutations(NAMES), between_s=st.floats(0.0, TERM.lease_s / 3))
    def outage(self, seconds: float, order: list[str], between_s: float) -> None:
        """The database is away; afterwards all find it again, one after the other, and nothing changes hands."""
        self.two_intervals_without_trouble()
        before = {shard: (lease.owner, lease.epoch) for shard, lease in self.leases.items()}
        for replica in self.replicas.values():
            replica.looked_s = -1e9
        self.now_s += seconds
        for name in order:
            self._exchange(name, self.replicas[name])
            self.now_s += between_s
        assert {shard: (lease.owner, lease.epoch) for shard, lease in self.leases.items()} == before

    @rule(seconds=st.floats(0.1, 20.0))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @precondition(lambda self: any(one.alive and not one.asleep for one in self.replicas.values()))
    @rule()
    def two_intervals_without_trouble(self) -> None:
        """Whatever was before: those who are awake own and can write every shard after two intervals at most."""
        until_s = self.now_s + 2 * INTERVAL_S
        while self.now_s < until_s:
            self.now_s += TERM.look_every_s
            for name, replica in self.replicas.items():
                if replica.alive and not replica.asleep:
                    self._exchange(name, replica)
        awake = {name for name, one in self.replicas.items() if one.alive and not one.asleep}
        for shard, lease in self.leases.items():
            assert lease.owner in awake
            assert lease.owner is not None
            assert self.replicas[lease.owner].held[shard] == lease.epoch
            assert not lease.is_free(self.now_s)

    @invariant()
    def an_epoch_has_one_writer_and_none_writes_after_a_later_one(self) -> None:
        for shard in SHARDS:
            assert self.newest_written.get(shard, 0) <= self.leases[shard].epoch

    @invariant()
    def at_most_one_may_write_a_shard(self) -> None:
        for shard, lease in self.leases.items():
            able = [
                name for name, one in self.replicas.items() if shard in one.held and lease.allows(name, one.held[shard])
            ]
            assert len(able) <= 1

    def _write(self, name: str, shard: int, epoch: int) -> None:
        if not self.leases[shard].allows(name, epoch):
            return
        assert self.writers.setdefault((shard, epoch), name) == name
        assert epoch >= self.newest_written.get(shard, 0)
        self.newest_written[shard] = epoch

    def _exchange(self, name: str, replica: Replica) -> None:
        if replica.looked_s is not None and self.now_s - replica.looked_s > TERM.lease_s:
            replica.replaces_from_s = self.now_s + TERM.lease_s
        replica.looked_s = self.now_s
        self.seen_s[name] = self.now_s + TERM.service_s
        for shard, epoch in replica.held.items():
            kept = renewed(self.leases[shard], name, epoch, now_s=self.now_s, lease_s=TERM.lease_s)
            self.leases[shard] = kept or self.leases[shard]
        living = [one for one, until_s in self.seen_s.items() if until_s > self.now_s]
        wanted = plan(
            self.leases.values(),
            living,
            name,
            held=replica.held,
            now_s=self.now_s,
            may_replace=self.now_s >= replica.replaces_from_s,
        )
        for shard in wanted.lost:
            del replica.held[shard]
        for shard in wanted.give_back:
            self.leases[shard] = released(self.leases[shard], name, replica.held.pop(shard)) or self.leases[shard]
        for shard in wanted.take:
            mine = taken(self.leases[shard], name, now_s=self.now_s, lease_s=TERM.lease_s)
            if mine is not None:
                self.leases[shard], replica.held[shard] = mine, mine.epoch


Leases.TestCase.settings = settings(max_examples=10 * SOAK, stateful_step_count=40, deadline=None)
TestLeases = Leases.TestCase


@pytest.mark.parametrize("interval_s", [3, 5, 10, 30, 60, 300])
def test_what_a_dead_replica_leaves_is_taken_within_two_intervals(interval_s: int) -> None:
    term = LeaseTerm.of(timedelta(seconds=interval_s))
    assert term.lease_s + 2 * term.look_every_s < 2 * interval_s
    assert term.look_every_s * 3 < term.lease_s


def test_a_lease_that_has_expired_is_still_ours_until_another_takes_it() -> None:
    """As after an outage of the database, in which nobody could renew."""
    lease = taken(Lease(shard=0), "a", now_s=0.0, lease_s=15.0)
    assert lease is not None
    assert renewed(lease, "a", lease.epoch, now_s=600.0, lease_s=15.0) is not None
    other = taken(lease, "b", now_s=600.0, lease_s=15.0)
    assert other is not None
    assert renewed(other, "a", lease.epoch, now_s=600.0, lease_s=15.0) is None
    assert released(other, "a", lease.epoch) is None
