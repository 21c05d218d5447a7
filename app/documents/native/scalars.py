"""Single values of a native document: objectives, factors, selectors; each function refuses with a remedy."""

import difflib
import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from app.alerting import ALERTNAMES, OVERRIDABLE, RESERVED
from app.documents.windows import checked_length
from app.promql.evaluable import evaluable
from app.promql.expressions import ExpressionError
from app.promql.selector_text import SelectorError, parse_selector
from app.sli import Comparison, Condition, EventQuery, NotExpressibleError, QueryFaultError, read_events
from app.sli.any_promql import reduced_ratio
from app.sli.from_samples import SampleQuery, read_samples
from app.slo import (
    CalendarUnit,
    EmptyIntervals,
    MissingData,
    NoData,
    NoTraffic,
    Selector,
    WithoutEvents,
    find_time_zone,
)
from app.yamldoc.scalars import (
    OFF,
    kind,
    read_any_name,
    read_choice,
    read_duration,
    read_label_name,
    read_number,
    read_percent,
    read_text,
    refuse,
)
from app.yamldoc.tree import NumberText

# With the dots and slashes of OpenTelemetry; other characters are more likely an expression than a name.
_METRIC = re.compile(r"(?!\d)[\w:][\w:./-]*")
# Characters of the name of a time zone.
_MOST_MISSPELT = 3
_NOTHING = re.compile(r"0+(y|w|d|h|ms|m|s)?", re.ASCII)
_CONDITION = re.compile(r"(==|!=|<=|>=|<|>)\s*(\S+)")
# What other languages write for them.
_MEANT = {"=": "==", "=>": ">=", "=<": "<=", "<>": "!="}
_ALMOST_CONDITION = re.compile(rf"({'|'.join(_MEANT)})\s*([^\s=<>]+)")
_ALL = Decimal(100)
# What a ratio may have meant is guessed only for objectives that somebody has: 0.999 is 99.9%, 0.01 nothing usual.
_LEAST_USUAL = Decimal(50)
_LEAST_LEVEL = Decimal("0.5")
_MOST_PERIODS = 366
"""Days, the shortest of them, of a leap year."""
# One Prometheus for each cluster of a large platform; each is asked for each SLO.
_MOST_SOURCES = 100
_SUFFIXES = ("_bucket", "_count", "_sum")

# What people write for a calendar window in the place of a duration.
_CALENDAR_WORDS = {
    word: unit
    for unit in CalendarUnit
    for word in (unit, f"{unit}s", f"{unit}ly", f"1 {unit}", f"1{unit}", f"calendar {unit}", f"calendar-{unit}")
} | {"1M": CalendarUnit.MONTH, "mtd": CalendarUnit.MONTH}


def read_alert_name(value: Any) -> str:
    """The `alertname` of an SLO's alerts."""
    text = read_text(value)
    if not text.strip():
        raise refuse("an alert needs a name", "write name: ErrorBudgetBurn, or remove the key")
    if text in ALERTNAMES.values():
        # Two alerts of one SLO with the same labels would be one to every receiver.
        raise refuse(f"{text} is the name of another alert of the service", "write another name: ErrorBudgetBurn")
    return text


def read_alert_label_name(value: Any) -> str:
    """The name of a label that goes into alerts."""
    text = read_label_name(value)
    if text in RESERVED:
        raise refuse(f"the label {text} is set on every alert by the service", f"write another name: my_{text}")
    return text


def read_override_label_name(value: Any) -> str:
    """The name of a label that Sloburn sets on alerts, and a document may set instead."""
    text = read_text(value)
    if text not in OVERRIDABLE:
        remedy = "write name: below alerting:" if text == "alertname" else "write it under labels"
        raise refuse(f"the label {text} is not set by Sloburn, or cannot be another", remedy)
    return text


def read_id(value: Any) -> str:
    """The id of an SLO where it is not that of its service and name."""
    text = read_text(value)
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise refuse(f"{text!r} is not an id", "write a name without spaces around it: checkout-availability")
    if ":" in text:
        raise refuse(f"{text!r} holds a colon, which separates an SLO from the members of its group", "write `-`")
    return text


def read_objective(value: Any) -> float:
    """The objective in percent, as a ratio."""
    ratio = read_percent(value)
    given = f"{value.removesuffix('%').rstrip()}%"
    if float(ratio) >= 1:
        raise refuse(f"{given} leaves no error budget", "write an objective below 100, such as 99.9 or 99.99")
    if ratio <= 0:
        raise refuse(f"{given} asks for nothing", "write an objective above 0, such as 99.9")
    # With its sign it cannot be a ratio: converted documents have it.
    if ratio * _ALL <= 1 and not value.endswith("%"):
        meant = (ratio * _ALL * _ALL).normalize()
        remedy = f"did you mean {meant:f}?" if _LEAST_USUAL <= meant < _ALL else "write 99.9 for three nines"
        raise refuse(f"{value} looks like a ratio, and objectives are in percent", remedy)
    return float(ratio)


def read_slice_target(value: Any) -> float:
    """The percentage of good events from which on a slice is good, as a ratio: all of them may have to be."""
    return 1.0 if read_percent(value) == 1 else read_objective(value)


