"""The types of a document's fields: how each is read, and how editors see it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Discriminator, Field, PlainValidator, Tag, WithJsonSchema

from app.alerting import OVERRIDABLE, RESERVED
from app.documents.native import scalars
from app.sli import Condition, EventQuery
from app.sli.from_samples import SampleQuery
from app.slo import Selector, WithoutEvents
from app.yamldoc import scalars as plain
from app.yamldoc.scalars import MOST_LABELS

# YAML reads `true` and `90` as other types than text: as the value of a label they are what was written.
_ANY_SCALAR = {"type": ["string", "number", "boolean"]}
_DURATION = {"type": "string", "pattern": plain.DURATION_PATTERN, "examples": ["5m", "1h30m", "30d"]}
# The JSON Schema is looser than the readers: an editor should never refuse what Sloburn takes.
_PERCENT_SIGN = {"type": "string", "pattern": r"^[0-9.]+ ?%$"}


def _name(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": r"^\S(.*\S)?$", "examples": [example]})


Text = Annotated[str, PlainValidator(plain.read_text), WithJsonSchema(_ANY_SCALAR)]
# Which characters they may have depends on whether ids are made of them.
ServiceName = Annotated[str, PlainValidator(plain.read_any_name), _name("checkout")]
SloName = Annotated[str, PlainValidator(plain.read_any_name), _name("availability")]
_SOURCE: Final = {"type": "string", "pattern": r"^\S(.*\S)?$"}
SourceNames = Annotated[
    tuple[str, ...],
    PlainValidator(scalars.read_sources),
    WithJsonSchema(
        {
            "anyOf": [_SOURCE, {"type": "array", "items": _SOURCE, "minItems": 1, "uniqueItems": True}],
            "examples": ["eu", ["eu", "us"]],
        }
    ),
]
IdText = Annotated[
    str,
    PlainValidator(scalars.read_id),
    WithJsonSchema({"type": "string", "pattern": r"^[^\s:]([^:]*[^\s:])?$", "examples": ["checkout-availability"]}),
]
AlertName = Annotated[str, PlainValidator(scalars.read_alert_name), WithJsonSchema({"type": "string", "minLength": 1})]
_LABEL_NAME = {"type": "string", "pattern": plain.LABEL_PATTERN}
_ALERT_LABEL_NAME = {**_LABEL_NAME, "not": {"enum": sorted(RESERVED)}}


def _mapping(names: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"type": "object", "propertyNames": names, "additionalProperties": _ANY_SCALAR})


LabelName = Annotated[str, PlainValidator(plain.read_label_name), WithJsonSchema(_LABEL_NAME)]
_SERIES_LABEL = {"type": "string", "pattern": r"^(?!__).+$"}
SeriesLabelName = Annotated[str, PlainValidator(plain.read_series_label_name), WithJsonSchema(_SERIES_LABEL)]
AlertLabelName = Annotated[str, PlainValidator(scalars.read_alert_label_name)]
AlertLabels = Annotated[dict[AlertLabelName, Text], Field(max_length=MOST_LABELS), _mapping(_ALERT_LABEL_NAME)]
OverrideLabelName = Annotated[str, PlainValidator(scalars.read_override_label_name)]
OverrideLabels = Annotated[dict[OverrideLabelName, Text], _mapping({"enum": sorted(OVERRIDABLE)})]
Annotations = Annotated[dict[LabelName, Text], Field(max_length=MOST_LABELS), _mapping(_LABEL_NAME)]

PERCENTAGE: Final = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 100}, _PERCENT_SIGN],
    "examples": [99.9],
}
Objective = Annotated[float, PlainValidator(scalars.read_objective), WithJsonSchema(PERCENTAGE)]
PenaltyFree = Annotated[
    float,
    PlainValidator(scalars.read_penalty_free),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 100}, _PERCENT_SIGN],
            "examples": [0.1],
        }
    ),
]
SliceTarget = Annotated[
    float,
    PlainValidator(scalars.read_slice_target),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 1, "maximum": 100}, _PERCENT_SIGN]}),
]
BudgetShare = Annotated[
    float | None,
    PlainValidator(scalars.read_budget_share),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 100}, _PERCENT_SIGN],
            "examples": ["2%"],
        }
    ),
]
EvidenceLevel = Annotated[
    float | None,
    PlainValidator(scalars.read_evidence),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 50, "exclusiveMaximum": 100},
                _PERCENT_SIGN,
                {"enum": ["off", False]},
            ],
            "examples": ["99%", "off"],
        }
    ),
]
MinBadEvents = Annotated[
    int,
    PlainValidator(scalars.read_min_bad_events),
    WithJsonSchema({"type": "integer", "minimum": 1, "examples": [2, 5]}),
]
Factor = Annotated[
    float | None,
    PlainValidator(scalars.read_factor),
    WithJsonSchema({"type": "number", "minimum": 1, "examples": [14.4]}),
]
Weight = Annotated[
    float,
    PlainValidator(scalars.read_weight),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "examples": [1, 3]}),
]
WithoutEventsField = Annotated[
    WithoutEvents,
    PlainValidator(scalars.read_without_events),
    WithJsonSchema({"enum": [str(one) for one in WithoutEvents]}),
]
Duration = Annotated[timedelta, PlainValidator(plain.read_duration), WithJsonSchema(_DURATION)]
RollingWindowLength = Annotated[
    timedelta,
    PlainValidator(scalars.read_rolling_window),
    WithJsonSchema({"type": "string", "pattern": plain.DURATION_PATTERN, "examples": ["7d", "28d", "30d"]}),
]
Patience = Annotated[
    timedelta,
    PlainValidator(scalars.read_patience),
    WithJsonSchema({"anyOf": [_DURATION, {"const": 0}], "examples": ["2m"]}),
]
PatienceOrOff = Annotated[
    timedelta | None,
    PlainValidator(scalars.read_patience_or_off),
    WithJsonSchema({"anyOf": [_DURATION, {"enum": ["off", False]}], "examples": ["10m", "off"]}),
]
WaitOrOff = Annotated[
    timedelta | None,
    PlainValidator(scalars.read_wait_or_off),
    WithJsonSchema({"anyOf": [_DURATION, {"enum": [0, "off", False]}], "examples": ["1d", "off"]}),
]
Switch = Annotated[bool, PlainValidator(plain.read_switch), WithJsonSchema({"enum": [True, False, "on", "off"]})]
Periods = Annotated[
    int, PlainValidator(scalars.read_periods), WithJsonSchema({"type": "integer", "minimum": 1, "examples": [2]})
]
LocalTime = Annotated[
    datetime,
    PlainValidator(scalars.read_local_time),
    WithJsonSchema({"type": "string", "examples": ["2026-01-05 12:00"]}),
]
TimeZone = Annotated[
    str,
    PlainValidator(scalars.read_time_zone),
    WithJsonSchema({"type": "string", "examples": ["Europe/Berlin", "UTC"]}),
]
SelectorText = Annotated[
    Selector,
    PlainValidator(scalars.read_selector),
    WithJsonSchema({"type": "string", "minLength": 1, "examples": ['http_requests_total{job="checkout"}']}),
]
EvaluableText = Annotated[
    str,
    PlainValidator(scalars.read_evaluable),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
RatioText = Annotated[
    str,
    PlainValidator(scalars.read_ratio),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
Absent = Annotated[bool, PlainValidator(scalars.read_absent), WithJsonSchema({"enum": ["unknown", "bad"]})]
GoodWhen = Annotated[
    Condition,
    PlainValidator(scalars.read_condition),
    WithJsonSchema({"type": "string", "pattern": r"^\s*(==|!=|<=|>=|<|>)", "examples": ["== 1", "< 0.9"]}),
]
EventsText = Annotated[
    EventQuery | SampleQuery,
    PlainValidator(scalars.read_event_query),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "examples": [
                'http_requests_total{job="checkout"}',
                'sum(rate(hits_total{job="checkout"}[5m])) + sum(rate(misses_total{job="checkout"}[5m]))',
            ],
        }
    ),
]
HistogramName = Annotated[
    str,
    PlainValidator(scalars.read_histogram),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[^\W\d][\w:./-]*$|^:[\w:./-]*$",
            "not": {"pattern": "_(bucket|count|sum)$"},
            "examples": ["http_request_duration_seconds"],
        }
    ),
]
Threshold = Annotated[
    timedelta | Decimal,
    PlainValidator(scalars.read_threshold),
    WithJsonSchema({"anyOf": [_DURATION, {"type": "number", "exclusiveMinimum": 0}], "examples": ["300ms", 0.3]}),
]

_BOUND = {"anyOf": [_DURATION, {"type": "number", "exclusiveMinimum": 0}]}
Between = Annotated[
    tuple[timedelta | Decimal, timedelta | Decimal],
    PlainValidator(scalars.read_bounds),
    WithJsonSchema(
        {"type": "array", "items": _BOUND, "minItems": 2, "maxItems": 2, "examples": [["250ms", "500ms"], [0.25, 0.5]]}
    ),
]

# Pydantic puts the names of a union's branches into the paths of errors; no key looks like one of these.
MATCHERS_TEXT: Final = "<matchers text>"
MATCHERS_TABLE: Final = "<matchers table>"


def _matchers_kind(value: Any) -> str:
    return MATCHERS_TABLE if isinstance(value, dict) else MATCHERS_TEXT


HistogramMatchers = Annotated[
    Annotated[
        Selector,
        PlainValidator(scalars.read_matchers),
        WithJsonSchema({"type": "string", "pattern": r"^\s*\{", "examples": ['{job="checkout",code!~"5.."}']}),
        Tag(MATCHERS_TEXT),
    ]
    | Annotated[dict[SeriesLabelName, Text], _mapping(_SERIES_LABEL), Tag(MATCHERS_TABLE)],
    Discriminator(_matchers_kind),
]
