"""Keeps what adjustments take from days and incidents, before the ledger forgets its slots (ADR-0088)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.adjustments import Adjustment, CurrentAdjustments, occurrences
from app.clock import Clock
from app.reports import report_question
from app.schedule import ScheduleInstruments, guarded
from app.status import Reports
from app.store.shards import ServiceLease

# Windows of maintenance are written in minutes.
_LOOKED_EVERY_S = 60.0
# Slots are kept for a day, cells of five minutes for three.
_MADE_EVERY = timedelta(minutes=10)
_USUALLY, _AFTER_CHANGES = "3d", "35d"
# The longer of the two with the period before it, and the days that have begun.
_REACH = timedelta(days=2 * 35 + 2)


class AdjustedDaysKeeper:
    """Makes a report of the last days again and again: what adjustments take from each day is kept by that.

    After a change of the adjustments, and after a start, as far as the ledger of a month reaches. Nothing is read
    without an adjustment that occurred in that time.
    """

    def __init__(
        self,
        reports: Reports,
        current: CurrentAdjustments,
        clock: Clock,
        *,
        service_lease: ServiceLease | None = None,
    ) -> None:
        self._service_lease = service_lease or ServiceLease()
        self._reports = reports
        self._current = current
        self._clock = clock
        self._for: object = None
        self._made_at: datetime | None = None

    async def run(self, instruments: ScheduleInstruments) -> None:
        """Look again and again, until cancelled."""
        while True:
            await guarded("keeping what is adjusted", self.step(), instruments=instruments)
            await asyncio.sleep(_LOOKED_EVERY_S)

    async def step(self) -> None:
        """Make the report if it is due.

        Raises:
            StoreError: it cannot be read.
        """
        adjustments, now = self._current.all, self._clock.now()
        # By identity: `CurrentAdjustments` has another tuple after each change.
        is_changed = adjustments is not self._for
        if not self._service_lease.is_mine or not adjustments:
            return
        if not (is_changed or self._made_at is None or now - self._made_at >= _MADE_EVERY):
            return
        await asyncio.to_thread(self._report, adjustments, _AFTER_CHANGES if is_changed else _USUALLY, now)
        self._for, self._made_at = adjustments, now

    def _report(self, adjustments: Sequence[Adjustment], period: str, now: datetime) -> None:
        if any(occurrences(one, now - _REACH, now) for one in adjustments):
            self._reports.report(report_question(period=period, at=None, now=now))
