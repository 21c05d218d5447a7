"""The pages in a real browser: what is on them is seen, and nothing on them breaks their own rules."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.boards import TOO_LITTLE, TOO_OLD, grouped_board, hostile_board, incident_board
from tests.support.browser import MOST_ASSET_BYTES, PHONE, looking
from tests.support.sites import PAGES, TOKEN, serving


@pytest.fixture(scope="module")
def incident() -> Iterator[str]:
    with serving(incident_board()) as url:
        yield url


def test_pages_fit_load_little_and_have_no_serious_finding(browser: Browser, incident: str) -> None:
    adjusted = {"reason": "Upgrade of the database of payments", "services": "checkout", "token": TOKEN}
    adjusted |= {"category": "maintenance", "effect": "exclude", "start": "2026-03-01T02:00", "end": "2026-03-01T04:00"}
    made = httpx.post(f"{incident}/adjustments/new", data=adjusted, follow_redirects=True, trust_env=False)
    assert "Upgrade of the database" in made.text
    with looking(browser, incident, width=PHONE) as visit:
        for path in (path for path in PAGES if path != "/alerts"):
            visit.open(path)
            assert (path, visit.flaws) == (path, [])
            assert 10_000 < visit.asset_bytes < MOST_ASSET_BYTES
        assert visit.complaints == []
        visit.open("/nothing")
        assert visit.flaws == []


def test_the_page_of_a_group_fits_and_has_no_serious_finding(browser: Browser) -> None:
    with serving(grouped_board()) as url, looking(browser, url, width=PHONE) as visit:
        page = visit.open("/slos/shop-availability")
        page.locator("[data-chart='coverage'] canvas").wait_for()
        assert visit.flaws == []
        assert visit.complaints == []


def test_a_reader_sees_what_fires_what_is_suppressed_or_frozen_and_why(browser: Browser, incident: str) -> None:
    with looking(browser, incident) as visit:
        seen = visit.open("/").locator("main").inner_text()
        for words in ("burning its error budget at 20x", 'route="/pay" 82%', TOO_LITTLE, TOO_OLD):
            assert words in seen
        visit.page.locator("main a[href='/slos/checkout-availability']").first.click()
        answer, facts = (visit.page.locator(part).inner_text() for part in (".headline", ".incident"))
        for words in ('route="/pay" 82%', "Incident", "Runbook", "At the present rate none is left in 2h"):
            assert words in answer
        for words in ("at 20x", "2.8%", "Errors since"):
            assert words in facts
        # What the answer has is not said twice, and the incident is linked to there.
        for words in ('route="/pay" 82%', "Runbook", "5f2d", "Error budget left"):
            assert words not in facts
        assert visit.page.locator(".headline a[href='/incidents/5f2d']").count() == 1
        assert visit.complaints == []


def test_times_are_in_words_in_the_zone_of_the_reader_and_in_utc_on_request(browser: Browser, incident: str) -> None:
    with looking(browser, incident) as visit:
        since = visit.open("/").get_by_text("min ago").first
        assert since.inner_text().endswith("min ago")
        assert not str(since.get_attribute("title")).endswith("UTC")
        other = visit.page.context.new_page()
        other.goto(f"{incident}/status")
        visit.page.get_by_role("button", name="Times in Local time").click()
        assert str(since.get_attribute("title")).endswith("UTC")
        visit.page.reload()
        assert str(since.get_attribute("title")).endswith("UTC")
        # Another tab follows.
        expect(other.get_by_role("button", name="Times in UTC")).to_be_visible()


def test_names_are_never_markup(browser: Browser) -> None:
    with serving(hostile_board()) as url, looking(browser, url, width=PHONE) as visit:
        visit.open("/")
        assert visit.page.locator("main img").count() == 0
        assert visit.overflow <= 0
        visit.open(str(visit.page.locator("main a[href*='/slos/%3Cimg']").first.get_attribute("href")))
        assert "onerror=alert(1)" in visit.page.locator("h1").inner_text()
        assert visit.overflow <= 0
        assert visit.complaints == []


def test_without_scripts_a_page_shows_the_same(browser: Browser, incident: str) -> None:
    with looking(browser, incident, scripts=False) as visit:
        assert "burning its error budget at 20x" in visit.open("/").locator("main").inner_text()
        assert visit.complaints == []
