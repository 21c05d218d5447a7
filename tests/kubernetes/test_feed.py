"""Objects are listed and watched by the protocol of the API server, over real sockets, whatever the server does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from app.documents import Defaults, load_documents
from app.kubernetes import DOCUMENT_KIND, WATCHED_KINDS, ApiServer, ApiServerError, KubernetesClient, ObjectFeed
from app.kubernetes.client import ExpiredVersionError, ObjectPage
from testbed.kubernetes_api import KubernetesApi, answer
from testbed.waiting import PATIENCE_S, reaches

PLURAL = DOCUMENT_KIND.plural
_SPEC = {"spec": {"service": "shop", "slos": []}}


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as server:
        yield server


@asynccontextmanager
async def watching(
    api: KubernetesApi, *, kind: str = "slodocuments", namespace: str | None = None, server: ApiServer | None = None
) -> AsyncIterator[ObjectFeed]:
    async def pause(seconds: float) -> None:
        # The order of failures matters here, and not how long they are waited for.
        assert seconds >= 0
        await asyncio.sleep(0.005)

    client = KubernetesClient(server or ApiServer(url=api.url))
    feed = ObjectFeed(client, WATCHED_KINDS[kind], namespace=namespace, label="sloburn.dev/documents=true", sleep=pause)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def names(feed: ObjectFeed) -> set[str]:
    return {one.name.partition(" ")[2] for one in feed.objects.values()}


def test_objects_come_change_and_go_as_they_do_in_the_cluster(api: KubernetesApi) -> None:
    api.apply(PLURAL, "a/one", _SPEC)
    api.apply(PLURAL, "b/two", _SPEC)

    async def work() -> None:
        async with watching(api) as feed:
            await reaches(lambda: names(feed) == {"a/one", "b/two"})
            api.apply(PLURAL, "a/three", _SPEC)
            api.apply(PLURAL, "a/one", {"spec": {"service": "other"}})
            api.delete(PLURAL, "b/two")
            await reaches(lambda: names(feed) == {"a/one", "a/three"})
            await reaches(lambda: "service: other" in feed.objects["SloDocument a/one"].texts["SloDocument a/one"])
            assert feed.objects["SloDocument a/one"].generation == 2
        assert api.count("list", PLURAL) == 1

    run(work)


def test_one_namespace_and_one_label_are_asked_for(api: KubernetesApi) -> None:
    for name, labelled in (("a/slos", True), ("a/other", False), ("b/slos", True)):
        data = {"x.yaml": "service: x", "y.json": "{}", "notes.txt": "none"}
        api.apply("configmaps", name, {"data": data}, labelled=labelled)

    async def work() -> None:
        async with watching(api, kind="configmaps", namespace="a") as feed:
            await reaches(lambda: feed.is_listed)
            api.apply("configmaps", "b/more", {"data": {}}, labelled=True)
            api.apply("configmaps", "a/more", {"data": {}}, labelled=True)
            await reaches(lambda: names(feed) == {"a/slos", "a/more"})
            assert set(feed.objects["ConfigMap a/slos"].texts) == {
                "ConfigMap a/slos/x.yaml",
                "ConfigMap a/slos/y.json",
            }

    run(work)


def test_a_list_comes_in_parts_and_is_asked_anew_where_the_rest_has_expired(api: KubernetesApi) -> None:
    api.most_in_page = 2
    for number in range(5):
        api.apply(PLURAL, f"a/o{number}", _SPEC)
    lists: list[str] = []

    def compact_before_the_second(_: Any) -> bool:
        lists.append("part")
        if len(lists) == 2:
            api.compact()
        return False

    api.intercept = compact_before_the_second

    async def work() -> None:
        async with watching(api) as feed:
            await reaches(lambda: len(feed.objects) == 5)
            assert feed.changes == 1
        # One part, its expired rest, and three parts of a new list.
        assert api.count("list", PLURAL) == 5

    run(work)


@pytest.mark.parametrize("in_stream", [False, True], ids=["answer", "event"])
def test_a_version_that_the_server_has_forgotten_makes_a_new_list(api: KubernetesApi, in_stream: bool) -> None:
    api.gone_in_stream = in_stream
    api.apply(PLURAL, "a/stays", _SPEC)
    api.apply(PLURAL, "a/goes", _SPEC)

    async def work() -> None:
        async with watching(api) as feed:
            await reaches(lambda: len(feed.objects) == 2)
            with api.outage():
                api.delete(PLURAL, "a/goes")
                api.apply(PLURAL, "a/new", _SPEC)
                api.compact()
                # Nothing goes while there is no answer.
                await reaches(lambda: feed.problem is not None)
                assert names(feed) == {"a/stays", "a/goes"}
            await reaches(lambda: names(feed) == {"a/stays", "a/new"})
            assert feed.problem is None
        assert api.count("list", PLURAL) == 2

    run(work)


def test_a_watch_that_ends_or_is_cut_goes_on_from_the_newest_bookmark(api: KubernetesApi) -> None:
    api.apply(PLURAL, "a/one", _SPEC)
    server = ApiServer(url=api.url, watch_for=timedelta(seconds=1))

    async def work() -> None:
        async with watching(api, server=server) as feed:
            await reaches(lambda: feed.is_listed)
            await reaches(lambda: api.count("watch", PLURAL) == 1)
            api.bookmark()
            api.bookmark()
            # The server ends it after a second.
            await reaches(lambda: api.count("watch", PLURAL) == 2)
            api.cut()
            api.apply(PLURAL, "a/two", _SPEC)
            await reaches(lambda: names(feed) == {"a/one", "a/two"})
        versions = [version for verb, _, version in api.asked if verb == "watch"]
        assert versions[:2] == ["101", "103"]
        assert api.count("list", PLURAL) == 1

    run(work)


def test_after_an_outage_a_watch_that_ends_goes_on_as_soon_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)
    failures, pauses = [ApiServerError("the API server cannot be reached")] * 5, list[float]()

    class Recovering:
        async def list_page(self, *_: Any, **__: Any) -> ObjectPage:
            return ObjectPage(items=(), version="1", onward="")

        async def watch(self, *_: Any, **__: Any) -> None:
            if failures:
                raise failures.pop()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 7:
            raise asyncio.CancelledError

    feed = ObjectFeed(cast("KubernetesClient", Recovering()), DOCUMENT_KIND, sleep=pause)
    with pytest.raises(asyncio.CancelledError):
        run(feed.run)
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 1.0, 1.0]


def test_watches_that_all_expire_at_once_make_ever_fewer_lists_and_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list has every object of the cluster; one that has nothing new is nothing to decide about."""
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)
    pauses = list[float]()

    class Forgetful:
        async def list_page(self, *_: Any, **__: Any) -> ObjectPage:
            return ObjectPage(items=(), version="1", onward="")

        async def watch(self, *_: Any, **__: Any) -> None:
            if len(pauses) != 4:
                raise ExpiredVersionError("too old resource version", status=410)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            raise asyncio.CancelledError

    feed = ObjectFeed(cast("KubernetesClient", Forgetful()), DOCUMENT_KIND, sleep=pause)
    with pytest.raises(asyncio.CancelledError):
        run(feed.run)
    assert pauses == [2.0, 4.0, 8.0, 16.0, 1.0, 2.0]
    assert feed.changes == 1


