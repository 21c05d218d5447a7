"""The tables of remote write: what of the past is still to be sent to each receiver, and up to where it was sent."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Boolean, Column, Connection, Float, Integer, String, Table, delete, select

from app.slo import SloId
from app.store.schema import metadata
from app.store.upsert import upsert

# Times are unix seconds.
remote_write_part = Table(
    "remote_write_part",
    metadata,
    Column("receiver", String, primary_key=True),
    Column("slo", String, primary_key=True),
    Column("until_s", Float(53), primary_key=True),
    Column("sli", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("sent_s", Float(53), nullable=False),
    Column("is_gap", Boolean, nullable=False),
)
remote_write_receiver = Table(
    "remote_write_receiver",
    metadata,
    Column("receiver", String, primary_key=True),
    Column("live_s", Float(53), nullable=False),
)


class RemoteWritePart(NamedTuple):
    """A part of the past of one SLO or group member: it was sent up to *sent_s*, and is to be up to *until_s*.

    *sli* names what is counted; where that has changed, the past is another one, and has a higher *revision*. A part
    that *is_gap* is what was missed while nothing could be sent.
    """

    receiver: str
    slo: SloId
    until_s: float
    sli: str
    revision: int
    sent_s: float
    is_gap: bool

    @property
    def is_sent(self) -> bool:
        """Whether nothing of it is left."""
        return self.sent_s >= self.until_s


def load_parts(connection: Connection, receiver: str) -> list[RemoteWritePart]:
    """All parts of a receiver, the oldest first."""
    mine = select(remote_write_part).where(remote_write_part.c.receiver == receiver)
    found = connection.execute(mine.order_by(remote_write_part.c.until_s, remote_write_part.c.slo))
    return [RemoteWritePart(**{**row._asdict(), "slo": SloId(row.slo)}) for row in found]


def save_parts(connection: Connection, parts: Sequence[RemoteWritePart]) -> None:
    """Write parts over what was there."""
    upsert(connection, remote_write_part, [part._asdict() for part in parts])


def delete_gaps(connection: Connection, receiver: str) -> None:
    """Forget the gaps that have been sent; that of history is kept: it says that there is nothing to send again."""
    of_gaps = (remote_write_part.c.receiver == receiver) & remote_write_part.c.is_gap
    done = remote_write_part.c.sent_s >= remote_write_part.c.until_s
    connection.execute(delete(remote_write_part).where(of_gaps & done))


def load_live(connection: Connection, receiver: str) -> float | None:
    """The newest slot (unix seconds) whose live figures a receiver has stored; None if there is none."""
    mine = remote_write_receiver.c.receiver == receiver
    return connection.execute(select(remote_write_receiver.c.live_s).where(mine)).scalar()


def save_live(connection: Connection, receiver: str, live_s: float) -> None:
    """Note the newest slot whose live figures a receiver has stored."""
    upsert(connection, remote_write_receiver, [{"receiver": receiver, "live_s": live_s}])
