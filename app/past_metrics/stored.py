"""The past of many SLOs from the database of a service, which may be running: a few SLOs in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from typing_extensions import override

from app.evaluation import (
    EvaluationInstruments,
    EvaluationTiming,
    Evaluator,
    ExposedPast,
)
from app.ingest import NamedSource, Source
from app.past_metrics.recorded import Recorded, read_recorded
from app.prometheus import Matrix
from app.slo import DEFAULT_SOURCE, Slo
from app.status import Board
from app.store import Database
from app.store.sli_states import load_interval

# The cells of so many SLOs are some megabytes; each batch is read in a transaction of its own.
_AT_ONCE = 50
# Of a database in which nothing was counted.
_ANY_INTERVAL_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPast:
    """The past of one SLO or group member."""

    exposed: ExposedPast
    recorded: Recorded


def stored_pasts(
    slos: Sequence[Slo],
    database: Database,
    *,
    among: Sequence[Slo],
    start: datetime,
    now: datetime,
    instruments: EvaluationInstruments,
) -> Iterator[StoredPast]:
    """The past of each of *slos* and of their members; *among* are all SLOs, composites being made of others.

    Raises:
        StoreError: the database cannot be read.
    """
    services = set[str]()
    for exposed in exposed_pasts(slos, database, among=among, start=start, now=now, instruments=instruments):
        service = exposed.past.slo.service
        recorded = read_recorded(
            database,
            exposed.id,
            start_s=start.timestamp(),
            end_s=now.timestamp(),
            changes_of=None if service in services else service,
        )
        services.add(service)
        yield StoredPast(exposed=exposed, recorded=recorded)


def exposed_pasts(
    slos: Sequence[Slo],
    database: Database,
    *,
    among: Sequence[Slo],
    start: datetime,
    now: datetime,
    instruments: EvaluationInstruments,
) -> Iterator[ExposedPast]:
    """What was counted of each of *slos* and of their members, as in `stored_pasts`.

    Raises:
        StoreError: the database cannot be read.
    """
    with database.read() as transaction:
        interval = timedelta(seconds=load_interval(transaction) or _ANY_INTERVAL_S)
    by_key = {slo.sli.key: slo for slo in among}
    names, nothing = {slo.sli.source for slo in among} - {DEFAULT_SOURCE}, _NoSource()
    # Budgets at the start look back a whole window.
    timing = EvaluationTiming(interval=interval, settle=interval, timeout=interval, older=now - start)
    for first in range(0, len(slos), _AT_ONCE):
        batch = slos[first : first + _AT_ONCE]
        wanted = {slo.id for slo in batch}
        evaluator = Evaluator(
            _with_components(batch, by_key),
            source=nothing,
            sources=[NamedSource(live=nothing, background=nothing, name=name) for name in sorted(names)],
            database=database,
            board=Board(),
            instruments=instruments,
            timing=timing,
        )
        for member_id in evaluator.member_ids:
            exposed = evaluator.exposed_past(member_id)
            if exposed is not None and exposed.past.slo.id in wanted:
                yield exposed


def _with_components(batch: Sequence[Slo], by_key: dict[str, Slo]) -> list[Slo]:
    """The SLOs and those that they are made of."""
    found = {slo.id: slo for slo in batch}
    pending = list(batch)
    while pending:
        evaluated = pending.pop().sli.evaluated
        composition = None if evaluated is None else evaluated.composition
        for component in () if composition is None else composition.components:
            part = by_key[component.key]
            if part.id not in found:
                found[part.id] = part
                pending.append(part)
    return list(found.values())


class _NoSource(Source):
    """Nothing is asked: what was counted is in the database."""

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        self._refuse()

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise AssertionError("an export asks no Prometheus")
