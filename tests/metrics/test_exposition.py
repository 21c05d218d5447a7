import gzip
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from app.changes import Change
from app.metrics import BuildInfo, Exposition, Instruments
from app.metrics.collector import render_families
from app.status import Board
from testbed.servers import promtool_binary
from testbed.waiting import PATIENCE_S, wait_until
from tests.support.changes import a_change
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def an_exposition(board: Board) -> Exposition:
    return Exposition(board, Instruments(build=BuildInfo(version="1.2.3", python="3.11.0")))


def a_board() -> Board:
    board = Board()
    board.publish([a_snapshot()])
    return board


def test_the_text_format_is_the_default_and_promtool_likes_it() -> None:
    page = an_exposition(a_board()).render()

    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run([promtool_binary(), "check", "metrics"], input=page.body, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_openmetrics_is_given_to_who_asks_for_it() -> None:
    page = an_exposition(a_board()).render(accept=OPENMETRICS)

    assert page.content_type.startswith("application/openmetrics-text; version=1.0.0")
    text = page.body.decode()
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert families["slo_events"].type == "counter"
    assert families["sloburn_evaluations"].samples[0].value == 0


def test_a_scraper_that_takes_gzip_gets_it() -> None:
    exposition = an_exposition(a_board())

    page = exposition.render(accept_encoding="deflate, gzip;q=0.8")

    assert page.gzipped
    assert b"slo_info" in gzip.decompress(page.body)
    assert not exposition.render().gzipped


def test_a_new_tick_shows_at_once_and_series_of_a_removed_slo_go_away() -> None:
    board = a_board()
    exposition = an_exposition(board)
    assert b"checkout-availability" in exposition.render().body

    board.publish([a_snapshot(an_slo("search"))])

    body = exposition.render().body
    assert b"search-availability" in body
    assert b"checkout-availability" not in body


def test_of_many_slos_scrapes_get_the_page_before_until_the_new_one_is_ready() -> None:
    board, written = Board(), threading.Event()
    exposition = Exposition(
        board, Instruments(build=BuildInfo.current()), many=1, rest=lambda _seconds: bool(written.wait(PATIENCE_S))
    )
    board.publish([a_snapshot()])
    assert b"checkout-availability" in exposition.render().body

    board.publish([a_snapshot(an_slo("search"))])

    assert b"checkout-availability" in exposition.render().body
    written.set()
    wait_until(lambda: b"search-availability" in exposition.render().body, what="the new page")
    assert b"checkout-availability" not in exposition.render().body


def test_pages_of_several_threads_are_rendered_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of SLOs is shared by all pages, and changes while one is rendered."""
    exposition, rendering, most, second_began = an_exposition(a_board()), [0], [0], threading.Event()

    def render_slowly(*args: Any, **options: Any) -> Iterator[str]:
        rendering[0] += 1
        most[0] = max(most[0], rendering[0])
        if rendering[0] > 1:
            second_began.set()
        # Only where the second page does not wait for the first one, both are here.
        second_began.wait(0.1)
        yield from render_families(*args, **options)
        rendering[0] -= 1

    monkeypatch.setattr("app.metrics.exposition.render_families", render_slowly)
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda accept: exposition.render(accept=accept), ("", OPENMETRICS)))
    assert [b"slo_info" in page.body for page in pages] == [True, True]
    assert most == [1]


def test_the_newest_changes_of_services_with_slos_are_there_at_once() -> None:
    """A deploy is reported between two evaluations; one of another service would be a series without use."""
    board, changes = a_board(), list[Change]()
    exposition = Exposition(board, Instruments(build=BuildInfo.current()), changes=lambda: changes)
    assert b"slo_last_change" not in exposition.render().body
    changes += [a_change(version='v"42"', started_at=AS_OF), a_change("other", started_at=AS_OF)]
    for accept in ("", OPENMETRICS):
        page = exposition.render(accept=accept, accept_encoding="gzip")
        lines = [
            line for line in gzip.decompress(page.body).decode().splitlines() if line.startswith("slo_last_change")
        ]
        labels = r'slo_service="checkout",environment="prod",kind="deploy",version="v\"42\""'
        assert lines == [f"slo_last_change_timestamp_seconds{{{labels}}} {AS_OF.timestamp()}"]