def read_penalty_free(value: Any) -> float:
    """Percentage points below a contract, as a difference of ratios."""
    ratio = read_percent(value)
    if not 0 <= ratio < 1:
        raise refuse(f"{value} is not a margin in percentage points", "write 0 or more, such as 0.1")
    return float(ratio)


def read_budget_share(value: Any) -> float:
    """The share of the error budget that a tier lets burn, in percent, as a ratio."""
    ratio = read_percent(value)
    if not 0 < ratio <= 1:
        raise refuse(f"{value} is not a share of the error budget", "write a percentage above 0 and up to 100: 2%")
    return float(ratio)


def read_evidence(value: Any) -> float | None:
    """How sure an alert must be, in percent, as a ratio; None for `off`."""
    if isinstance(value, str) and value.lower() in OFF:
        return None
    ratio = read_percent(value)
    if not _LEAST_LEVEL <= ratio < 1:
        raise refuse(
            f"{value} is not a confidence level", "write a percentage from 50 to below 100, such as 99%, or off"
        )
    return float(ratio)


def read_min_bad_events(value: Any) -> int:
    """The least number of bad events that an alert fires at."""
    number = read_number(value)
    if number < 1 or number != int(number):
        raise refuse(f"{value} is not a number of events", "write a whole number of at least 1, such as 2")
    return int(number)


def read_factor(value: Any) -> float:
    """A burn rate that a tier fires at."""
    return float(read_number(value))


def read_rolling_window(value: Any) -> timedelta:
    """The length of a rolling SLO window."""
    unit = _CALENDAR_WORDS.get(value, _CALENDAR_WORDS.get(value.lower())) if isinstance(value, str) else None
    if unit is not None:
        remedy = f"write {{calendar: {unit}}} for calendar {unit}s, or a duration such as 30d for a rolling window"
        raise refuse(f"{value!r} is not a duration", remedy)
    return checked_length(read_duration(value))


def read_patience(value: Any) -> timedelta:
    """A duration that may be zero."""
    if isinstance(value, str) and _NOTHING.fullmatch(value):
        return timedelta(0)
    return read_duration(value)


def read_patience_or_off(value: Any) -> timedelta | None:
    """A duration longer than zero; None for `off`."""
    if isinstance(value, str) and value.lower() in OFF:
        return None
    return read_duration(value)


def read_wait_or_off(value: Any) -> timedelta | None:
    """A duration that may be zero; None for `off`."""
    return None if isinstance(value, str) and value.lower() in OFF else read_patience(value)


def read_no_traffic(value: Any) -> NoTraffic:
    """Whether an alert fires when traffic stops; `alert` is a ticket."""
    text = read_text(value)
    return NoTraffic.TICKET if text == "alert" else read_choice(NoTraffic, text, "a policy")


def read_no_data(value: Any) -> NoData:
    """What becomes of alerts without data."""
    return read_choice(NoData, value, "a policy")


def read_time_zone(value: Any) -> str:
    """The name of an IANA time zone."""
    text = read_text(value)
    if not _is_time_zone(text):
        # An abbreviation is close to others that mean something else: CEST to EST, EDT to WET.
        names = [] if text.isupper() else [name for name in _places() if _may_be_meant(name, text)]
        close = difflib.get_close_matches(text, names, n=1)
        remedy = f"did you mean {close[0]}?" if close else "write a place such as Europe/Berlin, or UTC"
        raise refuse(f"{text!r} is not an IANA time zone", remedy)
    return text


@lru_cache(maxsize=1)
def _places() -> tuple[str, ...]:
    """The names of time zones that are places; reading them takes a walk through hundreds of files."""
    return tuple(name for name in available_timezones() if "/" in name)


def _may_be_meant(name: str, text: str) -> bool:
    """Whether it is worth comparing both, which takes long for hundreds of names in each of thousands of SLOs."""
    return name[0] == text[:1].upper() and abs(len(name) - len(text)) <= _MOST_MISSPELT


def read_periods(value: Any) -> int:
    """How many periods of the calendar a window is."""
    number = read_number(value)
    if not 1 <= number <= _MOST_PERIODS or number != int(number):
        raise refuse(f"{value} is not a number of periods up to a year", "write a whole number such as 2")
    return int(number)


def read_local_time(value: Any) -> datetime:
    """A date and time without a zone, which has its own key."""
    text = read_text(value).strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(f"{text!r} is not a date and time", 'write "2026-01-05 12:00"') from error
    if found.tzinfo is not None:
        raise refuse(f"{text!r} has an offset", "write the local time, and timezone: beside it")
    return found


def read_calendar_unit(value: Any) -> CalendarUnit:
    """A period of the calendar."""
    return read_choice(CalendarUnit, value, "a period of the calendar")


def read_off(value: Any) -> None:
    """The switch that turns a severity off."""
    if not isinstance(value, str) or value.lower() not in OFF:
        raise refuse(f"must be a mapping or `off`, not {kind(value)}", "write {for: 2m}, or off for no such alerts")


