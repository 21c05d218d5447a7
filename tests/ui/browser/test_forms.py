"""What people change by forms, from first to last, on a phone: an exception, an adjustment, a postmortem."""

from playwright.sync_api import Browser, Locator

from tests.support.boards import NOW, incident_board
from tests.support.browser import PHONE, looking
from tests.support.incidents import KeptIncidents
from tests.support.sites import TOKEN, serving


def _send(form: Locator, button: str, **filled: str) -> None:
    """Fill in the fields with these names, and the token."""
    for name, text in (filled | {"token": TOKEN}).items():
        form.locator(f"[name='{name}']").fill(text)
    form.get_by_role("button", name=button).click()


def test_the_day_after_an_incident(browser: Browser) -> None:
    """The fix goes ahead by an exception, events of a load test are left out, and the postmortem is noted."""
    kept, board = KeptIncidents(), incident_board()
    kept.clock.at = NOW
    kept.record(*board.current.by_key.values())
    with serving(board, incidents=kept) as url, looking(browser, url, width=PHONE) as visit:
        page = visit.open("/policy")
        page.get_by_text("Add an exception").click()
        _send(
            page.locator("form[action$='/new']"),
            "Add the exception",
            reason="Roll out the fix",
            owner="ada",
            services="checkout",
        )
        page.wait_for_url("**/policy#exceptions")
        held = page.get_by_role("region", name="Exceptions", exact=True)
        assert "Roll out the fix" in held.inner_text()
        page.get_by_text("End an exception").click()
        _send(page.locator("form[action$='/end']"), "End it now", by="bob")
        page.get_by_text("1 that are over").click()
        assert "ended by bob" in page.get_by_role("region", name="Exceptions that are over").inner_text()

        page = visit.open("/adjustments")
        times = {"start": "2026-03-01T02:00", "end": "2026-03-01T04:00"}
        only = {"slos": "checkout-availability", "events": "user_agent=k6"}
        _send(page.locator("form[action$='/new']"), "Adjust", reason="Load test", **times, **only)
        page.wait_for_url("**/adjustments")
        listed = page.get_by_role("region", name="Adjustments")
        assert "only events with user_agent=k6" in listed.inner_text()
        assert visit.overflow <= 0

        page = visit.open("/incidents/5f2d")
        noted = page.locator("#postmortem")
        _send(noted.locator("form"), "It is written", url="https://wiki/5f2d", author="ada")
        page.wait_for_url("**/incidents/5f2d#postmortem")
        assert noted.get_by_role("link", name="https://wiki/5f2d").is_visible()
        assert visit.overflow <= 0
        assert visit.complaints == []
