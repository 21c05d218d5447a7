"""The page of an SLO in a browser: charts with one cursor, zooming by addresses, contributors, and no script at all."""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.boards import NOW, incident_board
from tests.support.browser import DESKTOP, MOST_ASSET_BYTES, PHONE, HeldRequests, looking
from tests.support.sites import serving

CHARTS = ("budget", "burn", "events", "sli", "coverage")
PAGE = "/slos/checkout-availability"
PAPER_PX = 680
"""Less than A4 has between its margins."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(incident_board()) as url:
        yield url


def _wait_until_drawn(page: Page) -> None:
    page.locator("[data-chart='coverage'] canvas").wait_for()
    _show_contributors(page)
    page.locator("#contributors table").wait_for()


def _show_contributors(page: Page) -> None:
    """Prometheus is asked when a reader gets there."""
    # In one step of the page: the answer replaces what is scrolled to.
    page.evaluate("document.getElementById('contributors').scrollIntoView()")


def _widest(page: Page) -> int:
    widths: list[int] = page.locator(".charts canvas").evaluate_all("found => found.map((one) => one.clientWidth)")
    return max(widths)


def _widest_on_paper(page: Page) -> int:
    """The width of the widest chart as it is printed; afterwards they are drawn for the window again."""
    found = []
    for event in ("beforeprint", "afterprint"):
        page.evaluate("(event) => window.dispatchEvent(new Event(event))", event)
        found.append(_widest(page))
    return found[0]


def _swipe(page: Page, selector: str) -> None:
    """Move a finger across what is there, from a quarter to the middle of it."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.25), ("touchMove", 0.4), ("touchMove", 0.5), ("touchEnd", None)):
        place = {"x": box["x"] + box["width"] * (share or 0), "y": box["y"] + 20}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if share is None else [place]})


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (DESKTOP, False)])
def test_every_chart_is_drawn_and_nothing_breaks_the_rules_of_pages(
    browser: Browser, site: str, width: int, dark: bool
) -> None:
    with looking(browser, site, width=width, dark=dark) as visit:
        page = visit.open(f"{PAGE}?range=6h")
        _wait_until_drawn(page)
        assert [page.locator(f"[data-chart='{chart}'] canvas").count() for chart in CHARTS] == [1] * len(CHARTS)
        assert page.locator("svg.calendar").count() == 1
        assert visit.overflow <= 0
        tables = page.locator(".scroll:has(> .as-cards)")
        hidden = tables.evaluate_all("found => found.map(one => one.scrollWidth - one.clientWidth)")
        assert hidden == [0, 0, 0]
        assert visit.asset_bytes < MOST_ASSET_BYTES
        assert page.get_by_text("1 single change of an alert").count() == 1
        folded = page.locator("details.fold:not([open])").count()
        assert folded == (page.locator("details.fold").count() if width == PHONE else 0)
        if width == PHONE:
            with page.expect_navigation():
                _swipe(page, "[data-chart='sli'] .u-over")
            assert sorted(parse_qs(urlsplit(page.url).query)) == ["from", "to"]
        else:
            assert [_widest_on_paper(page) <= PAPER_PX, _widest(page) > PAPER_PX] == [True, True]
            assert visit.flaws == []
        assert visit.complaints == []


def test_a_reader_reads_figures_by_keyboard_zooms_and_goes_back(browser: Browser, site: str) -> None:
    with looking(browser, site) as visit:
        page = visit.open(f"{PAGE}?range=6h")
        _wait_until_drawn(page)
        page.locator("[data-charts]").focus()
        page.keyboard.press("End")
        figures = {chart: page.locator(f"[data-chart='{chart}'] .reads").inner_text() for chart in CHARTS}
        # How many events there are depends on the hour of the day, and bad ones are whole.
        assert re.search(r"\b(19|2\d)\.\dx", figures["burn"])
        assert "%" in figures["budget"]
        assert page.locator(".when").inner_text() != ""
        box = page.locator("[data-chart='sli'] .u-over").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30, steps=3)
        with page.expect_navigation():
            page.mouse.up()
        asked = parse_qs(urlsplit(page.url).query)
        assert sorted(asked) == ["from", "to"]
        _wait_until_drawn(page)
        with page.expect_navigation():
            page.go_back()
        assert urlsplit(page.url).query == "range=6h"
        assert visit.complaints == []


