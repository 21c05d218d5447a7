"""Days and definitions as evaluations leave them in a database, for reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from app.reports import SloDefinition
from app.slo import GroupKey, Sla, SloId, day_starts
from app.store import Database
from app.store.daily_totals import DailyTotal, save_daily_totals
from app.store.definitions import save_definitions
from app.store.ledger import add_rows

DAY = timedelta(days=1)
PER_DAY = 86_400.0
"""Events of a day."""


@dataclass
class Documents:
    """What documents say of SLOs; each change of them is noted."""

    database: Database
    definitions: dict[str, SloDefinition] = field(default_factory=dict)

    def say(self, at: date, *, slo: str = "checkout-availability", objective: float = 0.999, **more: object) -> None:
        """Define an SLO from the noon of a day on."""
        service, _, name = slo.partition("-")
        values = {"service": service, "name": name, "sli": f"sli of {slo}", **more}
        self.definitions[slo] = SloDefinition(slo=SloId(slo), since_s=0, objective=objective, **values)  # type: ignore[arg-type]
        self._save(at)

    def remove(self, at: date, slo: str) -> None:
        """Take an SLO out of the documents at the noon of a day."""
        del self.definitions[slo]
        self._save(at)

    def _save(self, at: date) -> None:
        noon = datetime.combine(at, datetime.min.time(), UTC) + DAY / 2
        with self.database.begin() as transaction:
            save_definitions(transaction, [*self.definitions.values()], at_s=round(noon.timestamp()))


def count_days(
    database: Database,
    first: date,
    bad: Sequence[float],
    *,
    slo: str = "checkout-availability",
    group: GroupKey = (),
    total: float = PER_DAY,
    measured: float = 1.0,
    timezone: str = "UTC",
) -> None:
    """Count days in a row of which each has so many *bad* events; *measured* is the share of each that was."""
    since_s = datetime.combine(first, datetime.min.time(), UTC).timestamp() + PER_DAY / 2
    starts = day_starts(timezone, since_s, since_s + PER_DAY * (len(bad) - 1) + 1)
    with database.begin() as transaction:
        (row,) = add_rows(transaction, [(f"sli of {slo}", group)])
        save_daily_totals(
            transaction,
            [
                DailyTotal(row, start, end - start, total, of_day, measured * (end - start))
                for (start, end), of_day in zip(pairwise(starts), bad, strict=True)
            ],
        )


AGREED = Sla(contract=0.995)
"""A contract below the usual objective."""
