"""From objects in a cluster to the documents that every replica loads, and back to their statuses."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from app.documents import DocumentLoader, LoadResult
from app.integrations import DeliveryConfig, LoadedConfig
from app.kubernetes import DOCUMENT_KIND, ApiServer
from app.replicas import SERVICE_SHARD, LeaseTerm
from app.service.kubernetes import KubernetesWatch, ObjectDocuments, api_server, document_loader, unwatched_namespaces
from app.settings import Settings, load_settings
from app.slo import Tenant
from app.store import Database, open_database
from app.store.errors import StoreFencedError
from app.store.shards import HeldShards, ServiceLease, take_shards
from testbed.kubernetes_api import KubernetesApi
from testbed.waiting import PATIENCE_S, reaches
from tests.support.postgres import Postgres

PLURAL, STATUS = DOCUMENT_KIND.plural, f"{DOCUMENT_KIND.plural}/status"
NO_RECEIVERS = LoadedConfig(config=DeliveryConfig())
OF_SHOP = Tenant(name="acme", documents=None, namespaces=("shop",), sources=("default",), most_slos=2)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.looks = 0

    def now(self) -> datetime:
        return datetime(2026, 5, 4, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        self.looks += 1
        return self.seconds


def slo(name: str = "up", objective: Any = 99.9) -> dict[str, Any]:
    return {"name": name, "objective": objective, "window": "30d", "sli": {"total": "a_total", "bad": "b_total"}}


def spec(service: str, *slos: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"service": service, "slos": list(slos or (slo(),))}}


@dataclass
class Cluster:
    """An API server, and a process that reads from it."""

    api: KubernetesApi
    database: Database
    folder: Path
    clock: Clock = field(default_factory=Clock)
    lease: ServiceLease = field(default_factory=ServiceLease)
    delivery: LoadedConfig = NO_RECEIVERS
    ca_file: Path | None = None
    watches: list[KubernetesWatch] = field(default_factory=list)

    def settings(self, **more: Any) -> Settings:
        return load_settings({"specs": str(self.folder), "kubernetes_kinds": "slodocuments,configmaps", **more})

    def watch(self, *, lease: ServiceLease | None = None, **more: Any) -> KubernetesWatch:
        settings = self.settings(**more)

        async def loader() -> DocumentLoader:
            return document_loader(settings, self.delivery)

        async def pause(_seconds: float) -> None:
            await asyncio.sleep(0.005)

        watch = KubernetesWatch(
            settings,
            self.database,
            ApiServer(url=self.api.url, ca_file=self.ca_file),
            service_lease=lease or self.lease,
            clock=self.clock,
            loader=loader,
            sleep=pause,
        )
        self.watches.append(watch)
        return watch

    def loaded(self, **more: Any) -> LoadResult:
        """What another replica loads now."""
        settings = self.settings(**more)
        return ObjectDocuments(settings, self.database).load(document_loader(settings, self.delivery))

    def ids(self, **more: Any) -> set[str]:
        return {str(one.id) for one in self.loaded(**more).slos}

    def loaded_at_start(self) -> Sequence[LoadResult]:
        """What a replica that starts loads, each time that it does; the last is in use."""
        load, loads = document_loader(self.settings(), self.delivery), list[LoadResult]()

        def counting(objects: Mapping[Path, str]) -> LoadResult:
            loads.append(load(objects))
            return loads[-1]

        in_use = ObjectDocuments(self.settings(), self.database).load_at_start(counting)
        assert in_use is loads[-1]
        return loads

    def refused(self) -> Sequence[str]:
        documents = ObjectDocuments(self.settings(), self.database)
        documents.load(document_loader(self.settings(), self.delivery))
        return documents.refused

    def problems(self) -> Sequence[str]:
        documents = ObjectDocuments(self.settings(), self.database)
        documents.state()
        return documents.problems

    def condition(self, name: str) -> dict[str, Any]:
        (found,) = self.api.object(PLURAL, name).get("status", {"conditions": [{}]})["conditions"]
        return dict(found)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "slos").mkdir()
    with ExitStack() as closing:
        database = open_database(f"sqlite:///{tmp_path}/sloburn.db")
        closing.callback(database.close)
        yield Cluster(closing.enter_context(KubernetesApi()), database, tmp_path / "slos")


def run(cluster: Cluster, work: Callable[[KubernetesWatch], Awaitable[None]], **more: Any) -> None:
    """Do *work* while a watch looks again and again."""

    async def whole() -> None:
        watch = cluster.watch(**more)

        looking = asyncio.create_task(_steps(watch))
        try:
            await work(watch)
            assert not looking.done()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await watch.close()

    asyncio.run(whole())


def test_objects_are_loaded_by_every_replica_and_reported_to_their_own_kind(cluster: Cluster) -> None:
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout", slo("up"), slo("fast")))
    text = "service: search\nslos: [{name: up, objective: 99, window: 30d, sli: {total: a_total, bad: b_total}}]\n"
    cluster.api.apply("configmaps", "find/slos", {"data": {"search.yaml": text}}, labelled=True)

    async def work(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.ids() == {"checkout-up", "checkout-fast", "search-up"})
        places = {str(place.file) for place in cluster.loaded().places.values()}
        assert places == {"SloDocument shop/checkout", "ConfigMap find/slos/search.yaml"}
        await reaches(lambda: cluster.condition("shop/checkout").get("reason") == "Active")
        assert cluster.condition("shop/checkout")["status"] == "True"
        assert cluster.api.object(PLURAL, "shop/checkout")["status"]["slos"] == 2
        # Written once: our own write is an event, too.
        cluster.api.bookmark()
        cluster.api.delete("configmaps", "find/slos")
        await reaches(lambda: cluster.ids() == {"checkout-up", "checkout-fast"})
        assert cluster.api.count("patch", STATUS) == 1
        # Statuses of others belong to their operators.
        assert {plural for verb, plural, _ in cluster.api.asked if verb == "patch"} == {STATUS}
        (at_start,) = cluster.loaded_at_start()
        assert {slo.id for slo in at_start.slos} == cluster.ids()

    run(cluster, work)


def test_a_broken_object_keeps_its_last_good_version_and_says_where(cluster: Cluster) -> None:
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))
    cluster.api.apply(PLURAL, "shop/new", spec("new", slo(objective=120)))

    async def work(watch: KubernetesWatch) -> None:
        await reaches(lambda: cluster.condition("shop/new").get("reason") == "Refused")
        cluster.api.apply(PLURAL, "shop/checkout", spec("checkout", slo(objective=101)))
        await reaches(lambda: cluster.condition("shop/checkout").get("reason") == "LastGoodVersionActive")
        status = cluster.api.object(PLURAL, "shop/checkout")["status"]
        (finding,) = status["findings"]
        assert (finding["field"], status["observedGeneration"], status["slos"]) == ("slos[0].objective", 2, 1)
        assert finding["line"] > 1
        assert cluster.ids() == {"checkout-up"}
        assert len(cluster.refused()) == 2
        assert {key: number for key, number in watch.numbers().items() if number} == {
            ("SloDocument", "last_good_version_active"): 1,
            ("SloDocument", "refused"): 1,
        }
        assert f"SloDocument shop/checkout:{finding['line']}:" in cluster.refused()[0]
        cluster.api.apply(PLURAL, "shop/checkout", spec("checkout", slo(objective=99)))
        await reaches(lambda: cluster.condition("shop/checkout").get("reason") == "Active")
        assert cluster.api.object(PLURAL, "shop/checkout")["status"]["findings"] == []

    run(cluster, work)


def test_objects_of_a_tenant_are_its_own_and_none_has_more_slos_than_it_may(cluster: Cluster) -> None:
    cluster.delivery = LoadedConfig(config=DeliveryConfig(tenants=(OF_SHOP,)))
    cluster.api.apply(PLURAL, "shop/one", spec("checkout"))
    cluster.api.apply(PLURAL, "shop/two", spec("search"))
    cluster.api.apply(PLURAL, "find/checkout", spec("checkout"))
    both = {"acme/checkout-up", "acme/search-up", "checkout-up"}

    async def work(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.ids() == both)
        cluster.api.apply(PLURAL, "shop/three", spec("pay"))
        cluster.api.apply(PLURAL, "find/more", spec("more"))
        await reaches(lambda: cluster.condition("shop/three").get("reason") == "Refused")
        await reaches(lambda: cluster.ids() == {*both, "more-up"})
        cluster.api.delete(PLURAL, "shop/one")
        cluster.clock.seconds += 61
        await reaches(lambda: cluster.ids() == {"acme/pay-up", "acme/search-up", "checkout-up", "more-up"})
        # What there is stays deletable where the limit is lowered.
        limit = replace(OF_SHOP, most_slos=1)
        cluster.delivery = LoadedConfig(config=DeliveryConfig(tenants=(limit,)))
        cluster.api.delete(PLURAL, "shop/two")
        await reaches(lambda: cluster.ids() == {"acme/pay-up", "checkout-up", "more-up"})

    run(cluster, work)


def test_an_outage_of_the_api_server_removes_nothing_also_over_a_restart(cluster: Cluster) -> None:
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))
    cluster.api.apply(PLURAL, "shop/broken", spec("broken", slo(objective=120)))

    async def reads(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.ids() == {"checkout-up"} and len(cluster.refused()) == 1)

    async def outage(_: KubernetesWatch) -> None:
        await reaches(lambda: len(cluster.problems()) == 2)
        assert cluster.ids() == {"checkout-up"}
        assert len(cluster.refused()) == 1

    async def again(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.ids() == set() and not cluster.problems() and not cluster.refused())

    run(cluster, reads)
    with cluster.api.outage():
        run(cluster, outage)
        cluster.api.delete(PLURAL, "shop/checkout")
        cluster.api.delete(PLURAL, "shop/broken")
    run(cluster, again)


def test_objects_that_are_no_longer_asked_for_go(cluster: Cluster) -> None:
    cluster.api.apply(PLURAL, "a/one", spec("one"))
    cluster.api.apply(PLURAL, "b/two", spec("two"))

    async def both(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.ids() == {"one-up", "two-up"})

    async def only(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.ids() == {"two-up"})

    run(cluster, both)
    # At once, also before a replica has decided.
    assert cluster.ids(kubernetes_namespaces="b") == {"two-up"}
    run(cluster, only, kubernetes_namespaces="b")


def test_a_kind_that_is_removed_from_the_cluster_keeps_its_documents(cluster: Cluster) -> None:
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))

    async def work(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.ids() == {"checkout-up"})
        cluster.api.missing = {PLURAL}
        cluster.api.compact()
        cluster.api.cut()
        await reaches(lambda: any("does not know this kind" in one for one in cluster.problems()))
        assert cluster.ids() == {"checkout-up"}

    run(cluster, work)


def test_what_is_refused_because_of_a_file_is_used_once_the_file_is_gone(cluster: Cluster) -> None:
    file = cluster.folder / "a.yaml"
    file.write_text("service: checkout\nslos: [{name: up, objective: 99, window: 30d, sli: {total: a, bad: b}}]\n")
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))

    async def work(_: KubernetesWatch) -> None:
        await reaches(lambda: len(cluster.refused()) == 1)
        file.unlink()
        cluster.clock.seconds += 61
        await reaches(lambda: not cluster.refused())
        assert cluster.ids() == {"checkout-up"}

    run(cluster, work)


def test_a_status_that_may_not_be_written_is_a_problem_and_documents_are_used(cluster: Cluster) -> None:
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))
    cluster.api.forbidden = {("patch", STATUS)}

    async def work(_: KubernetesWatch) -> None:
        await reaches(lambda: any(STATUS in one for one in cluster.problems()))
        assert cluster.ids() == {"checkout-up"}
        assert cluster.api.count("patch", STATUS) == 1
        cluster.api.forbidden = set()
        cluster.clock.seconds += 61
        await reaches(lambda: cluster.condition("shop/checkout").get("reason") == "Active")
        await reaches(lambda: not cluster.problems())

    run(cluster, work)


def test_certificates_that_are_missing_are_a_problem_that_is_logged_once(cluster: Cluster) -> None:
    cluster.ca_file = cluster.folder / "ca.crt"
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))

    async def work(watch: KubernetesWatch) -> None:
        await reaches(lambda: any("ca.crt" in one for one in cluster.problems()))
        await watch.step()
        assert sum(watch.numbers().values()) == 0
        trustme.CA().cert_pem.write_to_path(cluster.folder / "ca.crt")
        await reaches(lambda: cluster.ids() == {"checkout-up"} and not cluster.problems())

    with capture_logs() as logs:
        run(cluster, work)
    assert [one["log_level"] for one in logs if "not watched" in one["event"]] == ["warning"]


def test_few_statuses_are_written_at_a_time(cluster: Cluster) -> None:
    for number in range(12):
        cluster.api.apply(PLURAL, f"shop/s{number}", spec(f"s{number}"))

    async def work() -> None:
        watch = cluster.watch()
        written: list[int] = []
        while not written or written[-1] < 12:
            await watch.step()
            written.append(cluster.api.count("patch", STATUS))
            await asyncio.sleep(0.01)
        await watch.close()
        assert max(after - before for before, after in zip([0, *written], written, strict=False)) == 5

    asyncio.run(work())


def test_two_installations_do_not_write_against_each_other_without_end(cluster: Cluster) -> None:
    """One has the id from a file, and so refuses the object that the other uses."""
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))

    async def work(_: KubernetesWatch) -> None:
        await reaches(lambda: cluster.condition("shop/checkout").get("reason") == "Active")
        other = {"slos": 0, "conditions": [{"type": "Ready", "status": "False", "reason": "Refused"}]}
        for patches in range(2, 4):
            cluster.api.set_status(PLURAL, "shop/checkout", other)
            await reaches(lambda: cluster.clock.looks > 40)
            cluster.clock.looks = 0
            assert cluster.api.count("patch", STATUS) == 1, patches
        cluster.clock.seconds += 601
        await reaches(lambda: cluster.condition("shop/checkout").get("reason") == "Active")

    run(cluster, work)


def test_a_crash_of_one_is_said_and_all_begin_anew(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))

    async def work() -> None:
        watch = cluster.watch()
        with monkeypatch.context() as patched:
            patched.setattr("app.kubernetes.feed.watched_object", _crash)
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(_steps(watch), PATIENCE_S)
        looking = asyncio.create_task(_steps(watch))
        await reaches(lambda: cluster.ids() == {"checkout-up"})
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await watch.close()

    asyncio.run(work())


def _crash(*_: Any) -> None:
    raise ZeroDivisionError


async def _steps(watch: KubernetesWatch) -> None:
    while True:
        await watch.step()
        await asyncio.sleep(0.01)


def test_one_replica_decides_and_one_that_slept_writes_nothing(cluster: Cluster, postgres_server: Postgres) -> None:
    """Fenced as everything that is done once for all: the lease of the shard of the service."""
    term = LeaseTerm(lease_s=0.0, look_every_s=1.0)
    with ExitStack() as closing:
        url = postgres_server.new_database()
        first, second = open_database(url), open_database(url)
        for database in (first, second):
            closing.callback(database.close)

        def take(database: Database) -> ServiceLease:
            with database.begin() as transaction:
                epochs = take_shards(transaction, database.instance, [SERVICE_SHARD], term=term)
            lease = ServiceLease()
            lease.hold(HeldShards(owner=database.instance, epochs=epochs, term=term))
            return lease

        cluster.database = first
        cluster.api.apply(PLURAL, "shop/checkout", spec("checkout"))
        slept = take(first)
        holder = take(second)
        assert slept.is_mine

        async def sleeper() -> None:
            watch = cluster.watch(lease=slept)
            with pytest.raises(StoreFencedError):
                await asyncio.wait_for(_steps(watch), PATIENCE_S)
            await watch.close()

        asyncio.run(sleeper())
        assert cluster.ids() == set()
        cluster.database, cluster.lease = second, holder

        async def decides(_: KubernetesWatch) -> None:
            await reaches(lambda: cluster.ids() == {"checkout-up"})

        run(cluster, decides)
        # One without the lease asks the API server for nothing.
        asked = len(cluster.api.asked)
        idle = ServiceLease()
        idle.hold(HeldShards(owner="other", epochs={}, term=term))

        async def looks() -> None:
            await cluster.watch(lease=idle).step()

        asyncio.run(looks())
        assert len(cluster.api.asked) == asked


@pytest.mark.parametrize(
    ("kinds", "namespaces", "unwatched"),
    [
        ("slodocuments", "", []),
        ("slodocuments", "shop,find", []),
        ("slodocuments", "find", ["shop"]),
        ("", "", ["shop"]),
    ],
)
def test_namespaces_of_tenants_that_are_not_watched_are_named(
    kinds: str, namespaces: str, unwatched: Sequence[str]
) -> None:
    settings = load_settings({"kubernetes_kinds": kinds, "kubernetes_namespaces": namespaces})
    assert unwatched_namespaces(settings, [OF_SHOP]) == unwatched


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}, "https://10.96.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443"),
    ],
)
def test_a_pod_finds_the_api_server_of_its_cluster(environment: dict[str, str], url: str) -> None:
    assert api_server(load_settings({}), environment).url == url
    with pytest.raises(ValueError, match="SLOBURN_KUBERNETES_URL"):
        api_server(load_settings({}), {})
    given = load_settings({"kubernetes_url": "http://127.0.0.1:8001"})
    assert api_server(given, environment).url == "http://127.0.0.1:8001"
