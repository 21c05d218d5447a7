"""What each row of the ledger counted on each day: small rows that outlive its cells (ADR-0066).

A day is known by when it begins and how long it lasts, in unix seconds: zones whose days are the same share its row.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, select

from app.slo import GroupKey
from app.store.ledger import daily_total, load_rows
from app.store.upsert import upsert


class DailyTotal(NamedTuple):
    """One day of a row of the ledger: when it begins and how long it lasts, its events, and the seconds measured."""

    row_id: int
    start_s: int
    length_s: int
    total: float
    bad: float
    measured_s: float

    @property
    def end_s(self) -> int:
        """When the day ends."""
        return self.start_s + self.length_s


def save_daily_totals(connection: Connection, days: Sequence[DailyTotal]) -> None:
    """Write days over what was there."""
    upsert(connection, daily_total, [day._asdict() for day in days])


def load_daily_totals(
    connection: Connection, sli: str, group: GroupKey, *, start_s: float, end_s: float
) -> list[DailyTotal]:
    """The days of one member of an SLI that begin in [start, end), in order."""
    rows = [row.id for row in load_rows(connection, [sli]) if row.group == group]
    mine = and_(daily_total.c.row_id.in_(rows), daily_total.c.start_s >= start_s, daily_total.c.start_s < end_s)
    found = connection.execute(select(daily_total).where(mine).order_by(daily_total.c.start_s, daily_total.c.length_s))
    return [DailyTotal(*row) for row in found]


def prune_daily_totals(connection: Connection, row_ids: Sequence[int], *, before_s: float) -> None:
    """Delete the days of some rows that begin before a time; row by row, since an index by time would be as large."""
    if not row_ids:
        return
    old = (daily_total.c.row_id == bindparam("row")) & (daily_total.c.start_s < before_s)
    connection.execute(delete(daily_total).where(old), [{"row": row_id} for row_id in row_ids])
