"""What the routes need of the rest of the service."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.alerting import Transition
from app.slo import SloId, Tenants
from app.status import HistoryPoint


class History(Protocol):
    """The past of one SLO; called in a worker thread."""

    def history(
        self, slo_id: SloId, start: datetime, end: datetime, step: timedelta, *, adjusted: bool = True
    ) -> Sequence[HistoryPoint] | None:
        """One point for each step that ends in (start, end], oldest first; None if the SLO is not known."""
        ...


class AlertLog(Protocol):
    """What alerts have done lately."""

    async def recent(
        self, limit: int, slos: Collection[SloId] | None, *, tenants: Tenants | None = None
    ) -> Sequence[Transition]:
        """The newest transitions of these SLOs and members, or of all; of *tenants* only, if given; newest first."""
        ...
