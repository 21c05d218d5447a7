"""The disk is full for a while, in the middle of incidents: D2."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from testbed.stack import stack
from testbed.timeline import Sight, all_clear, page
from tests.support.disks import Disk, LimitedFiles, can_mount, small_disk

CHECKOUT, SEARCH = "checkout-availability", "search-availability"
FAILURES = 'sloburn_evaluation_failures_total{reason="store"}'


def _kinds() -> list[str]:
    """A limit works for everybody; a disk of its own where we may mount one."""
    with tempfile.TemporaryDirectory() as folder:
        return ["file-size-limit", *(["tmpfs"] if can_mount(Path(folder)) else [])]


@contextmanager
def _disk(kind: str, folder: Path) -> Iterator[Disk]:
    if kind == "tmpfs":
        with small_disk(folder) as disk:
            yield disk
    else:
        yield LimitedFiles()


@pytest.mark.parametrize("kind", _kinds())
def test_pages_go_out_while_the_disk_is_full_and_nothing_is_lost(tmp_path: Path, kind: str) -> None:
    """Two pages fire and one ends, said as degraded; the other ends later. Then everything is in the database."""
    with (
        _disk(kind, tmp_path / "service") as disk,
        stack(tmp_path, services=("checkout", "search")) as running,
    ):
        line = running.timeline
        line.at(0, lambda: disk.fill(running.service))
        full = line.want(0, running.is_unhealthy("the database cannot be written"))
        line.at(0, lambda: running.shop.breaks("checkout"), after=full)
        line.at(0, lambda: running.shop.breaks("search"), after=full)
        fired = line.want(1, page(CHECKOUT), after=full)
        second = line.want(1, page(SEARCH), after=full)
        line.at(0, lambda: running.shop.mends("checkout"), after=fired)
        ended = line.want(1, all_clear(CHECKOUT), after=fired)
        counted = Sight("failures are counted", lambda: (running.metric(FAILURES) or 0) > 0)
        line.want(0, counted, after=ended)
        line.at(1, lambda: disk.free(running.service), after=ended)
        line.at(1, lambda: running.shop.mends("search"), after=ended)
        line.want(1, running.is_healthy(), after=ended)
        over = line.want(1, all_clear(SEARCH), after=ended)
        line.run()

        degraded = [alert.alert["annotations"].get("durability") for alert in (fired, second, ended, over)]
        assert degraded == ["degraded", "degraded", "degraded", None]
        assert running.deeds(CHECKOUT) == running.deeds(SEARCH) == ["fired", "resolved"]
        running.assert_counts_are_the_truth("checkout", "search")
        running.service.stop()
        _the_database_holds_all_of_it_once(tmp_path / "service" / "sloburn.db")


def _the_database_holds_all_of_it_once(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        entries = database.execute(
            "SELECT alert_key, status, state FROM outbox WHERE alert_key LIKE '%/page' ORDER BY alert_key, id"
        )
        assert entries.fetchall() == [
            (f"{slo}/page", status, "done") for slo in (CHECKOUT, SEARCH) for status in ("firing", "resolved")
        ]
        changes = database.execute(
            "SELECT slo, kind FROM transition WHERE severity = 'page' AND notify ORDER BY slo, id"
        )
        assert changes.fetchall() == [(slo, kind) for slo in (CHECKOUT, SEARCH) for kind in ("fired", "resolved")]
