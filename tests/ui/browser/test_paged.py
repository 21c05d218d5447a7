"""A page from first to last, on a phone: the link is opened, answered from, and later found again and marked."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, expect

from app.alerting import Notification, resolve
from app.status import Board
from app.wording.links import incident_page
from tests.support.boards import NOW, calm_board, incident_board
from tests.support.browser import MOST_ASSET_BYTES, PHONE, looking
from tests.support.incidents import KeptIncidents
from tests.support.sites import ALERTMANAGER, TOKEN, serving

PHONE_HEIGHT = 844
_REFRESH = """() => new Promise((done) => {
  document.addEventListener("htmx:after:swap", () => done(), { once: true });
  document.body.dispatchEvent(new CustomEvent("evaluated"));
})"""


class _Site(NamedTuple):
    url: str
    board: Board
    kept: KeptIncidents
    page: Notification


@pytest.fixture(scope="module")
def site() -> Iterator[_Site]:
    """A service of which a page has just been sent."""
    kept, board = KeptIncidents(), incident_board()
    kept.clock.at = NOW
    (page,) = board.current.by_key.values()
    page = replace(page, incident_bad=2_400.0, slo_description="Checkout requests succeed.")
    board.set_notifications({page.key: page})
    kept.record(page)
    kept.deliver(page, "pager", at=page.starts_at + timedelta(seconds=2))
    with serving(board, incidents=kept) as url:
        yield _Site(url, board, kept, page)


def test_from_the_page_to_its_mark(browser: Browser, site: _Site) -> None:
    """On the phone of who was paged, then at a desk."""
    with looking(browser, site.url, width=PHONE) as visit:
        visit.page.set_viewport_size({"width": PHONE, "height": PHONE_HEIGHT})
        opened = visit.open(incident_page("", site.page.incident))
        answers = opened.locator(".told")
        seen = answers.inner_text()
        for words in (
            "burning its error budget at 20x",
            "2,000 of 100,000 events failed",
            "min ago",
            "40%",
            "gone in",
        ):
            assert words in seen
        box = answers.bounding_box()
        assert box is not None
        # All answers and all links are on the first screen.
        assert box["y"] + box["height"] <= PHONE_HEIGHT
        assert opened.get_by_role("link", name="Runbook").get_attribute("href") == "https://runbooks/slo"
        silence = str(opened.get_by_role("link", name="Silence").get_attribute("href"))
        assert silence.startswith(f"{ALERTMANAGER}/#/silences/new?filter=")
        assert 'slo="checkout-availability"' in unquote(silence)
        opened.get_by_role("link", name='route="/pay" 82%').click()
        opened.wait_for_url("**/slos/checkout-availability?from=*")
        # The charts above are drawn later, and the contributors stay in sight.
        opened.locator("[data-chart='coverage'] canvas").wait_for()
        expect(opened.get_by_role("link", name="route=/pay")).to_be_in_viewport()
        assert visit.complaints == []

    over = resolve(site.page, at=NOW)
    site.kept.record(over)
    site.board.publish(calm_board().snapshots, {})
    with looking(browser, site.url) as visit:
        listed = visit.open("/alerts")
        assert "No alert is active" in listed.locator("main").inner_text()
        listed.get_by_label("Token, to mark incidents").fill(TOKEN)
        listed.get_by_role("button", name="Mark as useful").click()
        listed.wait_for_url("**/alerts#history")
        assert "1 marked as useful" in listed.locator("#history").inner_text()
        listed.locator("#history").get_by_role("link", name="burned its error budget").click()
        listed.wait_for_url("**/incidents/5f2d")
        assert "resolved" in listed.locator(".told").inner_text()
        assert "Marked as" in listed.locator("#mark").inner_text()
        assert visit.complaints == []


def test_pages_of_alerts_fit_load_little_and_have_no_serious_finding(browser: Browser, site: _Site) -> None:
    with looking(browser, site.url, width=PHONE) as visit:
        for path in ("/incidents/5f2d", "/alerts", "/alerts?view=transitions"):
            visit.open(path)
            assert (path, visit.flaws) == (path, [])
            assert 10_000 < visit.asset_bytes < MOST_ASSET_BYTES
        assert visit.complaints == []


def test_what_is_typed_stays_when_the_page_is_refreshed(browser: Browser, site: _Site) -> None:
    with looking(browser, site.url) as visit:
        page = visit.open("/incidents/5f2d")
        page.get_by_label("Note, in Markdown").fill("half a no")
        page.evaluate(_REFRESH)
        assert page.get_by_label("Note, in Markdown").input_value() == "half a no"
        page.get_by_text("Draft in Markdown, with what is known filled in").click()
        page.get_by_role("button", name="Copy").click()
        page.get_by_role("button", name="Cop").or_(page.get_by_role("button", name="Selected")).wait_for()
        assert visit.complaints == []
