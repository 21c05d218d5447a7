"""The whole service on PostgreSQL: what it does while the server is away, and two processes on one database."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed.servers import prometheus
from testbed.service import Server, sloburn, write_documents
from testbed.shop import serving_shop
from testbed.stack import QUICK, document, look, stack
from testbed.timeline import all_clear, page
from testbed.waiting import PATIENCE_S, wait_until
from tests.support.made_up_revision import NEXT, next_version
from tests.support.postgres import Postgres, postgres

SERVICES = tuple(f"shop{number}" for number in range(8))


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that a test may stop."""
    with postgres() as server:
        yield server


def test_an_incident_is_told_while_the_server_restarts_and_is_recorded_afterwards(
    own_server: Postgres, tmp_path: Path
) -> None:
    env = {"SLOBURN_DATABASE_URL": own_server.new_database()}
    with stack(tmp_path, env=env) as running:
        line = running.timeline
        line.at(0, own_server.stop)
        away = line.want(1, running.is_unhealthy("the database cannot be written"))
        line.at(0, lambda: running.shop.breaks("checkout"), after=away)
        fired = line.want(1, page("checkout-availability"), after=away)
        line.at(1, own_server.start, after=fired)
        back = line.want(1, running.is_healthy(), after=fired)
        line.at(1, lambda: running.shop.mends("checkout"), after=back)
        line.want(1, all_clear("checkout-availability"), after=back)
        line.run()
        assert running.deeds() == ["fired", "resolved"]
        running.assert_counts_are_the_truth("checkout")


def test_a_second_process_shares_the_slos_and_each_answers_for_all(own_server: Postgres, tmp_path: Path) -> None:
    """Also of what the other evaluates, while the server hangs and while it is stopped: links in pages lead there.

    The second is of the next version, which has added something to the tables: so is an upgrade without a stop.
    """
    specs = write_documents([document(name) for name in SERVICES], tmp_path / "slos")
    env = {**QUICK, "SLOBURN_DATABASE_URL": own_server.new_database()}
    with ExitStack() as running:
        shop = running.enter_context(serving_shop(SERVICES))
        source = running.enter_context(prometheus(tmp_path / "prometheus", scrape=[("shop", shop.url)]))
        upgraded = {**env, "PYTHONPATH": str(next_version(tmp_path / "next"))}
        both = [
            running.enter_context(sloburn(source.url, specs, tmp_path / "first", env=env, forked=True)),
            running.enter_context(sloburn(source.url, specs, tmp_path / "second", env=upgraded)),
        ]
        assert _revision(own_server, env["SLOBURN_DATABASE_URL"]) == NEXT
        ids = {f"{name}-availability" for name in SERVICES}
        # Each SLO is exposed by one of them, and each has some of so many.
        wait_until(
            lambda: (
                [*map(len, own := [_exposed(one) for one in both])] != [len(ids), 0]
                and all(own)
                and sorted([*own[0], *own[1]]) == sorted(ids)
            ),
            lambda: f"{[_exposed(one) for one in both]}; {both[0].log[-2000:]}; {both[1].log[-2000:]}",
        )
        for name in SERVICES:
            shop.breaks(name)
        shop.opens()
        for one in both:
            wait_until(partial(_has_events, one, ids), "every SLO to have events")
        other = next(iter(ids - _exposed(both[0])))
        for path in (f"/api/v1/slos/{other}/history?step=60s", f"/api/v1/slos/{other}/contributors", f"/slos/{other}"):
            assert _get(both[0], path).status_code == httpx.codes.OK, path
        assert len(_get(both[0], "/api/v1/status/config").json()["replicas"]) == 2
        wait_until(partial(_pages_of, both[0], other), lambda: both[1].log[-2000:])
        incident = _pages_of(both[0], other)[0]["incident"]
        pages = (f"/incidents/{incident}", f"/slos/{other}", "/alerts", "/alerts?view=transitions", "/objectives")
        assert {path: _state_of(both[0], path) for path in pages} == dict.fromkeys(pages, "read")
        own_server.pause()
        assert {path: _state_of(both[0], path) for path in pages} == dict.fromkeys(pages, "known")
        own_server.stop()
        assert {path: _state_of(both[0], path) for path in pages} == dict.fromkeys(pages, "known")
        assert _get(both[0], f"/slos/{other}?part=contributors").status_code == httpx.codes.OK
        assert other in {one["slo"] for one in _get(both[0], "/api/v1/alerts").json()["items"]}
        # It may be in the database.
        assert _get(both[0], "/incidents/unheard-of").status_code == httpx.codes.SERVICE_UNAVAILABLE
        for kept in ("incidents", "transitions", "events"):
            answer = _get(both[0], f"/api/v1/{kept}")
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable"), kept
        own_server.start()
        wait_until(lambda: _state_of(both[0], pages[0]) == "read", lambda: both[0].log[-2000:])
        # Handed over at once by an orderly stop.
        assert both[0].stop() == 0
        wait_until(lambda: _exposed(both[1]) == ids, lambda: both[1].log[-3000:])
        assert "Traceback" not in both[0].log + both[1].log


def _revision(server: Postgres, url: str) -> object:
    return server.value_of("SELECT version_num FROM schema_revision", database=url.rpartition("/")[2])


def _get(service: Server, path: str) -> httpx.Response:
    return httpx.get(service.url + path, timeout=PATIENCE_S, trust_env=False)


def _exposed(service: Server) -> set[str]:
    lines = _get(service, "/metrics").text.splitlines()
    return {line.split('slo="')[1].split('"')[0] for line in lines if line.startswith("slo_objective_ratio{")}


def _pages_of(service: Server, slo_id: str) -> list[dict[str, Any]]:
    alerts = _get(service, "/api/v1/alerts").json()["items"]
    return [one for one in alerts if (one["slo"], one["severity"], one["state"]) == (slo_id, "page", "firing")]


def _state_of(service: Server, path: str) -> str:
    """Whether a page is of what the database has now, or of what is known of it."""
    answer = _get(service, path)
    if answer.status_code != httpx.codes.OK:
        return str(answer.status_code)
    return "known" if 'class="problem warning" role="status"' in answer.text else "read"


def _has_events(service: Server, ids: Collection[str]) -> bool:
    return all(look(service, slo_id)["events"]["total"] for slo_id in ids)
