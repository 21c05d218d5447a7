"""A month ends while its budget burns: the budget begins anew, the alert does not notification (T5)."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.slo import AlertState, Severity
from app.store.alerts import recent_transitions
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import counter, requests, slos
from tests.evaluation.running import Running

HOUR = 3600
BERLIN = ZoneInfo("Europe/Berlin")
EDGE = int(datetime(2027, 2, 1, tzinfo=BERLIN).timestamp())
BEGIN, END = EDGE - 3 * HOUR, EDGE + 3 * HOUR


def test_a_page_burns_through_the_end_of_a_month(tmp_path: Path) -> None:
    """A service fails from an hour before midnight in Berlin to an hour after: one page, and two budgets."""
    burning = ((EDGE - HOUR, EDGE + HOUR), 0.4)
    source = MemorySource(
        [
            counter(requests("shop"), (BEGIN - 30 * HOUR, END), per_second=1.0),
            counter(requests("shop", "500"), (BEGIN - 30 * HOUR, END), per_second=0.0, bursts=[burning]),
        ]
    )

    def move(at: float) -> None:
        source.now = at - 1

    shop: dict[str, object] = {
        "service": "shop",
        "slos": [
            {
                "name": "availability",
                "objective": 99,
                "window": {"calendar": "month", "timezone": "Europe/Berlin"},
                "sli": {
                    "total": 'http_requests_total{job="shop"}',
                    "bad": 'http_requests_total{job="shop",code="500"}',
                },
            }
        ],
    }
    spent: dict[int, float] = {}
    month_remaining: dict[int, float] = {}
    states: dict[int, AlertState] = {}
    with Running(slos([shop], tmp_path / "slos"), source, tmp_path / "live.db", move=move) as live:
        live.tick(BEGIN)
        live.backfill(BEGIN)
        for slot in range(BEGIN, END, 600):
            live.run(slot, slot + 600, every=60, backfill=False)
            shown = live.snapshot("shop-availability")
            spent[slot + 600] = shown.bad
            month_remaining[slot + 600] = shown.budget.month_remaining_ratio
            page = next(alert for alert in shown.alerts if alert.severity is Severity.PAGE)
            states[slot + 600] = page.state
        with live.database.read() as transaction:
            kinds = [
                one.kind for one in recent_transitions(transaction) if one.severity is Severity.PAGE and one.notify
            ]
    assert kinds[::-1] == ["fired", "resolved"]
    over_the_edge = [state for at, state in states.items() if EDGE - HOUR // 2 <= at <= EDGE + HOUR]
    assert over_the_edge == [AlertState.FIRING] * 10
    # An hour of errors lies on the month that ends; of it nothing goes over to the next.
    assert spent[EDGE] == pytest.approx(0.4 * HOUR, rel=0.03)
    assert spent[EDGE + 600] == pytest.approx(0.4 * 600, rel=0.1)
    assert spent[END] == pytest.approx(0.4 * HOUR, rel=0.03)
    # Of the month that ends, 33 hours were measured, and are taken for all of it; of the next one there are 28 days.
    assert month_remaining[EDGE] == pytest.approx(1 - 0.4 / (33 + 0.4) / 0.01, abs=0.02)
    assert month_remaining[EDGE + 600] == pytest.approx(1 - 0.4 / 1.4 / 0.01 / (28 * 24 * 6), abs=0.001)
    assert month_remaining[END] == pytest.approx(1 - 0.4 / (3 + 0.4) / 0.01 * 3 / (28 * 24), abs=0.002)
