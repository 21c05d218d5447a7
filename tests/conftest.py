"""How tests run: how many examples a property has, and which tests a worker of pytest-xdist gets together."""

import gc
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import httpx
import httpx2
import pytest
from hypothesis import is_hypothesis_test, settings
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

from app.store import sqlite
from testbed import forked
from testbed.waiting import PATIENCE_S
from tests.support.migrated import create_by_copy, migrate_by_copy
from tests.support.postgres import Postgres, postgres
from tests.support.soak import IS_SOAK

# What is imported and collected stays, and the collector would walk through all of it again and again: a quarter of the
# time that a worker takes to start.
gc.disable()
# Prometheus, Alertmanager and promtool hold little in tests: their collectors need not run so often.
os.environ.setdefault("GOGC", "400")
# A busy machine may stall any example.
settings.register_profile("sloburn", deadline=None, max_examples=500 if IS_SOAK else 25)
settings.load_profile("sloburn")
# So it may any answer: clients give up after 5 s by default, and no request of a test is about that.
for _timeout in (httpx._config.DEFAULT_TIMEOUT_CONFIG, httpx2._config.DEFAULT_TIMEOUT_CONFIG):
    _timeout.connect = _timeout.read = _timeout.write = _timeout.pool = PATIENCE_S
# Tests open a client for most of their requests, none of which is of the internet: each would read 140 certificates.
for _transport in (httpx._transports.default, httpx2._transports.default):
    _transport.create_ssl_context = lru_cache(maxsize=8)(_transport.create_ssl_context)  # type: ignore[attr-defined]
# Services that are forked start with what each of them would work out again.
forked.preload("tests.support.warmed")
# Tests kill processes and never the machine, so that nothing need be on the disk; services in processes of their own
# wait for it, as `tests/store/test_database.py` sees to.
sqlite.SYNCHRONOUS = "OFF"
sqlite.migrate = migrate_by_copy  # type: ignore[attr-defined]  # imported there
sqlite.create_tables = create_by_copy

_WAITING = (
    "tests/acceptance/",
    "tests/demo/test_whole_stack",
    "tests/integrations/test_heartbeat_of_the_service",
    "tests/integrations/test_receivers_of_the_service",
    "tests/soak/",
)
"""Tests that wait for real servers most of the time, each with servers of its own."""
_SHARING = ("tests/store/", "tests/prometheus/", "tests/acceptance/test_postgres.py", "tests/ui/browser/")
"""Tests that share a server or a browser, which takes seconds to make and which each worker would start for itself."""
_ORDER = ("tests/demo/", "tests/soak/", "tests/acceptance/", *_SHARING, "tests/evaluation/")
"""The tests that take longest are begun first, so that no worker is left with one at the end."""
_LAST = ("tests/acceptance/test_refusals",)
"""Of the tests that wait, those that do for a second."""


def _only_waits(worker: int, workers: int) -> bool:
    """Whether a worker runs tests that wait and no others, and need not import those: three seconds and 200 MB."""
    return _cores() + 4 <= worker < workers


def _waits_first(worker: int, workers: int) -> bool:
    """Whether a worker runs tests that wait as long as there are any.

    For those that compute from the start, one more than cores are enough: one waits for what it has started. Once
    those that wait are done, six on two cores are, as beside programs of others each gets its share for itself.
    """
    return _cores() + 1 <= worker < workers


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Tests that share fixtures, such as those of one file, share a worker; tests that wait are each on their own."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        shared = next((beginning for beginning in _SHARING if nodeid.startswith(beginning)), None)
        if shared is not None:
            return shared
        return nodeid if nodeid.startswith(_WAITING) else nodeid.partition("::")[0]

    @override
    def _check_nodes_have_same_collection(self) -> bool:
        """Those that wait have collected a part of what the others have; the whole becomes what is distributed."""
        everything = self.registered_collections
        waiting = {node: everything.pop(node) for node in self.nodes if self._only_waits(node)}
        same = super()._check_nodes_have_same_collection()
        whole = next(iter(everything.values()))
        everything |= waiting
        # What progress is a part of; xdist counts what the last worker has collected.
        self.config.pluginmanager.get_plugin("session").testscollected = len(whole)
        parts = [[nodeid for nodeid in one if nodeid.startswith(_WAITING)] for one in (whole, *waiting.values())]
        return same and all(part == parts[0] for part in parts)

    @override
    def _assign_work_unit(self, node: WorkerController) -> None:
        """What a worker runs first, then the others, if it has collected them."""
        scope = self._next_scope(node)
        if scope is not None:
            self.workqueue.move_to_end(scope, last=False)
            super()._assign_work_unit(node)

    @override
    def _reschedule(self, node: WorkerController) -> None:
        if self._next_scope(node) is None:
            if not node.shutting_down:
                node.shutdown()
        else:
            super()._reschedule(node)

    def _next_scope(self, node: WorkerController) -> str | None:
        waiting = (scope for scope in self.workqueue if scope.startswith(_WAITING))
        if self._only_waits(node):
            return next(waiting, None)
        computing = (scope for scope in self.workqueue if not scope.startswith(_WAITING))
        one, other = (waiting, computing) if self._is(_waits_first, node) else (computing, waiting)
        return next(one, next(other, None))

    def _only_waits(self, node: WorkerController) -> bool:
        return self._is(_only_waits, node)

    def _is(self, kind: Callable[[int, int], bool], node: WorkerController) -> bool:
        return kind(int(node.gateway.id.removeprefix("gw")), self.numnodes)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Let all workers fork services from one process, where there are more of them than tests that compute need."""
    if _only_waits(node.workerinput["workercount"] - 1, node.workerinput["workercount"]):
        node.workerinput["forked_from"] = forked.start_server()


def pytest_configure(config: pytest.Config) -> None:
    """Fork services from the process that the workers share."""
    shared = getattr(config, "workerinput", {}).get("forked_from")
    if shared is not None:
        forked.use_server(shared)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep workers that only wait from importing what they do not run."""
    worker = getattr(config, "workerinput", None)
    if worker is None or not _only_waits(int(worker["workerid"].removeprefix("gw")), worker["workercount"]):
        return None
    if collection_path.is_dir():
        return None
    return None if collection_path.relative_to(config.rootpath).as_posix().startswith(_WAITING) else True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Distribute tests as `_Scheduling` says, in the order of the collection."""
    # The process that distributes collects nothing.
    gc.enable()
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Properties are part of the soak; the longest tests come first."""
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.soak)
    items.sort(key=lambda item: _place(item.nodeid))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of the collector's way for good."""
    gc.freeze()
    # What a test makes mostly lives to its end: ten times less often, the collector takes a third less time.
    gc.set_threshold(10_000, 10, 5)
    gc.enable()


def _place(nodeid: str) -> int:
    if nodeid.startswith(_LAST):
        return len(_ORDER)
    return next((place for place, beginning in enumerate(_ORDER) if nodeid.startswith(beginning)), len(_ORDER))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL for the tests of one worker."""
    with postgres() as server:
        yield server
