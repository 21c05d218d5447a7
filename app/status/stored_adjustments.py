"""The adjustments in the database, made available to evaluations."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from typing_extensions import override

from app.adjustments import Adjustment, CurrentAdjustments, occurrences_a_year
from app.clock import Clock
from app.status.adjustment_log import AdjustmentLog, TooManyAdjustmentsError
from app.store import Database, Transaction
from app.store.adjustments import (
    MOST_ADJUSTMENTS,
    AuditedChange,
    audit_of,
    find_adjustment,
    load_adjustments,
    save_adjustment,
)
from app.store.audit import record_change

# As the API names them.
_ACTIONS = {
    "created": "addAdjustment",
    "changed": "changeAdjustment",
    "withdrawn": "withdrawAdjustment",
    "imported": "importAdjustments",
}
# An evaluation expands them all after each change: so many take a second.
_MOST_OCCURRENCES_A_YEAR = 250_000


class StoredAdjustments(AdjustmentLog):
    """The adjustments in the database; those that are not withdrawn apply."""

    def __init__(self, database: Database, current: CurrentAdjustments, clock: Clock) -> None:
        self._database = database
        self._current = current
        self._clock = clock

    def publish(self) -> None:
        """Let evaluations know what was stored before the start, or by other replicas."""
        with self._current.storing:
            stored = tuple(one for one in self.listed() if one.withdrawn_at is None)
            # What was computed from the same adjustments is kept with them.
            if stored != self._current.all:
                self._current.replace(stored)

    @override
    def listed(self) -> Sequence[Adjustment]:
        with self._database.read() as transaction:
            return load_adjustments(transaction)

    @override
    def find(self, adjustment: str) -> Adjustment | None:
        with self._database.read() as transaction:
            return find_adjustment(transaction, adjustment)

    @override
    def audit(self, adjustment: str) -> Sequence[AuditedChange]:
        with self._database.read() as transaction:
            return audit_of(transaction, adjustment)

    @override
    def save(self, adjustments: Sequence[Adjustment], *, action: str, author: str) -> None:
        # Before anything is locked: of a thousand rules it takes seconds, for which no evaluation could be written.
        # What is counted is remembered.
        _check_occurrences([one for one in adjustments if one.withdrawn_at is None])
        with self._current.storing:
            with self._database.begin() as transaction:
                for one in adjustments:
                    self._save(transaction, one, action=action, author=author)
                current = [one for one in load_adjustments(transaction) if one.withdrawn_at is None]
                if len(current) > MOST_ADJUSTMENTS:
                    raise TooManyAdjustmentsError(
                        f"there may be at most {MOST_ADJUSTMENTS:,} adjustments: withdraw some, or use one that recurs"
                    )
                _check_occurrences(current)
            # Written first: no adjustment applies that a restart would not read back.
            self._current.replace(current)

    def _save(self, transaction: Transaction, given: Adjustment, *, action: str, author: str) -> None:
        known, now = find_adjustment(transaction, given.id), self._clock.now()
        save_adjustment(transaction, given, action=action, author=author, at=now)
        record_change(
            transaction,
            action=_ACTIONS.get(action, action),
            target=given.id,
            at=now,
            before=None if known is None else asdict(known),
            after=asdict(given),
        )


def _check_occurrences(adjustments: Iterable[Adjustment]) -> None:
    total = 0
    for one in adjustments:
        total += occurrences_a_year(one)
        if total > _MOST_OCCURRENCES_A_YEAR:
            raise TooManyAdjustmentsError(
                f"all adjustments may occur at most {_MOST_OCCURRENCES_A_YEAR:,} times a year: withdraw some, "
                "or name several SLOs, services or labels in one"
            )
