"""Forecasts of error budgets in words."""

import math
from datetime import datetime, timedelta

from app.budget.forecast import LEAST_HISTORY, NoForecast, Outlook
from app.wording.sentences import number, share, span

# A date weeks ahead is not known to the hour.
_BY_DAY = timedelta(days=3)
# Below it the chance of an exhausted budget is not worth a word.
_UNLIKELY = 0.1
_NONE = {
    NoForecast.PENDING: "Forecasts are made within twenty minutes after a start.",
    NoForecast.NO_DATA: "No forecast: there is no current data.",
    NoForecast.NO_TRAFFIC: "No forecast: there were no events to learn from.",
    NoForecast.HISTORY_UNREAD: "No forecast: the history of the SLO window has not been read yet.",
    NoForecast.NOT_ENOUGH_HISTORY: f"No forecast: fewer than {LEAST_HISTORY.days} days were measured so far.",
    NoForecast.AS_COUNTED: "Forecasts are made with adjustments.",
    NoForecast.FAILED: "No forecast: it failed, and the log says why.",
}


def no_forecast_words(why: NoForecast) -> str:
    """Why there is no forecast, in a sentence."""
    return _NONE[why]


def forecast_words(found: Outlook) -> str:
    """A forecast in two sentences: whether the budget lasts, and what that needs."""
    return f"{expectation_words(found)} {allowance_words(found)}".strip()


def expectation_words(found: Outlook) -> str:
    """Whether the budget lasts and how sure that is, in a sentence."""
    until = _date(found.until, found.at)
    left = found.remaining
    interval = f"80% interval {share(left.low)} to {share(left.high)}"
    if found.expected is not None:
        return f"The error budget is expected to be exhausted {_around(found.expected, found)}."
    if found.chance < _UNLIKELY:
        return f"The error budget is expected to last: {share(left.median)} is left on {until} ({interval})."
    return (
        f"The error budget is exhausted by {until} with a chance of {share(found.chance)}; "
        f"{share(left.median)} is expected to be left ({interval})."
    )


def allowance_words(found: Outlook) -> str:
    """How high the burn rate may be from now on, in a sentence; empty if no events are expected."""
    until, allowed = _date(found.until, found.at), found.allowed_burn_rate
    if math.isnan(allowed):
        return ""
    if allowed <= 0:
        return f"No error rate keeps it above zero at all times until {until}."
    errors = share(found.allowed_bad_ratio)
    return f"To meet the objective until then, the mean burn rate must stay below {number(allowed)}x ({errors} errors)."


def inputs_words(found: Outlook) -> str:
    """What a forecast goes by, in a sentence or two."""
    text = (
        f"Learned from {span(found.history)}: a background burn rate of {number(found.background_burn_rate)}x, "
        f"{number(round(found.events_per_day))} events a day"
    )
    if math.isnan(found.incident_share):
        text += ", no incidents."
    else:
        text += f", {found.incidents_per_month:.2g} incidents in 30 days of about {share(found.incident_share)} each."
    if found.incident_goes_on:
        text += " An incident goes on now: in half of the futures it lasts as long again as it has lasted."
    for one in found.leaving:
        text += f" An incident that spent {share(one.share)} leaves the window on {_date(one.start, found.at)}."
    return text


def _around(expected: datetime, found: Outlook) -> str:
    if expected <= found.at:
        return "now"
    latest = f"after {_date(found.until, found.at)}" if found.latest is None else _date(found.latest, found.at)
    earliest = _date(found.earliest or expected, found.at)
    return f"on {_date(expected, found.at)} (80% interval {earliest} to {latest})"


def _date(at: datetime, now: datetime) -> str:
    """A day, with its hour where that is near.

    >>> now = datetime(2026, 3, 1, 12)
    >>> _date(datetime(2026, 3, 2, 14, 40), now), _date(datetime(2026, 3, 20, 14), now)
    ('2026-03-02 14:00 UTC', '2026-03-20')
    """
    return f"{at:%Y-%m-%d %H}:00 UTC" if at - now < _BY_DAY else f"{at:%Y-%m-%d}"
