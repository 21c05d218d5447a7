"""The leases of the shards: which replica evaluates what, and until when by the clock of the database (ADR-0089).

Every statement asks the row that it changes again, so that two replicas that have read the same take nothing twice.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    String,
    Table,
    case,
    false,
    func,
    or_,
    select,
    tuple_,
    update,
)

from app.replicas import SERVICE_SHARD, Lease, LeaseTerm
from app.store.database_clock import database_now_s
from app.store.errors import StoreFencedError
from app.store.instances import instance
from app.store.moments import Moment
from app.store.schema import metadata
from app.store.upsert import insert_missing

shard = Table(
    "shard",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("owner", String),
    # The fencing token: a replica that slept writes by the epoch that it knows, and another has raised it since.
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at_s", Float(53), nullable=False),
    Column("stepped_at", Moment),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTable:
    """All leases as one moment shows them; *living* are the replicas that evaluate, with what people know them by.

    Those that are *yielding* could reach no receiver lately, and leave it to others to deliver.
    """

    now_s: float
    leases: tuple[Lease, ...]
    living: Mapping[str, str]
    yielding: frozenset[str] = frozenset()


def load_leases(connection: Connection, shards: Iterable[int]) -> LeaseTable:
    """The leases of *shards*, also of those that no replica has ever taken."""
    found = {row.shard: Lease(**row._mapping) for row in connection.execute(select(shard))}  # noqa: SLF001  its mapping
    now_s = connection.execute(select(database_now_s(connection))).scalar_one()
    evaluates = instance.c.evaluates_until_s > now_s
    yields = func.coalesce(instance.c.yields_until_s > now_s, false()).label("yields")
    living = connection.execute(select(instance.c.id, instance.c.name, yields).where(evaluates)).all()
    return LeaseTable(
        now_s=now_s,
        leases=tuple(found.get(number, Lease(shard=number)) for number in shards),
        living={row.id: row.name for row in living},
        yielding=frozenset(row.id for row in living if row.yields),
    )


def renew_leases(connection: Connection, owner: str, *, term: LeaseTerm, only_service: bool = False) -> None:
    """Note that a replica lives and evaluates; what it owns it owns for a *term* from now on."""
    living_until_s = database_now_s(connection) + term.service_s
    connection.execute(update(instance).where(instance.c.id == owner).values(evaluates_until_s=living_until_s))
    mine = shard.c.owner == owner
    if only_service:
        mine &= shard.c.shard == SERVICE_SHARD
    # What is locked is written by an evaluation of the same replica, which renews it too, or is being taken.
    unlocked = connection.execute(select(shard.c.shard).where(mine).with_for_update(skip_locked=True)).scalars().all()
    renewed = mine & shard.c.shard.in_(unlocked)
    connection.execute(update(shard).where(renewed).values(expires_at_s=_until_s(connection, term)))


def yield_delivery(connection: Connection, owner: str, *, for_s: float) -> None:
    """Note that a replica leaves it to others to deliver, for some seconds from now on."""
    until_s = database_now_s(connection) + for_s
    connection.execute(update(instance).where(instance.c.id == owner).values(yields_until_s=until_s))


def take_shards(connection: Connection, owner: str, shards: Collection[int], *, term: LeaseTerm) -> Mapping[int, int]:
    """Take those of *shards* that are free now; the epoch of each that was taken."""
    now_s = database_now_s(connection)
    # Not those that are there: PostgreSQL waits for who writes them.
    new = set(shards).difference(connection.execute(select(shard.c.shard)).scalars())
    insert_missing(connection, shard, [{"shard": number, "epoch": 0, "expires_at_s": 0.0} for number in sorted(new)])
    is_free = or_(shard.c.owner.is_(None), shard.c.expires_at_s <= now_s)
    # What another is taking, or is still written by its owner, is left for the next look: one that waits holds up all.
    unlocked = select(shard.c.shard).where(shard.c.shard.in_(shards) & is_free).with_for_update(skip_locked=True)
    mine = shard.c.shard.in_(connection.execute(unlocked).scalars().all()) & is_free
    values = {"owner": owner, "epoch": shard.c.epoch + 1, "expires_at_s": _until_s(connection, term)}
    taken = connection.execute(update(shard).where(mine).values(values).returning(shard.c.shard, shard.c.epoch))
    return {row.shard: row.epoch for row in taken}


def give_back_shards(connection: Connection, owner: str, held: Mapping[int, int]) -> None:
    """Free shards, each held by an epoch; those that another has taken meanwhile stay with it."""
    if held:
        _lock(connection, _is_held(owner, held))
        connection.execute(update(shard).where(_is_held(owner, held)).values(owner=None, expires_at_s=0.0))


def leave(connection: Connection, owner: str, held: Mapping[int, int]) -> None:
    """Free what a replica holds, and note that it evaluates no more."""
    give_back_shards(connection, owner, held)
    connection.execute(update(instance).where(instance.c.id == owner).values(evaluates_until_s=None))


def fence(
    connection: Connection, owner: str, held: Mapping[int, int], *, term: LeaseTerm, stepped: datetime | None = None
) -> None:
    """Make sure that a replica may write the shards *held*, each by an epoch, until the transaction ends.

    No other can take them before. *stepped* is the newest slot that their alerts were stepped through.

    Raises:
        StoreFencedError: another has taken some of them.
    """
    if not held:
        return
    _lock(connection, _is_held(owner, held))
    # Also that of the service, which is not renewed before this transaction ends.
    values: dict[str, object] = {"expires_at_s": database_now_s(connection) + term.lease_s}
    if stepped is not None:
        values["stepped_at"] = stepped
    kept = connection.execute(update(shard).where(_is_held(owner, held)).values(values)).rowcount
    if kept != len(held):
        raise StoreFencedError(f"another replica has taken {len(held) - kept} of {len(held)} shards meanwhile")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldShards:
    """The shards that a replica holds, each by its epoch."""

    owner: str
    epochs: Mapping[int, int]
    term: LeaseTerm

    def check(self, connection: Connection, *, stepped: datetime | None = None) -> None:
        """As `fence`.

        Raises:
            StoreFencedError: another has taken some of them.
        """
        fence(connection, self.owner, self.epochs, term=self.term, stepped=stepped)


class ServiceLease:
    """Whether this process does what is done once for all SLOs; where there are no replicas it always does.

    Attributes:
        held: the shard of the service, as this process holds it; None without replicas. Written by the engine's thread,
            read by any.
    """

    def __init__(self) -> None:
        self.held: HeldShards | None = None
        self._shared = False

    @property
    def is_mine(self) -> bool:
        """Whether it is this process, as far as it knows."""
        return not self._shared or self.held is not None

    def hold(self, held: HeldShards) -> None:
        """Do it by these shards of a replica, if that of the service is among them."""
        self._shared = True
        mine = {number: epoch for number, epoch in held.epochs.items() if number == SERVICE_SHARD}
        self.held = replace(held, epochs=mine) if mine else None

    def check(self, connection: Connection) -> None:
        """Make sure that no other replica does it, until the transaction ends.

        Raises:
            StoreFencedError: another does, or may.
        """
        if not self._shared:
            return
        held = self.held
        if held is None:
            raise StoreFencedError("another replica does what is done once for all SLOs")
        held.check(connection)


def load_stepped_of(connection: Connection, shards: Collection[int]) -> datetime | None:
    """The newest slot that alerts of any of *shards* have been stepped through; None if there is none."""
    return connection.execute(
        select(func.max(shard.c.stepped_at, type_=Moment)).where(shard.c.shard.in_(shards))
    ).scalar()


def _until_s(connection: Connection, term: LeaseTerm) -> ColumnElement[float]:
    """When the lease of each shard ends that begins now."""
    lasts_s = case((shard.c.shard == SERVICE_SHARD, term.service_s), else_=term.lease_s)
    return database_now_s(connection) + lasts_s


def _lock(connection: Connection, which: ColumnElement[bool]) -> None:
    """Wait for leases that others write, in the same order everywhere.

    An `UPDATE` has an order of its own, and also locks what another replica has taken meanwhile: two could wait in a
    circle.
    """
    connection.execute(select(shard.c.shard).where(which).order_by(shard.c.shard).with_for_update()).all()


def _is_held(owner: str, held: Mapping[int, int]) -> ColumnElement[bool]:
    return (shard.c.owner == owner) & tuple_(shard.c.shard, shard.c.epoch).in_(list(held.items()))
