"""The pages that the docs show are whole; ``UPDATE_PICTURES=1`` writes their pictures anew.

Pictures are not compared: fonts differ between machines, and times are those of the run.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser

from tests.support.boards import incident_board
from tests.support.browser import PHONE, looking
from tests.support.sites import serving

PICTURES = Path(__file__).parents[3] / "docs" / "images"
_SLO = "/slos/checkout-availability?range=6h"
_WIDE = 1_280


class _Picture(NamedTuple):
    path: str
    width: int
    height: int
    dark: bool = False


_SHOWN = {
    "overview.png": _Picture("/", _WIDE, 760),
    "overview-dark.png": _Picture("/", _WIDE, 760, dark=True),
    "overview-phone.png": _Picture("/", PHONE, 844, dark=True),
    "incident.png": _Picture(_SLO, _WIDE, 1_560),
    "incident-phone.png": _Picture("/incidents/5f2d", PHONE, 844, dark=True),
    "policy.png": _Picture("/policy", _WIDE, 860),
}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(incident_board()) as url:
        yield url


@pytest.mark.parametrize("name", _SHOWN)
def test_a_page_that_the_docs_show_is_whole(browser: Browser, site: str, name: str) -> None:
    shown = _SHOWN[name]
    with looking(browser, site, width=shown.width, dark=shown.dark) as visit:
        visit.page.set_viewport_size({"width": shown.width, "height": shown.height})
        page = visit.open(shown.path)
        assert page.get_by_text("Burning" if shown.path == _SLO else "checkout").first.is_visible()
        if shown.path == _SLO:
            page.locator("[data-chart='coverage'] canvas").wait_for()
        assert visit.overflow <= 0
        assert visit.complaints == []
        if os.environ.get("UPDATE_PICTURES"):
            page.screenshot(path=PICTURES / name)


def test_every_picture_of_the_docs_is_made_here() -> None:
    assert {file.name for file in PICTURES.iterdir()} == set(_SHOWN)
