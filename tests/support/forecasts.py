"""Forecasts made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.budget.forecast import ForecastStep, Interval, LeavingIncident, Outlook

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_outlook(*, steps: int = 0, **changed: Any) -> Outlook:
    """A budget that lasts, with an incident that leaves the window in a week."""
    leaves = AT + timedelta(days=7, hours=19)
    values: dict[str, Any] = {
        "at": AT,
        "until": AT + timedelta(days=30),
        "earliest": None,
        "expected": None,
        "latest": None,
        "chance": 0.04,
        "remaining": Interval(low=0.34, median=0.61, high=0.72),
        "allowed_burn_rate": 0.91,
        "allowed_bad_ratio": 0.00091,
        "background_burn_rate": 0.27,
        "events_per_day": 33_400.0,
        "incidents_per_month": 2.0,
        "incident_share": 0.09,
        "incident_goes_on": False,
        "history": timedelta(hours=718),
        "leaving": (LeavingIncident(start=leaves, end=leaves + timedelta(hours=2), share=0.12),),
        "steps": tuple(
            ForecastStep(at=AT + timedelta(hours=number), remaining=Interval(low=0.52, median=0.53, high=0.53))
            for number in range(1, steps + 1)
        ),
    }
    return Outlook(**(values | changed))