def test_the_forecast_is_on_the_chart_of_the_budget_with_its_interval(browser: Browser, site: str) -> None:
    with looking(browser, site) as visit:
        page = visit.open("/slos/search-latency?range=7d")
        _wait_until_drawn(page)
        page.locator("[data-charts]").scroll_into_view_if_needed()
        box = page.locator("[data-chart='budget'] .u-over").bounding_box()
        assert box is not None
        for share, ahead in ((0.9, True), (0.35, False)):
            page.mouse.move(box["x"] + box["width"] * share, box["y"] + 20)
            read = page.locator("[data-chart='budget'] .reads").inner_text()
            assert bool(re.search(r"-?[\d.]+% \(-?[\d.]+% to -?[\d.]+%\)", read)) is ahead
            # What is ahead is of the budget alone.
            assert (page.locator("[data-chart='burn'] .reads b").first.inner_text() == "") is ahead
            assert page.locator(".when").inner_text().endswith("ahead") is ahead
        assert visit.complaints == []


def test_a_range_of_the_past_has_no_forecast(browser: Browser, site: str) -> None:
    with looking(browser, site) as visit:
        end = NOW - timedelta(days=1)
        page = visit.open(f"{PAGE}?from={end - timedelta(days=1):%Y-%m-%dT%H:%MZ}&to={end:%Y-%m-%dT%H:%MZ}")
        _wait_until_drawn(page)
        assert page.locator("[data-chart='budget'] .reads button").count() == 1
        assert visit.complaints == []


def test_a_contributor_narrows_what_is_asked(browser: Browser, site: str) -> None:
    with looking(browser, site) as visit:
        page = visit.open(PAGE)
        _wait_until_drawn(page)
        page.get_by_role("link", name="route=/pay").click()
        page.get_by_role("link", name="route=/pay : remove").wait_for()
        assert parse_qs(urlsplit(page.url).query)["label"] == ["route=/pay"]
        assert visit.complaints == []


def test_contributors_that_were_not_answered_are_asked_for_again(browser: Browser, site: str) -> None:
    with looking(browser, site) as visit:
        page = visit.open(PAGE)
        held = HeldRequests(page)
        _show_contributors(page)
        held.next("part=contributors").fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")
        expect(page.get_by_text("Sloburn does not answer")).to_be_visible()
        page.evaluate("document.body.dispatchEvent(new CustomEvent('evaluated'))")
        held.answer(held.next("part=contributors"))
        expect(page.locator("#contributors table")).to_be_visible()


def test_the_charts_of_an_open_page_follow_its_projection(browser: Browser, site: str) -> None:
    """The chart of the events has an axis for each of its scales."""
    with looking(browser, site) as visit:
        page = visit.open(f"{PAGE}?range=6h")
        _wait_until_drawn(page)
        axes = {chart: page.locator(f"[data-chart='{chart}'] .u-axis").count() for chart in CHARTS}
        assert axes == dict.fromkeys(CHARTS, 2) | {"events": 3}
        projected = page.locator("[data-chart='budget'] .reads").get_by_text("at the present rate")
        assert projected.count() == 1

        def without_projection(route: Route) -> None:
            answer = route.fetch()
            route.fulfill(response=answer, body=re.sub(r' data-exhausted="[^"]*"', "", answer.text()))

        page.route(f"**{PAGE}?range=6h", without_projection)
        page.evaluate("document.body.dispatchEvent(new CustomEvent('evaluated'))")
        expect(projected).to_have_count(0)
        assert visit.complaints == []


def test_an_older_answer_never_replaces_newer_charts(browser: Browser, site: str) -> None:
    with looking(browser, site) as visit:
        page = visit.open(f"{PAGE}?range=6h")
        _wait_until_drawn(page)
        held = HeldRequests(page)
        for _ in range(2):
            page.evaluate("document.body.dispatchEvent(new CustomEvent('evaluated'))")
        older, newer = held.next("/history"), held.next("/history")
        held.answer(newer)
        page.locator("[data-chart='budget'] canvas").evaluate("canvas => { canvas.isNewest = true; }")
        held.answer(older)
        assert page.locator("[data-chart='budget'] canvas").evaluate("canvas => canvas.isNewest")


def test_without_scripts_charts_are_pictures_with_a_table(browser: Browser, site: str) -> None:
    with looking(browser, site, scripts=False) as visit:
        page = visit.open(PAGE)
        assert page.locator(".plot svg path.line").count() >= len(CHARTS)
        # What was not measured for half a day.
        assert page.locator("[data-chart='budget'] rect.unmeasured").count() > 0
        page.get_by_text("steps as a table").click()
        assert page.locator("#charts table tbody tr").count() == 60
        page.get_by_role("link", name="show the top contributors").click()
        assert "route=/pay" in page.locator("#contributors").inner_text()
        assert visit.complaints == []
