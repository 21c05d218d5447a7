"""The table of remaining budgets as they were shown: a value for each change, and one every few hours."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, Connection, Float, Index, Integer, String, Table, delete, select

from app.slo import SloId
from app.store.schema import metadata
from app.store.upsert import insert_missing_records

budget_record = Table(
    "budget_record",
    metadata,
    Column("slo", String, primary_key=True),
    Column("at_s", Integer, primary_key=True),
    Column("remaining", Float, nullable=False),
    Index("budget_record_by_time", "at_s"),
)


class RecordedBudget(NamedTuple):
    """What remained of the budget of an SLO or group member at a slot (unix seconds), as a ratio."""

    slo: SloId
    at_s: int
    remaining: float


def save_budgets(connection: Connection, records: Iterable[RecordedBudget]) -> None:
    """Write what was shown; a slot that was written already stays as it is."""
    insert_missing_records(connection, budget_record, list(records))


def load_budgets(connection: Connection, slo: SloId, *, start_s: float, end_s: float) -> Sequence[tuple[int, float]]:
    """Slots and remaining budgets of one SLO in [start, end], oldest first."""
    mine = (budget_record.c.slo == slo) & budget_record.c.at_s.between(start_s, end_s)
    wanted = select(budget_record.c.at_s, budget_record.c.remaining).where(mine).order_by(budget_record.c.at_s)
    return [(row.at_s, row.remaining) for row in connection.execute(wanted)]


def prune_budgets(connection: Connection, *, before: datetime) -> int:
    """Delete what was shown before a time; how many values there were."""
    old = budget_record.c.at_s < before.timestamp()
    return connection.execute(delete(budget_record).where(old)).rowcount
