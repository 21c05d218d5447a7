"""The pages in a real browser: what is on them is seen, and nothing on them breaks their own rules."""

import subprocess
from pathlib import Path

from fastapi import FastAPI

from app.clock import SystemClock
from app.slo import AlertState, Severity
from app.status import AlertView, Board
from app.ui import pages
from testbed.servers import browser_binary
from testbed.waiting import PATIENCE_S
from tests.support.api import listening
from tests.support.notifications import firing
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

TOO_LITTLE = "1 error in the last 1h; at least 2 are needed to rule out noise"
TOO_OLD = "the newest data is too old to judge by"


def _site() -> FastAPI:
    held = AlertView(severity=Severity.PAGE, state=AlertState.SUPPRESSED, since=None, tier=None, reason=TOO_LITTLE)
    frozen = [
        AlertView(severity=severity, state=AlertState.FROZEN, since=AS_OF, tier="1h/5m", reason=TOO_OLD)
        for severity in Severity
    ]
    board = Board()
    board.publish(
        [a_snapshot(alerts=[held]), a_snapshot(an_slo("search"), alerts=frozen), a_snapshot(an_slo("<b>fine</b>"))]
    )
    return _app(board)


def _app(board: Board) -> FastAPI:
    app = FastAPI()
    app.include_router(pages(board, clock=SystemClock()))
    return app


def _seen(url: str, profile: Path) -> subprocess.CompletedProcess[str]:
    """The document as the browser has it, and on standard error what it complains of."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")
    quiet = ("--disable-background-networking", "--disable-component-update", "--no-first-run")
    return subprocess.run(
        [browser_binary(), *flags, *quiet, f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0",
         "--virtual-time-budget=2000", "--dump-dom", url],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip


def test_a_browser_shows_what_is_held_back_or_frozen_and_why(tmp_path: Path) -> None:
    with listening(_site()) as url:
        seen = {path: _seen(url + path, tmp_path / "profile") for path in ("/", "/slos/checkout-availability")}

    overview, one = (seen[path].stdout for path in seen)
    assert '<span class="badge suppressed">page suppressed</span>' in overview
    assert f'<div class="why">{TOO_LITTLE}</div>' in overview
    assert '<span class="badge firing">page and ticket firing, frozen</span>' in overview
    assert f'<div class="why">{TOO_OLD}</div>' in overview
    assert "<b>fine" not in overview
    assert '<span class="badge suppressed">suppressed</span>' in one
    assert TOO_LITTLE in one
    for result in seen.values():
        assert "Content Security Policy" not in result.stderr
        assert "CONSOLE" not in result.stderr


def test_a_browser_shows_what_fires_and_leads_to_what_the_alert_says(tmp_path: Path) -> None:
    board = Board()
    paging = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
    board.publish([a_snapshot(alerts=[paging]), a_snapshot(an_slo("search"))])
    told = firing(starts_at=AS_OF, spent=0.028, top_contributors='route="/pay" 82%')
    board.set_notifications({told.key: told})
    with listening(_app(board)) as url:
        overview = _seen(url, tmp_path / "profile")
        link = overview.stdout.partition('<a href="/slos/')[2].partition('"')[0]
        one = _seen(f"{url}/slos/{link}", tmp_path / "profile")

    assert link == "checkout-availability"
    assert overview.stdout.index("at 20x") < overview.stdout.index("Error budgets")
    for words in ("at 20x", "2.8%", 'route="/pay" 82%', "000 bad (2%) and 98", "5f2d", "Runbook"):
        assert words in one.stdout
    for result in (overview, one):
        assert "Content Security Policy" not in result.stderr
        assert "CONSOLE" not in result.stderr
