"""This process as one of several on one database: which shards it evaluates, and what the others show (ADR-0092).

It looks at the leases about once a second. What is free and should be its own it takes, brings up to its own slot, and
then evaluates with the rest; what another should have it gives back after an evaluation.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from app.replicas import ALL_SHARDS, SERVICE_SHARD, LeaseTerm, Plan, plan
from app.service.components import Components
from app.slo import Slo, SloId
from app.status.shown import ShownSlos, decode_shown
from app.store import Database, StoreError, StoreLockedError, StoreUnavailableError, Transaction
from app.store.shards import (
    HeldShards,
    LeaseTable,
    give_back_shards,
    leave,
    load_leases,
    renew_leases,
    take_shards,
    yield_delivery,
)
from app.store.shown import load_shown, load_shown_slots

_log = structlog.get_logger(__name__)
# Renewed so often in the time of a lease that one renewal may fail.
_RENEWALS = 3
# A failover of the database takes a minute or two; what lasted longer is judged as it is now.
_MOST_CAUGHT_UP = 10
# Then it may try again: its way to the receivers may be mended, and that of the other cut.
_YIELDS_S = 600.0
# Of all time, for reading what others show: it takes the interpreter from the evaluations.
_READING_SHARE = 0.1


def slots_after(stepped: datetime, until: datetime, *, interval: timedelta) -> Sequence[datetime]:
    """The slots through which alerts are stepped *until* one, oldest first, where *stepped* is the newest so far.

    Each of few: a process that is no more may have decided in any of them, and sent pages from memory. Decided in a
    later slot, these would be other pages, under keys of their own (ADR-0116).
    """
    count = (until - stepped) // interval
    if count > _MOST_CAUGHT_UP:
        return (until,)
    return tuple(until - number * interval for number in reversed(range(count)))


class Evaluating(Protocol):
    """What evaluates the shards of a replica; all of it belongs into one event loop."""

    @property
    def evaluated(self) -> datetime | None:
        """The newest slot that this process has evaluated; None before the first."""

    @property
    def can_switch(self) -> bool:
        """Whether all that was evaluated is written, or belongs to another replica now."""

    async def use(self, held: HeldShards) -> None:
        """Evaluate these shards from now on.

        Raises:
            StoreError: they cannot be loaded; those of before are evaluated further.
        """

    async def catch_up(self, held: HeldShards, slots: Sequence[datetime]) -> bool:
        """Evaluate some slots of these shards alone, oldest first; whether that is written."""


class Replica:
    """The shards of this process, and what it knows of the other replicas.

    Attributes:
        seen: the leases as of the last look.
        others: what the other replicas show, by shard.
    """

    def __init__(self, components: Components, evaluating: Evaluating) -> None:
        self._database: Database = components.database
        self._service = components.service_lease
        self._clock = components.clock
        self._interval: timedelta = components.settings.evaluation_interval
        self._evaluating = evaluating
        self.term = LeaseTerm.of(self._interval)
        self.held = HeldShards(owner=self._database.instance, epochs={}, term=self.term)
        self._service.hold(self.held)
        # Taken, and not evaluated here yet; each with its newest slot.
        self._waiting: dict[int, tuple[int, datetime | None]] = {}
        self.seen = LeaseTable(now_s=0.0, leases=(), living={})
        self.others: dict[int, ShownSlos] = {}
        self._renewed_s = self._lived_s = self._read_not_before_s = 0.0
        # A process that starts has missed nothing: what has ended then is free.
        self._looked_s, self._replaces_from_s = math.inf, 0.0
        self._failing = self._is_stuck = False

    @property
    def is_alone(self) -> bool:
        """Whether no other replica was there at the last look."""
        return len(self.seen.living) <= 1

    @property
    def names(self) -> Sequence[str]:
        """What people know the replicas by, with how many shards each has, which one delivers and which one this is."""
        owners = {lease.shard: lease.owner for lease in self.seen.leases}
        shards = Counter(owners.values())
        return [
            f"{name}{' (this one)' if one == self.held.owner else ''}: {shards[one]} of {len(ALL_SHARDS)} shards"
            f"{', delivers' if owners.get(SERVICE_SHARD) == one else ''}"
            for one, name in self.seen.living.items()
        ]

    @property
    def unowned(self) -> int:
        """How many shards no replica has."""
        return sum(lease.is_free(self.seen.now_s) for lease in self.seen.leases)

    @property
    def stuck(self) -> int:
        """How many shards this replica has and cannot load, so that none evaluates them."""
        return len(self._waiting) if self._is_stuck else 0

    @property
    def _taken(self) -> dict[int, int]:
        """The shards that this process has the leases of, with their epochs: evaluated here, or waiting for it."""
        return {**self.held.epochs, **{number: epoch for number, (epoch, _) in self._waiting.items()}}

    def begin(self) -> None:
        """Take what is free at the start; blocks.

        Raises:
            StoreError: the leases cannot be read.
        """
        wanted = self._look()
        self._waiting = dict(self._take(wanted.take))

    async def join(self) -> bool:
        """Evaluate what was taken from now on; False if that must wait for a moment. No evaluation may be under way.

        Raises:
            StoreError: it cannot be loaded.
        """
        last = self._evaluating.evaluated
        newest = max((stepped for _, stepped in self._waiting.values() if stepped is not None), default=None)
        if last is not None and newest is not None and timedelta(0) < newest - last <= self._interval:
            # This process has still to evaluate that slot: its own alerts would miss it.
            return False
        # Until it has succeeded.
        self._is_stuck = True
        target = last or newest
        lagging: dict[datetime, dict[int, int]] = {}
        for number, (epoch, stepped) in self._waiting.items():
            if stepped is not None and target is not None and stepped < target:
                lagging.setdefault(stepped, {})[number] = epoch
        for stepped, epochs in lagging.items():
            if target is not None and not await self._catch_up(epochs, stepped, target):
                return False
        await self._use(self._taken)
        self._waiting.clear()
        self._is_stuck = False
        return True

    async def _catch_up(self, epochs: Mapping[int, int], stepped: datetime, target: datetime) -> bool:
        """Evaluate the slots of some shards that no replica has evaluated; whether that is written."""
        slots = slots_after(stepped, target, interval=self._interval)
        if not await self._evaluating.catch_up(self._held(epochs), slots):
            return False
        for number in epochs:
            self._waiting[number] = (self._waiting[number][0], target)
        return True

    async def look(self, swapping: asyncio.Lock) -> bool:
        """Look at the leases, and take what should be evaluated here; whether this process does something new.

        *swapping* is held by evaluations.
        """
        try:
            wanted = await asyncio.to_thread(self._look)
            self._waiting = {one: has for one, has in self._waiting.items() if one not in wanted.lost}
            if wanted.lost & self.held.epochs.keys():
                async with swapping:
                    # An evaluation that was refused meanwhile has done so already.
                    if wanted.lost & self.held.epochs.keys():
                        await self._lose(wanted.lost)
            if wanted.take:
                self._waiting |= await asyncio.to_thread(self._take, wanted.take)
            if self._waiting:
                async with swapping:
                    return await self.join()
        except StoreError as error:
            self._failed(error)
            return False
        if self._failing:
            _log.info("the leases of the replicas can be read and written again")
        self._failing = False
        return bool(wanted.lost)

    def _failed(self, error: StoreError) -> None:
        """Log the first failure of an outage; its end is logged too."""
        if not self._failing and self._is_stuck and not isinstance(error, StoreUnavailableError | StoreLockedError):
            _log.error(
                "shards cannot be loaded, and no replica evaluates them", shards=len(self._waiting), error=str(error)
            )
        elif not self._failing:
            _log.warning("the leases of the replicas cannot be read or written", error=str(error))
        self._failing = True
        if isinstance(error, StoreUnavailableError):
            self._looked_s = -math.inf

    async def lose(self) -> None:
        """Evaluate only what is left, after another replica has taken shards. No evaluation may be under way.

        Raises:
            StoreError: it is not known what is left, or it cannot be loaded.
        """
        await self._lose((await asyncio.to_thread(self._look)).lost)

    def missed(self, slots: int, at: datetime) -> int:
        """How many of the last *slots* before the slot *at* no replica has evaluated all SLOs in; blocks.

        Of a process that slept others have taken the shards meanwhile.
        """
        with suppress(StoreError):
            with self._database.read() as transaction:
                stepped = [one.stepped_at for one in load_leases(transaction, ALL_SHARDS).leases]
            known = [one for one in stepped if one is not None]
            return max(0, min(slots, (at - min(known)) // self._interval - 1)) if known else slots
        return slots

    async def give_back(self) -> bool:
        """Give back what another replica should evaluate, if everything is written; whether something was.

        After an evaluation, so that the other has a whole interval. No evaluation may be under way. What cannot be
        given back now is after a later one.
        """
        try:
            return await self._give_back_some()
        except StoreError as error:
            self._failed(error)
            return False

    async def _give_back_some(self) -> bool:
        was_alone = self.is_alone
        wanted = (await asyncio.to_thread(self._look)).give_back & self.held.epochs.keys()
        # Not before an evaluation has written what it shows, so that every replica knows all SLOs at any time.
        if not wanted or was_alone or not self._evaluating.can_switch:
            return False
        given = {number: self.held.epochs[number] for number in wanted}
        rest = {number: epoch for number, epoch in self.held.epochs.items() if number not in wanted}
        self._service.hold(self._held(rest))
        await asyncio.to_thread(self._give_back, given)
        await self._use(rest)
        return True

    def yield_delivery(self) -> bool:
        """Leave it to another replica to deliver, since this one reaches no receiver; whether there is one. Blocks.

        One that has yielded itself has reached none either; this one yields once.

        Raises:
            StoreError: it cannot be written.
        """
        others = self.seen.living.keys() - self.seen.yielding - {self.held.owner}
        if not others or self.held.owner in self.seen.yielding:
            return False
        with self._database.begin() as transaction:
            yield_delivery(transaction, self.held.owner, for_s=_YIELDS_S)
        return True

    def leave(self) -> None:
        """Give back everything, and evaluate nothing any more; blocks.

        Raises:
            StoreError: it cannot be given back; others take it once the leases end.
        """
        epochs = self._taken
        self.held = self._held({})
        self._service.hold(self.held)
        self._waiting.clear()
        with self._database.begin() as transaction:
            leave(transaction, self.held.owner, epochs)

    def read_others(self, slos: Mapping[SloId, Slo], *, stale_after: timedelta) -> bool:
        """Read what other replicas have shown since the last time; whether there is something new. Blocks.

        Raises:
            StoreError: it cannot be read.
        """
        kept = {number: shown for number, shown in self.others.items() if number not in self.held.epochs}
        is_new = kept.keys() != self.others.keys()
        if len(self.held.epochs) < len(ALL_SHARDS):
            with self._database.read() as transaction:
                newest = load_shown_slots(transaction)
                changed = [one for one in newest.keys() - self.held.epochs.keys() if self._has_changed(one, newest)]
                read = self._read(transaction, changed, slos)
            # By what is written, not by what was read: of tens of thousands of SLOs not each slot is.
            oldest = self._clock.now() - stale_after
            late = {number for number, at in newest.items() if at < oldest}
            current = {number: shown for number, shown in (kept | read).items() if not shown.is_stale}
            stale = {number: shown.as_stale() for number, shown in current.items() if number in late}
            is_new, kept = is_new or bool(read or stale), kept | read | stale
        self.others = kept
        return is_new

    def _has_changed(self, shard: int, newest: Mapping[int, datetime]) -> bool:
        known = self.others.get(shard)
        return known is None or known.at != newest[shard]

    def _read(
        self, transaction: Transaction, changed: Collection[int], slos: Mapping[SloId, Slo]
    ) -> dict[int, ShownSlos]:
        """What is shown of some shards; nothing as long as reading it would take too much of the time."""
        read: dict[int, ShownSlos] = {}
        began_s = time.monotonic()
        if not changed or began_s < self._read_not_before_s:
            return read
        for one in load_shown(transaction, changed):
            try:
                read[one.shard] = decode_shown(one.body, one.at, slos)
            except ValueError as error:
                # Of a replica of another version, until all are of the same.
                _log.debug("what another replica shows cannot be read", shard=one.shard, error=str(error))
                read[one.shard] = ShownSlos(at=one.at)
        self._read_not_before_s = time.monotonic() + (time.monotonic() - began_s) / _READING_SHARE
        return read

    def forget_others(self) -> None:
        """Read all of it again: the documents are others."""
        self.others = {}

    def _look(self) -> Plan:
        owner, now_s = self.held.owner, time.monotonic()
        if now_s - self._looked_s > self.term.lease_s:
            # The database was away, or this process slept: what others could not renew is still theirs.
            self._replaces_from_s = now_s + self.term.lease_s
        is_all_due = now_s - self._renewed_s >= self.term.lease_s / _RENEWALS
        if is_all_due or now_s - self._lived_s >= self.term.service_s / _RENEWALS:
            with self._database.begin() as transaction:
                renew_leases(transaction, owner, term=self.term, only_service=not is_all_due)
            self._renewed_s, self._lived_s = now_s if is_all_due else self._renewed_s, now_s
        with self._database.read() as transaction:
            self.seen = load_leases(transaction, ALL_SHARDS)
        self._looked_s = time.monotonic()
        return plan(
            self.seen.leases,
            self.seen.living,
            owner,
            held=self._taken,
            now_s=self.seen.now_s,
            may_replace=self._looked_s >= self._replaces_from_s,
            yielding=self.seen.yielding,
        )

    def _take(self, shards: Iterable[int]) -> Mapping[int, tuple[int, datetime | None]]:
        with self._database.begin() as transaction:
            epochs = take_shards(transaction, self.held.owner, sorted(shards), term=self.term)
            stepped = {one.shard: one.stepped_at for one in load_leases(transaction, sorted(epochs)).leases}
        if epochs:
            _log.info("shards taken", shards=len(epochs), service=SERVICE_SHARD in epochs)
        return {number: (epoch, stepped[number]) for number, epoch in epochs.items()}

    def _give_back(self, given: Mapping[int, int]) -> None:
        with self._database.begin() as transaction:
            give_back_shards(transaction, self.held.owner, given)
        _log.info("shards given back", shards=len(given))

    async def _lose(self, lost: Iterable[int]) -> None:
        gone = set(lost)
        await self._use({number: epoch for number, epoch in self.held.epochs.items() if number not in gone})
        # Afterwards: what fails is tried again each second, until what was kept in memory has been refused.
        _log.warning("other replicas have taken shards of this one", shards=len(gone))

    async def _use(self, epochs: Mapping[int, int]) -> None:
        held = self._held(epochs)
        await self._evaluating.use(held)
        self.held = held
        self._service.hold(held)

    def _held(self, epochs: Mapping[int, int]) -> HeldShards:
        return replace(self.held, epochs=dict(epochs))
