"""The SLOs of the default folder find their series on any Prometheus that scrapes itself."""

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from app.documents import load_documents
from app.promql.selector_text import render
from app.slo import Selector
from testbed.servers import Server, prometheus
from testbed.waiting import wait_until

_FOLDER = Path(__file__).parents[2] / "config/slos"


def test_the_default_slos_count_something_real(tmp_path: Path) -> None:
    """Every total has series, and so has the bucket of the latency SLO, in the spelling of this Prometheus."""
    slis = [slo.sli for slo in load_documents(_FOLDER).slos]
    wanted = [sli.terms[0].selector for sli in slis] + [sli.terms[-1].selector for sli in slis if sli.buckets]
    with prometheus(tmp_path / "a") as watched:
        _series(watched, "up")
        with prometheus(tmp_path / "b", scrape=[("prometheus", watched.url)]) as server:
            missing = _wait_for(server, wanted)
    assert missing == []


def _wait_for(server: Server, selectors: list[Selector]) -> list[str]:
    missing = [render(selector) for selector in selectors]

    def none_left() -> bool:
        missing[:] = [text for text in missing if not _series(server, text)]
        return not missing

    with suppress(TimeoutError):
        wait_until(none_left)
    return missing


def _series(server: Server, query: str) -> int:
    form = urlencode({"query": query}).encode()
    with urlopen(f"{server.url}/api/v1/query", form) as answer:  # noqa: S310  loopback
        return len(json.load(answer)["data"]["result"])
