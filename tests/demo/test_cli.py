"""`sloburn demo break`, `mend` and `status`, against a shop over a real socket; and the pager's words."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from demo.cli import app
from testbed.process import closed_port
from testbed.servers import Server, free_port

_runner = CliRunner()


def _served(part: str, folder: Path, *options: str) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "demo", part, f"--port={port}", *options]
    return Server(name=part, command=command, port=port, log_path=folder / f"{part}.log", ready_path="/healthz")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _served("shop", tmp_path_factory.mktemp("shop"), "--traffic=0") as server:
        yield server.start().url


def _demo(*arguments: str) -> tuple[int, str]:
    result = _runner.invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    return result.exit_code, result.output


def test_break_status_and_mend(shop: str) -> None:
    """The switch works from the command line in the units that people write."""
    options = ("--errors", "20%", "--latency", "2s", "--for", "10m")
    assert _demo("break", "checkout", *options, "--shop", shop) == (
        0,
        "checkout is broken for 600 s more: 20% errors, 2 s slower.\n",
    )
    assert httpx.get(f"{shop}/breakages", trust_env=False).json()["checkout"]["errors"] == 0.2
    assert "checkout is broken for" in _demo("status", "--shop", shop)[1]
    assert _demo("mend", "checkout", "--shop", shop) == (0, "Mended: checkout.\n")
    assert _demo("mend", "--shop", shop) == (
        0,
        "Nothing is broken: what was broken for a time is good again after it.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--errors", "twenty"), "is not a share: write 20% or 0.2"),
        (("--errors", "120%"), "must be between 0% and 100%"),
        (("--latency", "2 seconds"), "is not a duration"),
        (("--for", "0s"), "must be longer than zero"),
    ],
)
def test_nonsense_is_refused_with_the_way_to_write_it(shop: str, arguments: tuple[str, str], words: str) -> None:
    code, output = _demo("break", "checkout", *arguments, "--shop", shop)
    assert code == 2
    assert words in output


def test_an_unknown_service_is_refused(shop: str) -> None:
    code, output = _demo("break", "chekout", "--shop", shop)
    assert code == 2
    assert "it has catalog, search, cart, checkout, reports" in output


def test_without_a_shop_the_way_to_start_one_is_said() -> None:
    code, output = _demo("status", "--shop", f"http://127.0.0.1:{closed_port()}")
    assert code == 1
    assert "start it with `sloburn demo`" in output


def test_the_pager_prints_pages_and_their_end(tmp_path: Path) -> None:
    """What Alertmanager posts is printed with its words, whatever brackets they hold."""
    labels = {"alertname": "ErrorBudgetBurn", "slo": "cart:route=[x]", "severity": "page"}
    words = {
        "firing": {"summary": "cart burns", "description": "[12] bad of 100"},
        "resolved": {"summary": "cart burns no more", "description": "It lasted 12m; 3% in this incident."},
    }
    with _served("pager", tmp_path) as pager:
        pager.start()
        for status, annotations in words.items():
            alerts = [{"status": status, "labels": labels, "annotations": annotations, "startsAt": "ignored"}]
            alerts[0]["generatorURL"] = "http://sloburn/incidents/5f2d"
            httpx.post(f"{pager.url}/notify", json={"alerts": alerts}, trust_env=False).raise_for_status()
        listed = httpx.get(pager.url, trust_env=False).text
        printed = pager.log
    assert listed.count('<a href="http://sloburn/incidents/5f2d">') == len(words)
    assert "PAGE cart:route=[x]" in printed
    assert "[12] bad of 100" in printed
    assert "RESOLVED PAGE cart:route=[x]" in printed
    assert "It lasted 12m; 3% in this incident." in printed
    assert printed.count("http://sloburn/incidents/5f2d") == len(words)
