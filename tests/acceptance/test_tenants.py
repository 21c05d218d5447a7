"""Two tenants of a real service: what each reads, and what a mistake of one means for the other."""

import json
from contextlib import suppress
from pathlib import Path

import httpx

from testbed.forked import run_sloburn
from testbed.service import sloburn
from testbed.waiting import wait_until

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


def test_each_tenant_reads_its_own_and_reloads_without_the_other(tmp_path: Path) -> None:
    for tenant in ("acme", "globex"):
        documents(tmp_path, tenant, "availability")
    (tmp_path / "sloburn.yaml").write_text(CONFIG)
    env = {
        "SLOBURN_CONFIG": str(tmp_path / "sloburn.yaml"),
        "SLOBURN_API_TOKEN": ADMIN,
        "SLOBURN_EVALUATION_INTERVAL": "5s",
    }
    with sloburn(NOWHERE, tmp_path / "none", tmp_path / "work", env=env, wait=False, forked=True) as running:

        def get(path: str, token: str | None = ADMIN) -> httpx.Response:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return httpx.get(running.url + path, headers=headers, timeout=60)

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return get("/-/ready", None).status_code == 200
            return False

        def ids(token: str = ADMIN) -> list[str]:
            return sorted(item["id"] for item in get("/api/v1/slos", token).json()["items"])

        def token_of(*tenant: str) -> tuple[int, str]:
            made = ["token", "create", f"reader-{len(tenant)}", "--scope", "read", *tenant]
            ended = run_sloburn(made, env={**running.env}, cwd=tmp_path / "work")
            return ended.code, ended.output.split("\n", maxsplit=1)[0]

        wait_until(answers, lambda: running.log)
        both = ["acme/checkout-availability", "globex/checkout-availability"]
        wait_until(lambda: ids() == both, lambda: running.log)
        assert token_of()[0] == token_of("--tenant", "nobody")[0] == 2
        code, acme = token_of("--tenant", "acme")
        assert (code, ids(acme)) == (0, both[:1])
        # As pages and metrics are wired in the service.
        for path in ("/", "/alerts", "/policy", "/backtests", "/metrics", "/slos/globex/checkout-availability"):
            page = get(path, acme)
            assert page.status_code == (404 if "globex" in path else 200), path
            # What was asked for may be repeated.
            assert "globex" in path or "globex" not in page.text, path
        assert 'slo="acme/checkout-availability"' in get("/metrics", acme).text
        assert get("/status", acme).status_code == 403
        assert {get("/api/v1/slos", None).status_code, get("/metrics", None).status_code} == {401}

        documents(tmp_path, "acme", "one", "two", "three")
        documents(tmp_path, "globex", "latency")
        headers = {"Authorization": f"Bearer {ADMIN}"}
        refused = httpx.post(f"{running.url}/-/reload", headers=headers, timeout=60)
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert str(tmp_path / "acme") in error
        assert "may have 2" in error
        wait_until(lambda: ids() == ["acme/checkout-availability", "globex/checkout-latency"], lambda: running.log)
        documents(tmp_path, "acme", "one")
        assert httpx.post(f"{running.url}/-/reload", headers=headers, timeout=60).status_code == 200
        wait_until(lambda: ids(acme) == ["acme/checkout-one"], lambda: running.log)
