"""Looks in Prometheus for deploys without a report: a few queries a minute for all SLOs together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from app.changes import Change, ChangeQuery, RunningVersions
from app.clock import Clock
from app.prometheus import PrometheusClient, PrometheusError
from app.schedule import ScheduleInstruments, guarded
from app.status import StoredChanges

_log = structlog.get_logger(__name__)
_EVERY_S = 60.0
# A query that takes longer costs Prometheus more than the answer is worth.
_WITHIN_S = 10.0
_BEFORE_START = timedelta(minutes=10)
# More at once are no deploys: a label has been renamed, or another Prometheus answers.
_MOST_AT_ONCE = 50


class FoundChanges:
    """Asks with the client of the background: no evaluation waits for it.

    Attributes:
        queries: those of the configuration, which a reload may change.
        services: the services of the documents.
    """

    def __init__(
        self,
        client: PrometheusClient,
        stored: StoredChanges,
        *,
        queries: Callable[[], Sequence[ChangeQuery]],
        services: Callable[[], frozenset[str]],
        clock: Clock,
        is_mine: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_mine = is_mine
        self._client = client
        self._stored = stored
        self.queries = queries
        self.services = services
        self._clock = clock
        self._running: dict[ChangeQuery, RunningVersions] = {}
        self._failing: set[ChangeQuery] = set()

    async def run(self, instruments: ScheduleInstruments) -> None:
        """Look once a minute, until cancelled."""
        while True:
            await guarded("looking for changes", self.look(), instruments=instruments)
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Ask each query once, and keep what is new.

        Raises:
            StoreError: it cannot be kept.
        """
        # Of several replicas one looks; when another does, it compares with what ran some minutes before.
        queries = tuple(self.queries()) if self._is_mine() else ()
        self._running = {query: known for query, known in self._running.items() if query in queries}
        found: list[Change] = []
        for query in queries:
            try:
                found += await self._ask(query)
            except PrometheusError as error:
                # Once, not each minute for as long as it fails.
                if query not in self._failing:
                    _log.warning("changes cannot be looked for", query=query.name, error=str(error))
                self._failing.add(query)
            else:
                self._failing.discard(query)
        if len(found) > _MOST_AT_ONCE:
            _log.warning("so many versions are new at once that none is taken for a deploy", versions=len(found))
        elif found:
            await asyncio.to_thread(self._keep, found)

    async def _ask(self, query: ChangeQuery) -> Sequence[Change]:
        at, services = self._clock.now(), self.services()
        known = self._running.get(query)
        if known is None:
            # What ran before the start is not new; what came in the last minutes of it may be.
            known, before = RunningVersions(query), at - _BEFORE_START
            known.observe(await self._series(query.history, before), services=services, at=before)
            self._running[query] = known
        return known.observe(await self._series(query.query, at), services=services, at=at)

    async def _series(self, expr: str, at: datetime) -> Sequence[Mapping[str, str]]:
        answer = await self._client.instant(expr, at, deadline=_WITHIN_S)
        return answer.labels

    def _keep(self, found: Sequence[Change]) -> None:
        for change in found:
            if self._stored.add_found(change):
                _log.info("deploy found", service=change.service, version=change.version)
