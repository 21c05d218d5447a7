"""The overview in a browser: boards of every size, filters without a new page, and live updates."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from app.status import Board
from tests.support.boards import calm_board, empty_board, incident_board, large_board
from tests.support.browser import MOST_ASSET_BYTES, PHONE, HeldRequests, looking
from tests.support.sites import PAGES, serving


@pytest.mark.parametrize("board", [empty_board, calm_board, large_board], ids=["0", "5", "10,000"])
def test_a_board_of_any_size_fits_loads_little_and_has_no_serious_finding(
    browser: Browser, board: Callable[[], Board]
) -> None:
    unhealthy = ("Prometheus does not answer: <connection refused>",)
    with serving(board(), unhealthy=unhealthy) as url, looking(browser, url, width=PHONE) as visit:
        page = visit.open("/")
        assert visit.flaws == []
        assert visit.asset_bytes < MOST_ASSET_BYTES
        assert page.get_by_role("alert").inner_text().strip().startswith("Prometheus does not answer: <conn")
        visit.page.set_viewport_size({"width": PHONE, "height": 844})
        of_slos = tuple(f"/slos/{snapshot.id}" for snapshot in board().snapshots[:1])
        for path in PAGES[1:] + of_slos:
            visit.open(path)
            assert (path, visit.overflow) == (path, 0)
        assert visit.complaints == []


def test_a_reader_searches_filters_and_opens_a_group_without_a_new_page(browser: Browser) -> None:
    with serving(large_board()) as url, looking(browser, url) as visit:
        page = visit.open("/")
        page.evaluate("window.isTheSamePage = true")
        page.get_by_label("Search").fill("service-0345")
        expect(page).to_have_url(f"{url}/?q=service-0345")
        expect(page.locator("tr.slo")).to_have_count(20)
        expect(page.get_by_label("Search")).to_be_focused()
        page.locator("select[name='status']").select_option("exhausted")
        expect(page).to_have_url(f"{url}/?q=service-0345&status=exhausted")
        expect(page.locator("tr.slo")).to_have_count(1)
        page.get_by_title("Remove this filter").first.click()
        expect(page).to_have_url(f"{url}/?status=exhausted")
        # The address changes before the page does.
        expect(page.get_by_title("Remove this filter")).to_have_count(1)
        page.get_by_title("Remove this filter").click()
        expect(page.get_by_title("Remove this filter")).to_have_count(0)
        page.locator("#toggle-service-0345").click()
        expect(page.locator("#toggle-service-0345")).to_have_attribute("aria-expanded", "true")
        expect(page).to_have_url(f"{url}/?open=service-0345")
        page.go_back()
        expect(page).to_have_url(f"{url}/")
        expect(page.locator("tr.slo")).to_have_count(0)
        assert page.evaluate("window.isTheSamePage") is True
        assert visit.complaints == []


def _expect_page(page: Page, address: str, *filters: str) -> None:
    """The address, and the page that it names."""
    expect(page).to_have_url(address)
    expect(page.get_by_title("Remove this filter")).to_have_text([re.compile(each) for each in filters])


def _refresh(page: Page) -> None:
    page.evaluate("document.body.dispatchEvent(new CustomEvent('evaluated'))")


def test_what_a_reader_asked_for_last_is_shown_whatever_is_answered_last(browser: Browser) -> None:
    """Answers to a refresh, a form, a link and "back" that come after the answer to something newer change nothing."""
    with serving(incident_board()) as url, looking(browser, url) as visit:
        page = visit.open("/?q=availability&status=meeting")
        page.evaluate("window.isTheSamePage = true")
        held = HeldRequests(page)
        remove = page.get_by_title("Remove this filter")
        by_name = page.get_by_role("link", name="SLO", exact=True)

        _refresh(page)
        refresh = held.next()
        remove.first.click()
        held.answer(held.next())
        held.answer(refresh)
        _expect_page(page, f"{url}/?status=meeting", "meeting")

        # A field that is left while its own request waits sends the form once more, before the link.
        page.locator("#q").fill("checkout")
        typed = held.next()
        remove.first.click()
        left, link = held.next(), held.next()
        held.answer(link)
        held.answer(typed)
        held.answer(left)
        _expect_page(page, f"{url}/")
        expect(page.locator("#q")).to_have_value("")

        by_name.click()
        first = held.next()
        by_name.click()
        second = held.next()
        page.get_by_role("link", name="Objective", exact=True).click()
        held.answer(held.next())
        held.answer(first)
        held.answer(second)
        _expect_page(page, f"{url}/?sort=objective")

        by_name.click()
        link = held.next()
        page.evaluate("history.back()")
        held.answer(held.next())
        held.answer(link)
        _expect_page(page, f"{url}/")

        page.evaluate("history.back()")
        back = held.next()
        by_name.click()
        _refresh(page)
        held.answer(held.next())
        # It waited for the link, and asks for what is shown now.
        refresh = held.next()
        assert refresh.request.url == f"{url}/?sort=name"
        held.answer(back)
        held.answer(refresh)
        _expect_page(page, f"{url}/?sort=name")
        assert page.evaluate("window.isTheSamePage") is True


def test_a_request_that_fails_leaves_a_page_and_its_address(browser: Browser) -> None:
    with serving(incident_board()) as url, looking(browser, url) as visit:
        page = visit.open("/?status=meeting")
        page.evaluate("window.isTheSamePage = true")
        held = HeldRequests(page)
        page.get_by_title("Remove this filter").click()
        held.next().fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")
        expect(page.get_by_text("Sloburn does not answer")).to_be_visible()
        _expect_page(page, f"{url}/?status=meeting", "meeting")
        page.get_by_title("Remove this filter").click()
        held.answer(held.next())
        _expect_page(page, f"{url}/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        assert page.evaluate("window.isTheSamePage") is True
        page.evaluate("history.back()")
        held.next().abort()
        # Its address has changed already: the browser asks for the page itself.
        page.wait_for_function("!window.isTheSamePage")
        _expect_page(page, f"{url}/?status=meeting", "meeting")


def test_a_page_that_is_open_follows_the_evaluations_and_keeps_what_is_typed(browser: Browser) -> None:
    board, later = calm_board(), incident_board().current
    with serving(board) as url, looking(browser, url, width=PHONE) as visit:
        page = visit.open("/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.get_by_text("Filter, group and sort").click()
        page.locator("#q").press_sequentially("checkout")
        expect(page.locator("tr.slo")).to_have_count(1)
        board.publish(later.snapshots, later.by_key)
        expect(page.locator(".burning")).to_contain_text("at 20x")
        expect(page).to_have_title("1 alert · 0 exhausted, 1 at risk · Sloburn")
        expect(page.locator("#q")).to_be_focused()
        expect(page.locator("#q")).to_have_value("checkout")
        expect(page.get_by_label("Group by")).to_be_visible()
        assert visit.complaints == []


def test_a_page_says_that_the_service_does_not_answer(browser: Browser) -> None:
    with serving(calm_board()) as url, looking(browser, url) as visit:
        page = visit.open("/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        visit.page.context.set_offline(offline=True)
        page.evaluate("document.body.dispatchEvent(new CustomEvent('evaluated'))")
        expect(page.get_by_text("Sloburn does not answer")).to_be_visible()
        visit.page.context.set_offline(offline=False)
        page.evaluate("document.body.dispatchEvent(new CustomEvent('evaluated'))")
        expect(page.get_by_text("Sloburn does not answer")).to_be_hidden()
