"""The image and the composed stack, built by buildah and run by podman.

`make soak` installs both and runs this file; `make test` does not collect it, since it needs root and some minutes.
Grafana is not part of it: Debian has no package of it.
"""

import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from testbed.waiting import wait_until
from tests.compose.stack import ROOT, replicated
from tests.soak import containers
from tests.soak.containers import PREFIX, Container, settings

pytestmark = pytest.mark.timeout(0)
_HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    containers.make_bases()
    containers.build("sloburn")
    containers.build("history")


@pytest.fixture(autouse=True)
def _network() -> Iterator[None]:
    with containers.network():
        yield


def _handles_sigterm(container: Container) -> bool:
    status = Path(f"/proc/{container.inspect('State.Pid')}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))


def _serve(*options: str) -> Container:
    specs = f"--volume={ROOT / 'demo/slos'}:/etc/sloburn/slos:ro"
    return containers.start("sloburn", f"--volume={PREFIX}data:/data", specs, *options)


@pytest.mark.parametrize("user", ["10001:0", "12345", "12345:0"])
def test_it_runs_hardened_as_any_user_of_group_0(user: str) -> None:
    service = _serve(f"--user={user}", *_HARDENED, *settings({"LISTEN_ADDRESS": "0.0.0.0:9999"}))
    service.wait_until_healthy()
    assert service.execute("id", "-g").stdout.strip() == "0"
    assert service.stop() == 0


def test_a_signal_is_not_lost_during_the_start() -> None:
    """As PID 1 it has no default action."""
    service = _serve()
    wait_until(lambda: _handles_sigterm(service))
    assert service.stop() == 0


def test_receivers_that_are_mounted_are_read(tmp_path: Path) -> None:
    (tmp_path / "sloburn.yaml").write_text("receivers: [{name: a}]\n")
    service = _serve(f"--volume={tmp_path}/sloburn.yaml:/etc/sloburn/sloburn.yaml:ro")
    assert service.wait() == 2
    assert "/etc/sloburn/sloburn.yaml" in service.log


def test_no_anonymous_volume_is_left() -> None:
    before = containers.volumes()
    service = containers.start("sloburn", command=["version"])
    assert service.wait() == 0
    service.remove()
    assert containers.volumes() == before


def _interrupt_history() -> None:
    history = containers.start_service("history")
    wait_until(lambda: "demo-history" in history.execute("ls", "prometheus", check=False).stdout)
    history.stop()
    history.remove()


def _history() -> str:
    history = containers.start_service("history")
    assert history.wait() == 0, history.log
    log = history.log
    history.remove()
    return log


def _ask(container: Container, url: str) -> dict[str, object]:
    script = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=30).read().decode())"
    answer: dict[str, object] = json.loads(container.execute("python", "-c", script).stdout)
    return answer


def _budgets(sloburn: Container) -> dict[str, float | None]:
    page = json.loads(sloburn.execute("sloburn", "status", "--format", "json").stdout)
    return {item["id"]: item["budget"]["remaining_ratio"] for item in page["items"] if item["data"] != "backfilling"}


def test_the_stack_of_compose() -> None:
    """First start with an interruption, rerun, an incident that pages, stop and restart."""
    _interrupt_history()
    assert "days of history are in" in _history()
    assert "already" in _history()
    running = {name: containers.start_service(name) for name in ("shop", "pager")}
    for name in ("prometheus", "alertmanager", "sloburn"):
        running[name] = containers.start_service(name)
    for container in running.values():
        container.wait_until_healthy()
    sloburn = running["sloburn"]
    wait_until(lambda: len(_budgets(sloburn)) == 7, lambda: sloburn.log)

    expr = "max(resets(http_requests_total%5B31d%5D))"
    resets = _ask(running["prometheus"], f"http://127.0.0.1:9090/api/v1/query?query={expr}")
    # Four restarts of the month, and the seam between history and life; a month imported twice has many thousands.
    assert float(resets["data"]["result"][0]["value"][1]) <= 5  # type: ignore[index]

    sloburn.execute("sloburn", "demo", "break", "checkout", "--errors", "100%", "--shop", "http://shop:9721")
    wait_until(lambda: "PAGE checkout-availability" in running["pager"].log, lambda: running["pager"].log)

    before = _budgets(sloburn)
    # 143 is SIGTERM, which uvicorn raises once more in the shop and the pager; 137 would be a kill.
    assert {container.stop() for container in running.values()} <= {0, 128 + signal.SIGTERM}
    for name in ("shop", "pager", "prometheus", "alertmanager", "sloburn"):
        running[name].start()
    sloburn.wait_until_healthy()
    wait_until(lambda: set(_budgets(sloburn)) == set(before), lambda: sloburn.log)


def test_two_replicas_of_compose_share_one_postgresql() -> None:
    """Each shows all SLOs; when one is killed, the other evaluates what it had."""
    containers.make_postgres()
    specs = replicated()
    postgres = containers.start_service("postgres", spec=specs["postgres"])
    postgres.wait_until_healthy()
    # Both are in one network here, and listen on one address each.
    ports = {"sloburn": "9720", "sloburn-2": "9730"}
    running = {
        name: containers.start_service(name, spec=specs[name], SLOBURN_LISTEN_ADDRESS=f"0.0.0.0:{port}")
        for name, port in ports.items()
    }
    for container in running.values():
        container.wait_until_healthy()

    def status(name: str) -> dict[str, object]:
        return _ask(running[name], f"http://127.0.0.1:{ports[name]}/api/v1/status/config")

    def replicas(name: str) -> str:
        return str(status(name)["replicas"])

    def shows_everything(name: str) -> bool:
        page = _ask(running[name], f"http://127.0.0.1:{ports[name]}/api/v1/slos")
        return len(page["items"]) == status(name)["slos"]  # type: ignore[arg-type]

    def is_shared(name: str) -> bool:
        return replicas(name).count("of 65 shards") == 2 and ": 0 of" not in replicas(name)

    for name in ports:
        wait_until(partial(is_shared, name), partial(replicas, name))
        wait_until(partial(shows_everything, name), partial(replicas, name))
    running["sloburn"].remove()
    wait_until(lambda: "65 of 65" in replicas("sloburn-2"), lambda: replicas("sloburn-2"))
    assert shows_everything("sloburn-2")
    assert running["sloburn-2"].stop() == 0
    assert postgres.stop() == 0
