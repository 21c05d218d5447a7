"""The objects of one kind, kept up to date by a list and the watch that follows it.

What was read stays where the API server does not answer: only an event, or a whole list without it, removes an object.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import structlog

from app.http.backoff import Backoff
from app.kubernetes.client import ApiServerError, ExpiredVersionError, KubernetesClient
from app.kubernetes.kinds import WatchedKind
from app.kubernetes.objects import WatchedObject, object_name, watched_object

_log = structlog.get_logger(__name__)
# An API server that was restarted is back within seconds; in an outage, more requests do not help it.
_BACKOFF = Backoff(base=timedelta(seconds=1), cap=timedelta(minutes=1), least=timedelta(milliseconds=200))
# An API server that is restarted, or a load balancer that forgets a connection, is nothing to wake anybody for.
_FAILURES_SAID = 4
# A hundred thousand objects; a list that goes on for longer has no end.
_MOST_PAGES = 1_000


class ObjectFeed:
    """The objects of a kind in one namespace, or in all.

    Attributes:
        objects: what is known now, by name.
        changes: how often it has changed; the first list counts, others that differ from what was known.
        is_listed: whether there has been a whole list.
        is_missing: whether the API server does not know the kind.
        problem: why it is not kept up to date, in words; None while it is.
    """

    def __init__(
        self,
        client: KubernetesClient,
        kind: WatchedKind,
        *,
        namespace: str | None = None,
        label: str | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.objects: Mapping[str, WatchedObject] = {}
        self.changes = 0
        self.is_listed = False
        self.is_missing = False
        self.problem: str | None = None
        self._client = client
        self._path = kind.path(namespace)
        self._label = label if kind.is_labelled else None
        self._sleep = sleep
        self._version: str | None = None
        self._failures = 0
        # Watches one after the other whose version was gone at once.
        self._expired = 0

    @property
    def title(self) -> str:
        """What is watched, in words."""
        return self.kind.plural if self.namespace is None else f"{self.kind.plural} in {self.namespace}"

    def covers(self, kind: str, namespace: str) -> bool:
        """Whether an object of this kind and namespace is among those that are asked for."""
        return kind == self.kind.kind and self.namespace in {None, namespace}

    async def run(self) -> None:
        """List and watch again and again, until cancelled."""
        while True:
            asked = timedelta(0)
            try:
                if self._version is None:
                    await self._list()
                await self._watch()
            except ExpiredVersionError as error:
                # Also where the first list is gone at once: it is asked for again, not without a pause.
                self._version = None
                self._expired += 1
                self._failed(error, quietly=True)
            except ApiServerError as error:
                self._failed(error)
                asked = error.retry_after or asked
            # By the failures as they are now: a watch that has ended well after an outage goes on soon.
            # Lists that succeed are no comfort to a server whose watches all expire at once: each has every object.
            wait = max(_BACKOFF.delay(max(self._failures, self._expired), random.uniform), asked)
            await self._sleep(wait.total_seconds())

    async def _list(self) -> None:
        found: dict[str, WatchedObject] = {}
        onward = ""
        for _ in range(_MOST_PAGES):
            page = await self._client.list_page(self._path, label=self._label, onward=onward)
            for content in page.items:
                one = self._read(content)
                if one is not None:
                    found[one.name] = one
            onward = page.onward
            if not onward:
                break
        else:
            raise ApiServerError(f"a list has no end after {_MOST_PAGES:,} parts")
        is_same = self.is_listed and found == self.objects
        self._version, self.objects, self.is_listed = page.version, found, True
        self.changes += not is_same
        self._works()

    async def _watch(self) -> None:
        await self._client.watch(self._path, label=self._label, version=self._version or "", on_event=self._take)
        self._expired = 0
        self._works()

    def _take(self, event: str, content: Mapping[str, Any]) -> None:
        metadata = content.get("metadata")
        version = metadata.get("resourceVersion") if isinstance(metadata, Mapping) else None
        if not version or not isinstance(metadata, Mapping):
            raise ApiServerError("an event of a watch has no version")
        self._expired = 0
        self._works()
        if event == "BOOKMARK":
            self._version = version
            return
        objects = dict(self.objects)
        if event == "DELETED":
            objects.pop(object_name(self.kind, metadata), None)
        elif (one := self._read(content)) is not None:
            objects[one.name] = one
        # After it was taken: an event is asked for again rather than lost.
        self.objects, self._version = objects, version
        self.changes += 1

    def _read(self, content: Any) -> WatchedObject | None:
        try:
            return watched_object(self.kind, content)
        except (ValueError, AttributeError) as error:
            _log.warning("an object of Kubernetes cannot be read", kind=self.kind.kind, error=str(error))
            return None

    def _works(self) -> None:
        self._failures, self.is_missing = 0, False
        if self.problem is not None:
            _log.info("objects of Kubernetes are watched again", kind=self.kind.kind)
        self.problem = None

    def _failed(self, error: ApiServerError, *, quietly: bool = False) -> None:
        self._failures += 1
        self.is_missing = error.status == HTTPStatus.NOT_FOUND
        if self.is_missing:
            # A kind that is not installed may be later: it is asked for about each minute.
            self._failures = max(self._failures, _FAILURES_SAID + 2)
        # What is forbidden stays so until somebody does something; the rest may pass.
        is_certain = error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}
        said = self.problem
        if is_certain or (self._failures >= _FAILURES_SAID and not quietly and not self.is_missing):
            said = f"{self.title}: {error}"
        if said is not None and said != self.problem:
            _log.warning(
                "objects of Kubernetes are not watched; what was read stays active",
                kind=self.kind.kind,
                error=str(error),
            )
        self.problem = said