def test_a_list_without_an_end_is_a_failure_and_not_read_for_ever() -> None:
    class Endless:
        parts = 0

        async def list_page(self, *_: Any, **__: Any) -> ObjectPage:
            self.parts += 1
            return ObjectPage(items=(), version="1", onward="more")

    async def pause(_seconds: float) -> None:
        raise asyncio.CancelledError

    server = Endless()
    feed = ObjectFeed(cast("KubernetesClient", server), DOCUMENT_KIND, sleep=pause)
    with pytest.raises(asyncio.CancelledError):
        run(feed.run)
    assert (server.parts, feed.is_listed) == (1_000, False)


def test_what_is_forbidden_is_said_and_works_once_it_is_allowed(api: KubernetesApi) -> None:
    api.apply(PLURAL, "a/one", _SPEC)
    api.forbidden = {("list", PLURAL)}

    async def work() -> None:
        with capture_logs() as logs:
            async with watching(api) as feed:
                await reaches(lambda: feed.problem is not None)
                assert "forbidden" in str(feed.problem)
                assert not feed.is_listed
                api.forbidden = set()
                await reaches(lambda: names(feed) == {"a/one"})
                assert feed.problem is None
        # However often it is tried.
        assert len([one for one in logs if one["log_level"] == "warning"]) == 1

    run(work)


def test_a_kind_that_is_not_installed_is_no_problem_and_may_come_later(api: KubernetesApi) -> None:
    api.missing = {PLURAL}

    async def work() -> None:
        async with watching(api) as feed:
            await reaches(lambda: api.count("list", PLURAL) >= 5)
            assert (feed.problem, feed.is_missing, feed.is_listed) == (None, True, False)
            api.missing = set()
            api.apply(PLURAL, "a/one", _SPEC)
            await reaches(lambda: names(feed) == {"a/one"})
            assert not feed.is_missing

    run(work)


