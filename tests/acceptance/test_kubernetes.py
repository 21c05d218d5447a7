"""The service reads its documents from a cluster: without any file, over an outage of the API server and a restart."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from testbed.kubernetes_api import KubernetesApi
from testbed.process import Server, closed_port
from testbed.service import sloburn
from testbed.stack import document, wait_for_reason
from testbed.waiting import wait_until

PLURAL = "slodocuments"


def _get(service: Server, path: str) -> Any:
    return httpx.get(service.url + path, timeout=60.0, trust_env=False).json()


def _is_ready(service: Server) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{service.url}/-/ready", timeout=60.0, trust_env=False).is_success
    return False


def _ids(service: Server) -> set[str]:
    return {one["id"] for one in _get(service, "/api/v1/slos")["items"]}


def _metrics(service: Server) -> str:
    return httpx.get(f"{service.url}/metrics", timeout=60.0, trust_env=False).text


def test_objects_of_a_cluster_are_the_documents(tmp_path: Path) -> None:
    good, broken = document("checkout"), document("checkout")
    broken["slos"][0]["objective"] = 120
    wanted = {f"checkout-{one['name']}" for one in good["slos"]}
    prometheus = f"http://127.0.0.1:{closed_port()}"
    with KubernetesApi() as api:
        env = {
            "SLOBURN_KUBERNETES_KINDS": "slodocuments, sloth",
            "SLOBURN_KUBERNETES_URL": api.url,
            "SLOBURN_WATCH_INTERVAL": "1s",
            "SLOBURN_EVALUATION_INTERVAL": "5s",
        }
        api.missing = {"prometheusservicelevels"}
        specs = tmp_path / "none"
        with sloburn(prometheus, specs, tmp_path / "service", env=env, wait=False, forked=True) as service:
            wait_until(lambda: _is_ready(service))
            assert _ids(service) == set()
            api.apply(PLURAL, "shop/checkout", {"spec": good})
            wait_until(lambda: _ids(service) == wanted)
            api.apply(PLURAL, "shop/checkout", {"spec": broken})
            wait_for_reason(service, "SloDocument shop/checkout is refused, and its last good version stays active")
            # The rule on refused documents goes by it.
            wait_until(lambda: "\nsloburn_config_last_reload_successful 0" in _metrics(service))
            assert "slos[0].objective" in _get(service, "/api/v1/status/config")["last_reload_errors"][0]
            assert _ids(service) == wanted
            assert "Traceback" not in service.log
            service.stop()
            with api.outage():
                service.launch()
                wait_for_reason(service, "SloDocument shop/checkout is refused")
                assert _ids(service) == wanted
