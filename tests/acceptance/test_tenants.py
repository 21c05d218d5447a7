"""Two tenants of two replicas over PostgreSQL: what each reads, and what a mistake of one means for the other."""

import json
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx

from testbed.forked import run_sloburn
from testbed.service import Server, sloburn
from testbed.waiting import wait_until
from tests.support.postgres import Postgres

NOWHERE = "http://127.0.0.1:9"
ADMIN = "for all of them"
CONFIG = """
tenants:
  - {name: acme, documents: acme, limits: {slos: 2}}
  - {name: globex, documents: globex}
"""


def documents(folder: Path, tenant: str, *names: str) -> None:
    slos = [
        {"name": name, "objective": 99, "window": "7d", "sli": {"total": "requests_total", "bad": "errors_total"}}
        for name in names
    ]
    (folder / tenant).mkdir(exist_ok=True)
    (folder / tenant / "checkout.yaml").write_text(json.dumps({"service": "checkout", "slos": slos}))


def get(service: Server, path: str, token: str | None = ADMIN) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.get(service.url + path, headers=headers, timeout=60)


def ids(service: Server, token: str = ADMIN) -> list[str]:
    return sorted(item["id"] for item in get(service, "/api/v1/slos", token).json()["items"])


def token_of(service: Server, folder: Path, *tenant: str) -> tuple[int, str]:
    made = ["token", "create", f"reader-{len(tenant)}", "--scope", "read", *tenant]
    ended = run_sloburn(made, env={**service.env}, cwd=folder)
    return ended.code, ended.output.split("\n", maxsplit=1)[0]


def reload(service: Server) -> httpx.Response:
    return httpx.post(f"{service.url}/-/reload", headers={"Authorization": f"Bearer {ADMIN}"}, timeout=60)


def answers(service: Server) -> bool:
    with suppress(httpx.TransportError):
        return get(service, "/-/ready", None).status_code == 200
    return False


def wait_for(service: Server, expected: list[str], token: str = ADMIN) -> None:
    wait_until(lambda: answers(service) and ids(service, token) == expected, lambda: service.log)


def test_each_tenant_reads_its_own_of_every_replica_and_reloads_without_the_other(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    for tenant in ("acme", "globex"):
        documents(tmp_path, tenant, "availability", "latency")
    (tmp_path / "sloburn.yaml").write_text(CONFIG)
    env = {
        "SLOBURN_CONFIG": str(tmp_path / "sloburn.yaml"),
        "SLOBURN_API_TOKEN": ADMIN,
        "SLOBURN_EVALUATION_INTERVAL": "5s",
        "SLOBURN_DATABASE_URL": postgres_server.new_database(),
    }
    with ExitStack() as running:
        both = [
            running.enter_context(
                sloburn(NOWHERE, tmp_path / "none", tmp_path / name, env=env, wait=False, forked=True)
            )
            for name in ("first", "second")
        ]
        every = [f"{tenant}/checkout-{name}" for tenant in ("acme", "globex") for name in ("availability", "latency")]
        for one in both:
            wait_for(one, every)
        first = both[0]
        assert token_of(first, tmp_path)[0] == token_of(first, tmp_path, "--tenant", "nobody")[0] == 2
        code, acme = token_of(first, tmp_path, "--tenant", "acme")
        assert code == 0
        # Whichever of them evaluates it; and as pages and metrics are wired in the service.
        for one in both:
            assert ids(one, acme) == every[:2]
            for path in ("/", "/alerts", "/policy", "/backtests", "/metrics", "/slos/globex/checkout-availability"):
                page = get(one, path, acme)
                assert page.status_code == (404 if "globex" in path else 200), path
                # What was asked for may be repeated.
                assert "globex" in path or "globex" not in page.text, path
            assert get(one, "/status", acme).status_code == 403
            assert {get(one, "/api/v1/slos", None).status_code, get(one, "/metrics", None).status_code} == {401}
        shown = [get(one, "/metrics", acme).text for one in both]
        assert [slo for slo in every for text in shown if f'slo_objective_ratio{{slo="{slo}"' in text] == every[:2]

        documents(tmp_path, "acme", "one", "two", "three")
        documents(tmp_path, "globex", "latency")
        refused = reload(first)
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert str(tmp_path / "acme") in error
        assert "may have 2" in error
        wait_for(first, [*every[:2], every[3]])
        documents(tmp_path, "acme", "one")
        assert [reload(one).status_code for one in both] == [200, 200]
        for one in both:
            wait_for(one, ["acme/checkout-one"], acme)
            assert one.stop() == 0, one.log