def test_the_token_is_read_again_for_each_request(api: KubernetesApi, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    api.token = "first"  # noqa: S105  of the test
    api.apply(PLURAL, "a/one", _SPEC)
    server = ApiServer(url=api.url, token_file=token)

    async def work() -> None:
        async with watching(api, server=server) as feed:
            await reaches(lambda: len(feed.objects) == 1)
            api.token = "second"  # noqa: S105  of the test
            api.cut()
            await reaches(lambda: feed.problem is not None)
            token.write_text("second\n")
            api.apply(PLURAL, "a/two", _SPEC)
            await reaches(lambda: len(feed.objects) == 2)
        assert set(api.tokens) == {"first", "second"}

    run(work)


@pytest.mark.parametrize("body", [b"<html>login</html>", b"[]", b'{"items": []}', b'{"metadata": {"resourceVersion'])
def test_an_answer_of_something_else_removes_nothing(api: KubernetesApi, body: bytes) -> None:
    api.apply(PLURAL, "a/one", _SPEC)

    def other(handler: Any) -> bool:
        answer(handler, HTTPStatus.OK, body)
        return True

    async def work() -> None:
        async with watching(api) as feed:
            await reaches(lambda: len(feed.objects) == 1)
            api.intercept = other
            api.compact()
            api.cut()
            await reaches(lambda: feed.problem is not None)
            assert len(feed.objects) == 1
            api.intercept = lambda _: False
            api.apply(PLURAL, "a/two", _SPEC)
            await reaches(lambda: len(feed.objects) == 2)

    run(work)


@pytest.mark.parametrize("levels", [600, 5_000])
def test_an_object_of_many_levels_keeps_no_other_from_being_read(api: KubernetesApi, levels: int) -> None:
    """It is read without them, and refused as a document that nests too deeply."""
    items = [
        f'{{"metadata": {{"name": "{name}", "namespace": "a"}}, "spec": {inner}}}'
        for name, inner in (("deep", '{"a": [' * levels + r'"]\"}"' + "]}" * levels), ("sound", '{"service": "shop"}'))
    ]
    body = f'{{"metadata": {{"resourceVersion": "1"}}, "items": [{", ".join(items)}]}}'.encode()

    def listed(handler: Any) -> bool:
        if "watch=1" in handler.path:
            return False
        answer(handler, HTTPStatus.OK, body)
        return True

    async def work() -> None:
        api.intercept = listed
        async with watching(api) as feed:
            await reaches(lambda: feed.is_listed)
            deep, sound = (feed.objects[f"SloDocument a/{name}"] for name in ("deep", "sound"))
            assert "service: shop" in sound.texts[sound.name]
            objects = {Path(name): text for name, text in deep.texts.items()}
            assert load_documents(defaults=Defaults(), objects=objects).errors

    run(work)


def test_a_status_goes_to_the_version_that_it_is_about(api: KubernetesApi) -> None:
    api.apply(PLURAL, "a/one", _SPEC)
    client = KubernetesClient(ApiServer(url=api.url))
    path = DOCUMENT_KIND.path("a", "one", status=True)

    async def work() -> None:
        version = api.object(PLURAL, "a/one")["metadata"]["resourceVersion"]
        await client.patch_status(path, {"metadata": {"resourceVersion": version}, "status": {"slos": 3}})
        assert api.object(PLURAL, "a/one")["status"] == {"slos": 3}
        with pytest.raises(ApiServerError) as raised:
            await client.patch_status(path, {"metadata": {"resourceVersion": version}, "status": {"slos": 4}})
        assert raised.value.status == 409
        await client.aclose()

    run(work)


@pytest.mark.parametrize("is_status", [False, True], ids=["list", "status"])
def test_an_answer_that_trickles_in_is_given_up_as_a_whole(monkeypatch: pytest.MonkeyPatch, is_status: bool) -> None:
    """Each byte comes in time, and a status that is never written would hold up what is decided of all objects."""
    monkeypatch.setattr("app.kubernetes.client._REQUEST_WITHIN", timedelta(seconds=0.2))

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 60000\r\n\r\n")
        with closing(writer), suppress(OSError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)

    async def work() -> None:
        async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = KubernetesClient(ApiServer(url=f"http://127.0.0.1:{port}"))
            path = DOCUMENT_KIND.path("a", "one", status=is_status)
            asked = client.patch_status(path, {}) if is_status else client.list_page(path, label=None)
            with pytest.raises(ApiServerError) as raised:
                await asyncio.wait_for(asked, PATIENCE_S)
            assert raised.value.status is None
            await client.aclose()

    run(work)


def test_an_object_is_written_as_kubectl_prints_it(api: KubernetesApi) -> None:
    """So that the line of a finding is the one that people see."""
    api.apply(
        PLURAL, "a/one", {"spec": {"service": "shop", "slos": [{"description": "one\ntwo\n", "objective": 99.9}]}}
    )

    async def work() -> None:
        async with watching(api) as feed:
            await reaches(lambda: feed.is_listed)
            (text,) = feed.objects["SloDocument a/one"].texts.values()
        lines = text.splitlines()
        assert lines[:2] == ["apiVersion: sloburn.dev/v1alpha1", "kind: SloDocument"]
        assert "managedFields" not in text
        # It is there for the lines, and does not differ with each write of the status.
        assert "  resourceVersion: ''" in lines
        assert lines[lines.index("spec:") :] == [
            "spec:",
            "  service: shop",
            "  slos:",
            "  - description: |",
            "      one",
            "      two",
            "    objective: 99.9",
        ]

    run(work)
