"""A gap of scrapes hides no incident that begins after it, although it is in the long windows for an hour and more."""

from pathlib import Path

import pytest

from app.slo import AlertState, Severity
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

AT = 1_772_323_200.0
HOUR, MINUTE = 3600.0, 60.0
GAP = AT + 2 * HOUR


def shown(folder: Path, *, gap_s: float, errors: tuple[float, float], at: float) -> AlertState:
    """The state of the page at a time; half of all requests fail in *errors*, nothing is scraped after GAP."""
    span, hole = (AT, AT + 5 * HOUR), [(GAP, GAP + gap_s)]
    series = [
        counter(requests("web"), span, per_second=10.0, without=hole),
        counter(requests("web", "500"), span, per_second=0.0, bursts=[(errors, 10.0)], without=hole),
    ]
    with Running(slos([availability("web")], folder / "slos"), MemorySource(series), folder / "a.db") as live:
        live.tick(GAP - 10 * MINUTE)
        live.backfill(GAP - 10 * MINUTE)
        live.run(GAP - 10 * MINUTE, at)
        return next(alert.state for alert in live.board.snapshots[0].alerts if alert.severity is Severity.PAGE)


@pytest.mark.parametrize("gap_s", [200.0, 400.0, 1260.0, 3000.0])
def test_an_incident_after_a_gap_pages(tmp_path: Path, gap_s: float) -> None:
    """Once the five minutes behind the gap are whole: what is missing of the hour cannot make so many errors few."""
    began = GAP + gap_s + 6 * MINUTE
    assert shown(tmp_path, gap_s=gap_s, errors=(began, AT + 5 * HOUR), at=began + 5 * MINUTE) is AlertState.FIRING


def test_few_errors_behind_a_gap_are_not_judged(tmp_path: Path) -> None:
    """They may be many of the hour or few: the rest of it was not measured."""
    began = GAP + 50 * MINUTE + 6 * MINUTE
    errors = (began, began + 8)
    assert shown(tmp_path, gap_s=50 * MINUTE, errors=errors, at=began + 2 * MINUTE) is AlertState.FROZEN


def test_an_incident_that_was_over_in_the_gap_does_not_page(tmp_path: Path) -> None:
    errors = (GAP + 2 * MINUTE, GAP + 12 * MINUTE)
    assert shown(tmp_path, gap_s=20 * MINUTE, errors=errors, at=GAP + 30 * MINUTE) is AlertState.FROZEN


@pytest.mark.parametrize("codes", [{"500": 1.0}, {"500": 0.7, "502": 0.3}], ids=["renamed", "merged"])
def test_a_page_whose_errors_go_on_under_another_code_behind_a_gap_resolves(
    tmp_path: Path, codes: dict[str, float]
) -> None:
    """Their series have not merely vanished, which would leave their errors unknown."""
    began, ended, span = GAP - 20 * MINUTE, GAP + 30 * MINUTE, (AT, AT + 5 * HOUR)
    hole = (GAP, GAP + 10 * MINUTE)
    series = [
        counter(requests("web"), span, per_second=10.0, without=[hole]),
        *(
            counter(
                requests("web", code), span, per_second=0.0, bursts=[((began, ended), 10.0 * share)], without=without
            )
            for code, share, without in (
                *((code, share, [(GAP, AT + 5 * HOUR)]) for code, share in codes.items()),
                ("5xx", 1.0, [(AT, hole[1])]),
            )
        ),
    ]
    with Running(slos([availability("web")], tmp_path / "slos"), MemorySource(series), tmp_path / "a.db") as live:
        live.run(began - 10 * MINUTE, ended + 15 * MINUTE, every=60, backfill=False)
        page = next(alert for alert in live.board.snapshots[0].alerts if alert.severity is Severity.PAGE)
        assert page.state is AlertState.INACTIVE
