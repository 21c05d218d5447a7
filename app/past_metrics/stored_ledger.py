"""The ledger in the database of a service, as backtests read it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from app.clock import SystemClock
from app.metrics import BuildInfo, Instruments
from app.past_metrics.stored import exposed_pasts
from app.replay import CountedMember, LedgerReader
from app.slo import Slo
from app.store import open_database_for_reading


@dataclass(frozen=True, slots=True)
class StoredLedger(LedgerReader):
    """The ledger in the database with this *url*, on which a service may work; other processes get it as it is."""

    url: str

    @override
    def counted(self, slos: Sequence[Slo], *, among: Sequence[Slo], start: datetime) -> Sequence[CountedMember]:
        database = open_database_for_reading(self.url)
        try:
            pasts = exposed_pasts(
                slos,
                database,
                among=among,
                start=start,
                now=SystemClock().now(),
                instruments=Instruments(build=BuildInfo.current()),
            )
            return [
                CountedMember(id=exposed.id, slo=exposed.past.slo, row=row)
                for exposed in pasts
                if (row := exposed.counted or exposed.past.row) is not None and not math.isnan(row.first_sample_s)
            ]
        finally:
            database.close()