def read_selector(value: Any) -> Selector:
    """A bare PromQL selector."""
    text = read_text(value)
    try:
        return parse_selector(text)
    except SelectorError as error:
        raise refuse(error.problem, error.remedy) from error


def read_event_query(value: Any) -> EventQuery | SampleQuery:
    """A selector of counters, or a PromQL sum of counters, or of the samples of gauges."""
    text = read_text(value)
    try:
        return read_events(text)
    except QueryFaultError as error:
        raise refuse(error.reason, error.remedy) from error
    except NotExpressibleError as error:
        try:
            return read_samples(text)
        except NotExpressibleError:
            raise refuse(error.reason, f"{error.remedy}; or bad_ratio: for any PromQL") from error


def read_matchers(value: Any) -> Selector:
    """Matchers in braces, without a metric's name."""
    text = read_text(value).strip()
    if not text.startswith("{"):
        raise refuse("must be matchers", 'write {job: checkout}, or \'{job="checkout",code!~"5.."}\' in quotes')
    return read_selector(text)


def read_without_events(value: Any) -> WithoutEvents:
    """What a slice of time without events is."""
    return read_choice(WithoutEvents, value, "a rule")


def read_empty_intervals(value: Any) -> EmptyIntervals:
    """What an interval is for which there is no number of events."""
    return read_choice(EmptyIntervals, value, "a rule")


def read_missing_data(value: Any) -> MissingData:
    """What a slice of a composite is without data of a component."""
    return read_choice(MissingData, value, "a policy")


def read_weight(value: Any) -> float:
    """How much a component counts beside others."""
    weight = float(read_number(value))
    if weight <= 0:
        raise refuse(f"{value} is not above 0", "write a weight such as 1, or remove the component")
    return weight


def read_evaluable(value: Any) -> str:
    """PromQL that has a value at each time."""
    text = read_text(value)
    try:
        return evaluable(text)
    except ExpressionError as error:
        raise refuse(error.problem, error.remedy) from error


def read_ratio(value: Any) -> str:
    """PromQL of a share of events: a ratio of sums, whose ranges may be placeholders, or what has a value at a time."""
    text = read_text(value)
    return text.strip() if reduced_ratio(text) is not None else read_evaluable(value)


def read_condition(value: Any) -> Condition:
    """When the sample of a gauge is good: a comparison with a number."""
    text = read_text(value).strip()
    found = _CONDITION.fullmatch(text)
    if found is None:
        remedy = 'write an operator and a number: "== 1" or "< 0.9"'
        meant = _ALMOST_CONDITION.fullmatch(text)
        if meant is not None:
            remedy = f'write "{_MEANT[meant[1]]} {meant[2]}"'
        raise refuse(f"{text!r} is not a comparison", remedy)
    return Condition(Comparison(found[1]), float(read_number(NumberText(found[2]))))


def read_absent(value: Any) -> bool:
    """Whether samples that are missing count as bad."""
    text = read_text(value)
    if text not in {"bad", "unknown"}:
        raise refuse(f"{text!r} is not a policy", "write bad or unknown")
    return text == "bad"


def read_histogram(value: Any) -> str:
    """The base name of a classic histogram."""
    text = read_text(value)
    if "{" in text:
        name, _, matchers = text.partition("{")
        raise refuse("holds matchers", f"write histogram: {name.strip()} and selector: '{{{matchers}'")
    if not _METRIC.fullmatch(text):
        raise refuse(f"{text!r} is not the name of a metric", "write a name such as http_request_duration_seconds")
    for suffix in _SUFFIXES:
        if text.endswith(suffix):
            raise refuse(f"ends with {suffix}, which is added for you", f"write {text.removesuffix(suffix)}")
    return text


def read_threshold(value: Any) -> timedelta | Decimal:
    """The upper bound of the good buckets: a duration, or a number in the histogram's own unit."""
    if not isinstance(value, NumberText):
        return read_duration(value)
    number = read_number(value)
    if number <= 0:
        raise refuse(f"{value} is not above zero", "write the bound of a bucket, such as 300ms")
    return number


def read_bounds(value: Any) -> tuple[timedelta | Decimal, timedelta | Decimal]:
    """The bounds of two buckets of a histogram, the lower one first."""
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004  a pair
        remedy = "write interpolate: [250ms, 500ms]; `check --live` says between which buckets the threshold lies"
        raise refuse("must be the bounds of the two buckets beside the threshold", remedy)
    lower, upper = map(read_threshold, value)
    return lower, upper


@lru_cache(maxsize=1024)
def _is_time_zone(name: str) -> bool:
    return find_time_zone(name) is not None


def read_sources(value: Any) -> tuple[str, ...]:
    """The name of a source, or the names of several, each once."""
    if not isinstance(value, list):
        return (read_any_name(value),)
    names = tuple(read_any_name(one) for one in value)
    twice = next((name for name in names if names.count(name) > 1), None)
    if not names or twice is not None:
        raise refuse("is an empty list" if not names else f"names {twice} twice", "write each source once: [eu, us]")
    if len(names) > _MOST_SOURCES:
        raise refuse(f"has more than {_MOST_SOURCES} sources", "write SLOs of fewer sources, and a composite sum_of")
    return names
