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
from app.store.shards import ServiceLease

_log = structlog.get_logger(__name__)
# A deploy is shown beside an incident that it caused, which takes longer to be noticed than a minute.
_EVERY_S = 60.0
# A query that takes longer costs Prometheus more than the answer is worth.
_WITHIN_S = 10.0
_BEFORE_START = timedelta(minutes=10)
# More at once are no deploys: a label has been renamed, or another Prometheus answers.
_MOST_AT_ONCE = 50
_Asked = tuple[str, ChangeQuery]


class FoundChanges:
    """Asks with clients of the background: no evaluation waits for it.

    Attributes:
        clients: those of the sources that SLOs are counted from, by name, which a reload may change.
        queries: those of the configuration, which a reload may change.
        services: the services of the documents.
    """

    def __init__(
        self,
        clients: Callable[[], Mapping[str, PrometheusClient]],
        stored: StoredChanges,
        *,
        queries: Callable[[], Sequence[ChangeQuery]],
        services: Callable[[], frozenset[str]],
        clock: Clock,
        service_lease: ServiceLease | None = None,
    ) -> None:
        self._service_lease = service_lease or ServiceLease()
        self.clients = clients
        self._stored = stored
        self.queries = queries
        self.services = services
        self._clock = clock
        # By the name of the source and the query.
        self._running: dict[_Asked, RunningVersions] = {}
        self._failing: set[_Asked] = set()

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
        clients = self.clients() if self._service_lease.is_mine else {}
        asked = [(name, query) for name in clients for query in self.queries()]
        self._running = {one: known for one, known in self._running.items() if one in asked}
        answers = await asyncio.gather(*(self._ask(one, clients[one[0]]) for one in asked))
        found = [change for answer in answers for change in answer]
        if len(found) > _MOST_AT_ONCE:
            _log.warning("so many versions are new at once that none is taken for a deploy", versions=len(found))
        elif found:
            await asyncio.to_thread(self._keep, found)

    async def _ask(self, asked: _Asked, client: PrometheusClient) -> Sequence[Change]:
        """What is new by one query in one source; nothing while it does not answer."""
        name, query = asked
        at, services = self._clock.now(), self.services()
        try:
            known = self._running.get(asked)
            if known is None:
                # What ran before the start is not new; what came in the last minutes of it may be.
                known, before = RunningVersions(query), at - _BEFORE_START
                known.observe(await _series(client, query.history, before), services=services, at=before)
                self._running[asked] = known
            found = known.observe(await _series(client, query.query, at), services=services, at=at)
        except PrometheusError as error:
            # Once, not each minute for as long as it fails.
            if asked not in self._failing:
                _log.warning("changes cannot be looked for", source=name, query=query.name, error=str(error))
            self._failing.add(asked)
            return ()
        self._failing.discard(asked)
        return found

    def _keep(self, found: Sequence[Change]) -> None:
        for change in found:
            if self._stored.add_found(change):
                _log.info("deploy found", service=change.service, version=change.version)


async def _series(client: PrometheusClient, expr: str, at: datetime) -> Sequence[Mapping[str, str]]:
    answer = await client.instant(expr, at, deadline=_WITHIN_S)
    return answer.labels
