"""What each row of the ledger counted on each day: small rows that outlive its cells (ADR-0066).

A day is known by when it begins and how long it lasts, in unix seconds: zones whose days are the same share its row.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, func, or_, select

from app.reports import DayRange, DaySums
from app.slo import GroupKey
from app.store.ledger import daily_total, find_row_id, ledger_row
from app.store.upsert import upsert_records

# Rows in one statement, beside the days of a year: SQLite allows 32,766 parameters.
_AT_ONCE = 500


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
    upsert_records(connection, daily_total, days)


def load_daily_totals(
    connection: Connection, sli: str, group: GroupKey, *, start_s: float, end_s: float
) -> list[DailyTotal]:
    """The days of one member of an SLI that begin in [start, end), in order."""
    row_id = find_row_id(connection, sli, group)
    mine = and_(daily_total.c.row_id == row_id, daily_total.c.start_s >= start_s, daily_total.c.start_s < end_s)
    found = connection.execute(select(daily_total).where(mine).order_by(daily_total.c.start_s, daily_total.c.length_s))
    return [DailyTotal(*row) for row in found]


def sum_days(connection: Connection, days: DayRange, slis: Collection[str]) -> dict[str, list[DaySums]]:
    """Whole days of some SLIs added up, each member on its own; SLIs without any are absent."""
    lengths: dict[int, list[int]] = {}
    for start_s, length_s in days.days:
        lengths.setdefault(length_s, []).append(start_s)
    # Zones that share the start of a day do not share its length where only one of them changes its clock.
    mine = or_(
        *(
            and_(daily_total.c.length_s == length_s, daily_total.c.start_s.in_(starts))
            for length_s, starts in lengths.items()
        )
    )
    own = (
        select(
            ledger_row.c.sli,
            ledger_row.c.group,
            *(func.sum(daily_total.c[name]) for name in ("total", "bad", "measured_s", "length_s")),
            func.max(daily_total.c.start_s + daily_total.c.length_s),
        )
        .join(ledger_row, ledger_row.c.id == daily_total.c.row_id)
        # A range too, which the primary key answers for each row.
        .where(daily_total.c.start_s.between(days.start_s, days.end_s), mine)
        .group_by(ledger_row.c.id)
        .order_by(ledger_row.c.id)
    )
    found: dict[str, list[DaySums]] = {}
    wanted = sorted(slis)
    for start in range(0, len(wanted), _AT_ONCE):
        for sli, group, *sums in connection.execute(own.where(ledger_row.c.sli.in_(wanted[start : start + _AT_ONCE]))):
            key = tuple((label, value) for label, value in group)
            found.setdefault(sli, []).append(DaySums(key, *sums))
    return found


def prune_daily_totals(connection: Connection, row_ids: Sequence[int], *, before_s: float) -> None:
    """Delete the days of some rows that begin before a time; row by row, since an index by time would be as large."""
    if not row_ids:
        return
    old = (daily_total.c.row_id == bindparam("row")) & (daily_total.c.start_s < before_s)
    connection.execute(delete(daily_total).where(old), [{"row": row_id} for row_id in row_ids])
