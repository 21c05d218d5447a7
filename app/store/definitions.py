"""The table of what documents have said of SLOs, and from when to when: reports go by it (ADR-0070)."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Column, Connection, Float, Integer, Row, String, Table, delete, select

from app.reports import SloDefinition
from app.slo import Sla, SloId
from app.store.json_text import deserialize, serialize
from app.store.schema import metadata
from app.store.upsert import upsert

slo_definition = Table(
    "slo_definition",
    metadata,
    Column("slo", String, primary_key=True),
    Column("since_s", Integer, primary_key=True),
    Column("until_s", Integer),
    Column("sli", String, nullable=False),
    Column("service", String, nullable=False),
    Column("name", String, nullable=False),
    # A double also on PostgreSQL: whether an objective is met depends on its last digit.
    Column("objective", Float(53), nullable=False),
    Column("contract", Float(53)),
    Column("penalty_free", Float(53)),
    Column("timezone", String, nullable=False),
    Column("labels", String, nullable=False),
)


def save_definitions(connection: Connection, definitions: Sequence[SloDefinition], *, at_s: int) -> None:
    """Note what documents say of all SLOs from *at_s* on; what they said before ends there where it differs."""
    open_ones = select(slo_definition).where(slo_definition.c.until_s.is_(None))
    before = {one.slo: one for one in map(_definition, connection.execute(open_ones))}
    changed: list[SloDefinition] = []
    for one in definitions:
        known = before.pop(one.slo, None)
        if known is None or replace(one, since_s=known.since_s) != known:
            changed.append(replace(one, since_s=at_s, until_s=None))
            if known is not None and known.since_s < at_s:
                changed.append(replace(known, until_s=at_s))
    changed += [replace(gone, until_s=max(at_s, gone.since_s)) for gone in before.values()]
    upsert(connection, slo_definition, [_columns(one) for one in changed])


def load_definitions(connection: Connection) -> list[SloDefinition]:
    """All that is kept, SLO by SLO, oldest first."""
    in_order = select(slo_definition).order_by(slo_definition.c.slo, slo_definition.c.since_s)
    return [_definition(row) for row in connection.execute(in_order)]


def prune_definitions(connection: Connection, *, before_s: float) -> None:
    """Delete what ended before a time."""
    connection.execute(delete(slo_definition).where(slo_definition.c.until_s < before_s))


def _columns(one: SloDefinition) -> dict[str, object]:
    sla = one.sla
    return {
        "slo": one.slo,
        "since_s": one.since_s,
        "until_s": one.until_s,
        "sli": one.sli,
        "service": one.service,
        "name": one.name,
        "objective": one.objective,
        "contract": None if sla is None else sla.contract,
        "penalty_free": None if sla is None else sla.penalty_free,
        "timezone": one.timezone,
        "labels": serialize(one.labels),
    }


def _definition(row: Row[tuple[object, ...]]) -> SloDefinition:
    return SloDefinition(
        slo=SloId(row.slo),
        since_s=row.since_s,
        until_s=row.until_s,
        sli=row.sli,
        service=row.service,
        name=row.name,
        objective=row.objective,
        sla=None if row.contract is None else Sla(contract=row.contract, penalty_free=row.penalty_free),
        timezone=row.timezone,
        labels=tuple((name, value) for name, value in deserialize(row.labels) or ()),
    )
