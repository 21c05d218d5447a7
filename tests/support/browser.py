"""Pages in a real browser: what a reader sees, what the browser complains of, and what axe finds.

The browser is Debian's `chromium-headless-shell` under Playwright, or a whole Chromium; axe-core comes from npm
(`scripts/setup --tests`).
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, Response, Route, expect, sync_playwright

from testbed.servers import browser_binary
from testbed.waiting import PATIENCE_S
from tests.support.soak import IS_SOAK

PHONE, DESKTOP = 390, 1_400
"""Widths in pixels that every page is looked at with."""
MOST_ASSET_BYTES = 150_000
"""What a page may load besides itself, as files."""
_AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
_HEIGHT = 900
_Scheme = Literal["light", "dark"]
_SCHEMES: tuple[_Scheme, ...] = ("light", "dark")
expect.set_options(timeout=PATIENCE_S * 1_000)
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
_RUN_AXE = """async (rules) => {
  const { violations } = await axe.run(document, { runOnly: rules });
  const where = ({ html, failureSummary }) => `${html} ${failureSummary}`;
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(where).join(" | ")}`);
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser; its pages are opened by `looking`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_binary(), args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


_left: list[asyncio.AbstractEventLoop] = []


def leave_event_loop() -> None:
    """Let `asyncio.run` work in this thread: Playwright's own loop is marked as running between its calls."""
    running = asyncio.events._get_running_loop()
    if running is not None:
        _left[:] = [running]
        asyncio.events._set_running_loop(None)


def enter_event_loop() -> None:
    """Go on with Playwright where it was left."""
    if _left:
        asyncio.events._set_running_loop(_left.pop())


@dataclass
class Visit:
    """A reader with an empty profile, at one width, in light or dark."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    files: list[Response] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page and wait until it is drawn; the page."""
        self.files.clear()
        self.page.goto(self.url + path, wait_until="load")
        return self.page

    @property
    def flaws(self) -> list[str]:
        """What axe finds to be serious, and what is wider than the window, at both widths in light and dark.

        In `make test` on a phone in light and on a desktop in dark.
        """
        found: list[str] = []
        looks = product((PHONE, DESKTOP), _SCHEMES) if IS_SOAK else zip((PHONE, DESKTOP), _SCHEMES, strict=True)
        for width, scheme in looks:
            self.page.set_viewport_size({"width": width, "height": _HEIGHT})
            self.page.emulate_media(color_scheme=scheme)
            found += [f"{width} px, {scheme}: {one}" for one in self._serious_findings()]
            if self.overflow > 0:
                found.append(f"{width} px: {self.overflow} px too wide")
        return found

    def _serious_findings(self) -> list[str]:
        if not self.page.evaluate("'axe' in window"):
            # Through the debugger, which no content security policy keeps out.
            self.page.evaluate(_AXE.read_text() + ";undefined")
        found: list[str] = self.page.evaluate(_RUN_AXE, _RULES)
        return found

    @property
    def asset_bytes(self) -> int:
        """The size of all files that the page has loaded besides itself."""
        return sum(len(response.body()) for response in self.files)

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wider

    def screenshot(self, file: Path) -> None:
        """Write a picture of the whole page."""
        self.page.screenshot(path=file, full_page=True)


class HeldRequests:
    """What the scripts of a page ask for, each request held back until it is let go: answers come in any order."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._held: list[Route] = []
        self._ended: list[Request] = []
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)
        page.route("**/*", self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.resource_type == "fetch":
            self._held.append(route)
        else:
            route.continue_()

    def _end(self, request: Request) -> None:
        self._ended.append(request)

    def next(self, of: str = "") -> Route:
        """The oldest request that nobody has taken, once the page has made it; *of* is a part of its address."""
        self._wait_until(lambda: any(of in route.request.url for route in self._held))
        found = next(route for route in self._held if of in route.request.url)
        self._held.remove(found)
        return found

    def answer(self, route: Route) -> None:
        """Let a request go, and wait until the page has its answer, or no longer wants it."""
        route.continue_()
        self._wait_until(lambda: route.request in self._ended)
        # What the page does with an answer is done before the next frame but one.
        self._page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def _wait_until(self, is_met: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not is_met():
            assert time.monotonic() < end, "the page asked for nothing"
            self._page.wait_for_timeout(10)


@contextmanager
def looking(
    browser: Browser, url: str, *, width: int = DESKTOP, dark: bool = False, scripts: bool = True
) -> Iterator[Visit]:
    """A reader of the site at *url*; all that the browser complains of is collected."""
    context = browser.new_context(
        viewport={"width": width, "height": _HEIGHT},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
        has_touch=width == PHONE,
    )
    context.set_default_timeout(PATIENCE_S * 1_000)
    try:
        visit = Visit(context.new_page(), url)
        own_host = urlsplit(url).netloc

        def asked(request: Request) -> None:
            if urlsplit(request.url).netloc != own_host:
                visit.complaints.append(f"asks another host: {request.url}")

        def answered(response: Response) -> None:
            if "/static/" in response.url:
                visit.files.append(response)

        visit.page.on("request", asked)
        visit.page.on("response", answered)
        visit.page.on("console", lambda message: visit.complaints.append(f"{message.type}: {message.text}"))
        visit.page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
        yield visit
    finally:
        context.close()
