"""What charts are made of: of the engine's memory where it has it, else of the database as far as that answers."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from app.evaluation import Past, recorded_budgets
from app.service.adapters.impatient_reads import ImpatientReads
from app.service.engine import Engine
from app.slo import SloId
from app.store import StoreUnavailableError


def past_of(engine: Engine, reads: ImpatientReads, slo_id: SloId) -> Past | None:
    """The past of a member, that of another replica as the database has it; None if no document has it.

    Raises:
        TimeoutError: the engine's loop has been busy for too long.
        StoreError: another replica evaluates it, and the database cannot be read.
    """
    return engine.own_past(slo_id) or reads.run(partial(engine.stored_past, slo_id))


def recorded_of(
    reads: ImpatientReads, slo_id: SloId, *, start: datetime, end: datetime
) -> Sequence[tuple[float, float]]:
    """The budgets that were shown of a member in a range, with their times; none while the database is away.

    What was counted is in memory: without what was shown of it a chart is still right.
    """
    with suppress(StoreUnavailableError):
        return reads.read(partial(recorded_budgets, slo=slo_id, start_s=start.timestamp(), end_s=end.timestamp()))
    return ()
