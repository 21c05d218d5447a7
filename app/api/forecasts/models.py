"""The shapes of forecasts."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.api.shapes import ANSWER, answer_like
from app.budget.forecast import NoForecast

_LATER = "null: not before `until`"


@with_config(ANSWER)
class ExhaustionModel(TypedDict):
    """When the budget is exhausted: in the first 10, half and 90 of 100 futures."""

    earliest: Annotated[datetime | None, Field(description=f"In 10 of 100 futures it is by then; {_LATER}.")]
    expected: Annotated[datetime | None, Field(description=f"In half of the futures it is by then; {_LATER}.")]
    latest: Annotated[datetime | None, Field(description=f"In 90 of 100 futures it is by then; {_LATER}.")]


@with_config(ANSWER)
class IntervalModel(TypedDict):
    """What 10, 50 and 90 of 100 futures are below: low to high is the 80% interval."""

    low: float | None
    median: float | None
    high: float | None


@with_config(ANSWER)
class ForecastInputsModel(TypedDict):
    """What a forecast goes by."""

    history_hours: Annotated[float, Field(description="How much of the last six weeks was measured.")]
    background_burn_rate: Annotated[float | None, Field(description="The burn rate of late, without incidents.")]
    events_per_day: Annotated[float | None, Field(description="Events that a day of late has.")]
    incidents_per_month: Annotated[float, Field(description="Incidents in 30 days.")]
    incident_share: Annotated[
        float | None, Field(description="Median share of the budget that each spent; null without incidents.")
    ]
    incident_goes_on: bool


@with_config(ANSWER)
class LeavingIncidentModel(TypedDict):
    """A past incident that leaves the SLO window, and what it spent of the budget."""

    start: Annotated[datetime, Field(description="When its first events leave the window.")]
    end: datetime
    share: float


@with_config(ANSWER)
class ForecastModel(TypedDict):
    """The forecast of an error budget; all but `code` and `detail` are null or empty where there is none."""

    code: Annotated[NoForecast | None, Field(description="Why there is no forecast; null if there is one.")]
    detail: Annotated[str, Field(description="The forecast in words, or why there is none.")]
    at: Annotated[datetime | None, Field(description="The newest slot that it is made of.")]
    until: Annotated[datetime | None, Field(description="How far it looks ahead: a window or period, 30 days at most.")]
    exhausted_at: ExhaustionModel | None
    exhaustion_probability: Annotated[float | None, Field(description="That none of the budget is left by `until`.")]
    remaining_ratio: Annotated[IntervalModel | None, Field(description="Unspent share of the budget at `until`.")]
    allowed_burn_rate: Annotated[
        float | None,
        Field(
            description="The highest mean burn rate from now on at which some budget is left at all times until "
            "`until`; negative where that is not possible any more."
        ),
    ]
    allowed_bad_ratio: Annotated[float | None, Field(description="The same as a share of bad events.")]
    inputs: ForecastInputsModel | None
    leaving: Annotated[
        list[LeavingIncidentModel], Field(description="Incidents that leave a rolling window by `until`.")
    ]


@with_config(ANSWER)
class ForecastStepModel(TypedDict):
    """The unspent share of the budget at one time ahead."""

    at: datetime
    remaining_ratio: IntervalModel


FORECAST_EXAMPLE: JsonDict = {
    "code": None,
    "detail": "The error budget is expected to last: 61% is left on 2026-03-31 (80% interval 34% to 72%). To meet the "
    "objective until then, the mean burn rate must stay below 0.91x (0.091% errors).",
    "at": "2026-03-01T12:00:00Z",
    "until": "2026-03-31T12:00:00Z",
    "exhausted_at": {"earliest": None, "expected": None, "latest": None},
    "exhaustion_probability": 0.04,
    "remaining_ratio": {"low": 0.34, "median": 0.61, "high": 0.72},
    "allowed_burn_rate": 0.91,
    "allowed_bad_ratio": 0.00091,
    "inputs": {
        "history_hours": 718,
        "background_burn_rate": 0.27,
        "events_per_day": 33400.0,
        "incidents_per_month": 2.0,
        "incident_share": 0.09,
        "incident_goes_on": False,
    },
    "leaving": [{"start": "2026-03-09T07:00:00Z", "end": "2026-03-09T09:00:00Z", "share": 0.12}],
}


@with_config(
    answer_like(
        FORECAST_EXAMPLE
        | {
            "id": "checkout-availability",
            "steps": [
                {"at": "2026-03-01T13:00:00Z", "remaining_ratio": {"low": 0.529, "median": 0.53, "high": 0.53}},
            ],
        }
    )
)
class ForecastStepsModel(ForecastModel):
    """A forecast with its steps, for charts."""

    id: str
    steps: list[ForecastStepModel]
