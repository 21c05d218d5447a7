"""Deploys that are found in labels of metrics, and that reports of the same deploy replace."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

import pytest

from app.changes import DEFAULT_QUERIES, ChangeQuery, ChangeStatus, RunningVersions
from app.prometheus import PrometheusClient, UnreachableError
from app.service.found_changes import FoundChanges
from app.status import RecentChanges, StoredChanges
from app.store import open_database_in_memory
from app.store.changes import ChangeFilter
from tests.changes.test_reading import PLAIN, a_change
from tests.support.set_clock import SetClock
from tests.support.snapshots import AS_OF

MINUTE = timedelta(minutes=1)
BUILD_INFO, REPLICA_SETS = DEFAULT_QUERIES
SERVICES = frozenset({"checkout"})


def build(version: str, job: str = "checkout", **more: str) -> dict[str, str]:
    return {"job": job, "version": version, **more}


def test_a_version_that_appears_is_a_deploy() -> None:
    running = RunningVersions(BUILD_INFO)
    steps: list[list[dict[str, str]]] = [
        [build("v1"), build("v9", "node-exporter")],
        [build("v1"), build("v2")],
        [build("v2")],
        # A scrape failed, or an instance of the old version was back for a moment.
        [],
        [build("v1"), build("v2")],
    ]
    found = [
        (one.version, one.previous_version, one.started_at)
        for number, series in enumerate(steps)
        for one in running.observe(series, services=SERVICES, at=AS_OF + number * MINUTE)
    ]
    assert found == [("v2", "v1", AS_OF + MINUTE)]
    # After hours without data nothing is new.
    assert running.observe([build("v3")], services=SERVICES, at=AS_OF + timedelta(hours=3)) == []


def test_environments_and_replica_sets_are_told_apart() -> None:
    running = RunningVersions(BUILD_INFO)
    running.observe([build("v1", env="prod"), build("v1", env="test")], services=SERVICES, at=AS_OF)
    (found,) = running.observe([build("v1", env="prod"), build("v2", env="test")], services=SERVICES, at=AS_OF + MINUTE)
    assert (found.environment, found.version) == ("test", "v2")
    sets = RunningVersions(REPLICA_SETS)
    sets.observe([{"owner_name": "checkout", "replicaset": "checkout-5d4f"}], services=SERVICES, at=AS_OF)
    (found,) = sets.observe(
        [{"owner_name": "checkout", "replicaset": "checkout-7c9b"}], services=SERVICES, at=AS_OF + MINUTE
    )
    assert (found.version, found.previous_version) == ("7c9b", "5d4f")


@dataclass
class Answers:
    """A Prometheus that answers what it is told to."""

    series: Sequence[Mapping[str, str]] = ()
    asked: list[str] = field(default_factory=list)
    broken: bool = False

    @dataclass
    class _Answer:
        labels: Sequence[Mapping[str, str]]

    async def instant(self, expr: str, *_args: object, **_options: object) -> "_Answer":
        self.asked.append(expr)
        if self.broken:
            raise UnreachableError("no answer")
        return self._Answer(self.series)


class Looking:
    """What looks for changes, and what it has kept."""

    def __init__(self, queries: Sequence[ChangeQuery] = (BUILD_INFO,)) -> None:
        self.clock, self.answers, self.recent = SetClock(AS_OF), Answers([build("v1")]), RecentChanges()
        self.sources = {"default": self.answers}
        self.stored = StoredChanges(open_database_in_memory(), self.recent, self.clock)
        self.queries: Sequence[ChangeQuery] = queries
        self.found = self.started()

    def started(self) -> FoundChanges:
        """Another one, as after a restart."""
        return FoundChanges(
            lambda: {name: cast("PrometheusClient", one) for name, one in self.sources.items()},
            self.stored,
            queries=lambda: self.queries,
            services=lambda: SERVICES,
            clock=self.clock,
        )

    def look(self, *series: Mapping[str, str]) -> None:
        self.answers.series = series or self.answers.series
        asyncio.run(self.found.look())
        self.clock.at += MINUTE

    def kept(self) -> list[tuple[str, str]]:
        return [(one.source, one.version) for one in self.stored.listed(ChangeFilter(), limit=10)]


@pytest.fixture
def looking() -> Looking:
    return Looking()


def test_what_is_found_is_kept_once_over_a_restart(looking: Looking) -> None:
    looking.look()
    looking.look(build("v2"))
    looking.found = looking.started()
    looking.look()
    assert looking.kept() == [("prometheus", "v2")]
    assert looking.recent.before("checkout", (), looking.clock.at, within=timedelta(hours=2)) is not None
    # One query a minute, and one more at each start.
    assert looking.answers.asked == [BUILD_INFO.history, *[BUILD_INFO.query] * 2, BUILD_INFO.history, BUILD_INFO.query]


@pytest.mark.parametrize("reported_first", [True, False])
def test_a_deploy_that_is_reported_is_not_found_beside(looking: Looking, reported_first: bool) -> None:
    looking.look()
    reported = replace(
        a_change(PLAIN), started_at=AS_OF - MINUTE, finished_at=None, status=ChangeStatus.IN_PROGRESS, version="v2"
    )
    if reported_first:
        looking.stored.add(reported)
    looking.look(build("v2"))
    if not reported_first:
        assert looking.kept() == [("prometheus", "v2")]
        looking.stored.add(reported)
    assert looking.kept() == [(reported.source, "v2")]
    newest = looking.recent.before("checkout", (), looking.clock.at, within=timedelta(hours=2))
    assert newest is not None
    assert newest.source == reported.source


def test_two_queries_that_see_one_deploy_find_it_once() -> None:
    looking = Looking(DEFAULT_QUERIES)
    sets = [{"owner_name": "checkout", "replicaset": name} for name in ("checkout-a", "checkout-b")]
    looking.look(build("v1"), sets[0])
    looking.look(build("v2"), sets[0])
    looking.look(build("v2"), sets[1])
    assert looking.kept() == [("prometheus", "v2")]


def test_a_prometheus_that_fails_finds_nothing_and_breaks_nothing(looking: Looking) -> None:
    looking.look()
    looking.answers.broken = True
    looking.look()
    looking.answers.broken = False
    looking.look(build("v2"))
    looking.look(*(build(f"v{number}") for number in range(100)))
    assert looking.kept() == [("prometheus", "v2")]
    looking.queries = ()
    asked = len(looking.answers.asked)
    looking.look(build("v3"))
    assert len(looking.answers.asked) == asked


def test_deploys_are_looked_for_in_every_source_and_found_once(looking: Looking) -> None:
    """One that does not answer keeps none of the others from being asked."""
    looking.sources |= {"eu": Answers([build("v1")]), "us": Answers(broken=True)}
    looking.look()
    for name in ("default", "eu"):
        looking.sources[name].series = [build("v2")]
    looking.look()
    assert looking.kept() == [("prometheus", "v2")]
    assert looking.sources["us"].asked
