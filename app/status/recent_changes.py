"""The newest changes of each service in memory, for evaluations: an alert names the one before its errors."""

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from app.changes import FOUND_SOURCE, Change, ChangeKind, concerns, is_same_deploy, last_before
from app.slo import Labels

RECENT = timedelta(days=2)
"""How far back changes are known here; longer than an alert looks for one."""
# One an hour for two days; an alert names one of them.
_MOST_OF_A_SERVICE = 50
# Senders may report any name of a service: memory must not grow with theirs. Far more than one process has SLOs.
_MOST_SERVICES = 20_000
# Others change nothing that runs.
CHANGE_KINDS = frozenset(
    {ChangeKind.DEPLOY, ChangeKind.ROLLBACK, ChangeKind.CONFIG, ChangeKind.FLAG, ChangeKind.EXPERIMENT}
)
"""The kinds of changes that are known here."""


class RecentChanges:
    """Changes by service; written by the API's threads, read by the engine's."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._by_service: dict[str, tuple[Change, ...]] = {}

    def add(self, changes: Iterable[Change], *, at: datetime) -> None:
        """Note changes, each in place of what was known of it."""
        with self._writing:
            for change in changes:
                if change.kind not in CHANGE_KINDS or not change.service or change.started_at < at - RECENT:
                    continue
                known = self._by_service.get(change.service, ())
                if not known and len(self._by_service) >= _MOST_SERVICES:
                    # Each of them has reported something since; what is lost is a hint in the text of an alert.
                    self._by_service.clear()
                others = [
                    each
                    for each in known
                    if each.id != change.id
                    and each.started_at >= at - RECENT
                    and not (each.source == FOUND_SOURCE != change.source and is_same_deploy(each, change))
                ]
                newest = sorted([*others, change], key=lambda each: each.started_at)[-_MOST_OF_A_SERVICE:]
                # Another tuple each time, since evaluations read without the lock.
                self._by_service[change.service] = tuple(newest)

    def newest(self, at: datetime) -> Sequence[Change]:
        """The newest change of each service, environment and kind that began in the time `RECENT` before *at*."""
        found = {
            (change.service, change.environment, change.kind): change
            for known in tuple(self._by_service.values())
            for change in known
            if at - RECENT <= change.started_at <= at
        }
        return list(found.values())

    def before(self, service: str, labels: Labels, at: datetime, *, within: timedelta) -> Change | None:
        """The newest change that began in the time *within* before *at* and concerns an SLO of a service."""
        known = self._by_service.get(service)
        if not known:
            return None
        found = last_before((each for each in known if concerns(each, service, labels)), at)
        return found if found is not None and at - found.started_at <= within else None
