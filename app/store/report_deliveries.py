"""Which receivers have got which report of which period: each once, over restarts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    func,
    select,
    update,
)

from app.store.moments import Moment
from app.store.outbox import EntryState
from app.store.schema import metadata
from app.store.upsert import insert_missing

report_delivery = Table(
    "report_delivery",
    metadata,
    Column("report", String, primary_key=True),
    # A date in the period, as a question has it.
    Column("period", String, primary_key=True),
    Column("receiver", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("last_error", String),
    Index("report_delivery_by_state", "state", "due_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDelivery:
    """One report of one *period*, by a date in it, for one receiver; *attempts* are those that have failed."""

    report: str
    period: date
    receiver: str
    state: EntryState = EntryState.WAITING
    attempts: int = 0
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None = None
    last_error: str | None = None

    @property
    def key(self) -> str:
        """The same for every attempt."""
        return f"report/{self.report}/{self.period}/{self.receiver}"


def plan_reports(connection: Connection, deliveries: Iterable[ReportDelivery]) -> None:
    """Write what is to be sent; what was planned before stays as it is."""
    insert_missing(
        connection,
        report_delivery,
        [
            {
                "report": one.report,
                "period": str(one.period),
                "receiver": one.receiver,
                "state": one.state.value,
                "attempts": one.attempts,
                "created_at": one.created_at,
                "due_at": one.due_at,
            }
            for one in deliveries
        ],
    )


def claim_reports(connection: Connection, *, at: datetime, until: datetime) -> Sequence[ReportDelivery]:
    """Those that are due, for the caller alone until a time."""
    due = (report_delivery.c.state == EntryState.WAITING.value) & (report_delivery.c.due_at <= at)
    query = select(report_delivery).where(due).order_by(report_delivery.c.due_at)
    claimed = []
    for row in connection.execute(query).all():
        mine = _is(row) & (report_delivery.c.due_at == row.due_at)
        if connection.execute(update(report_delivery).where(mine, due).values(due_at=until)).rowcount == 1:
            claimed.append(_delivery(row))
    return claimed


def settle_report(
    connection: Connection,
    delivery: ReportDelivery,
    *,
    error: str | None = None,
    retry_at: datetime | None = None,
    at: datetime,
) -> None:
    """Note how an attempt ended: without an *error* the receiver has it; without *retry_at* it is given up."""
    values: dict[str, object] = {"last_error": error, "attempts": delivery.attempts + (error is not None)}
    if error is not None and retry_at is not None:
        values["due_at"] = retry_at
    else:
        values |= {"state": (EntryState.DONE if error is None else EntryState.DEAD).value, "ended_at": at}
    connection.execute(update(report_delivery).where(_is(delivery)).values(**values))


def prune_report_deliveries(connection: Connection, *, before: datetime) -> int:
    """Delete those that ended before a time; how many there were."""
    old = func.coalesce(report_delivery.c.ended_at, report_delivery.c.created_at, type_=Moment) < before
    return connection.execute(delete(report_delivery).where(old)).rowcount


def _is(one: ReportDelivery | Row[tuple[object, ...]]) -> ColumnElement[bool]:
    columns = report_delivery.c
    return (columns.report == one.report) & (columns.period == str(one.period)) & (columns.receiver == one.receiver)


def _delivery(row: Row[tuple[object, ...]]) -> ReportDelivery:
    return ReportDelivery(
        report=row.report,
        period=date.fromisoformat(row.period),
        receiver=row.receiver,
        state=EntryState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        ended_at=row.ended_at,
        last_error=row.last_error,
    )
