"""One browser for the tests of this folder, which share a worker."""

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium, enter_event_loop, leave_event_loop


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; `tests.support.browser.looking` opens pages in it."""
    with chromium() as started:
        yield started
        enter_event_loop()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Generator[None]:
    """Other tests of the worker have event loops of their own."""
    enter_event_loop()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None]:
    """After a test and all that it leaves open, its worker may run others."""
    try:
        return (yield)
    finally:
        leave_event_loop()
