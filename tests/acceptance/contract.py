"""The JSON of the API as those who rely on it were promised: every key, every type, and nothing else."""

from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_EVENTS: Schema = {"type": "number", "minimum": 0}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_DURATION: Schema = {"type": "string", "pattern": r"^(\d+(y|w|d|h|ms|m|s))+$"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}

_ROLLING = _object(kind=_one_of("rolling"), duration=_DURATION, start=_or_null(_TIME), end=_or_null(_TIME))
_CALENDAR = _object(
    kind=_one_of("calendar"),
    unit=_one_of("day", "week", "month", "quarter", "year"),
    timezone=_TEXT,
    start=_or_null(_TIME),
    end=_or_null(_TIME),
)
_SEVERITY = _one_of("page", "ticket")
_ALERT: Schema = {
    "severity": _SEVERITY,
    "state": _one_of("inactive", "pending", "firing", "muted", "suppressed", "frozen"),
    "since": _or_null(_TIME),
    "tier": _or_null(_TEXT),
    "reason": _or_null(_TEXT),
    "cause": _one_of("burn", "no_data", "no_traffic", "budget_consumed", "budget_runs_out", "budget_exhausted"),
    "last_end": _or_null(_object(at=_or_null(_TIME), code=_TEXT, reason=_TEXT)),
}

SLO = _object(
    id=_TEXT,
    service=_TEXT,
    name=_TEXT,
    description=_TEXT,
    labels=_TEXTS,
    group=_TEXTS,
    objective={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    window={"oneOf": [_ROLLING, _CALENDAR]},
    as_of=_or_null(_TIME),
    data=_one_of("fresh", "stale", "no_traffic", "backfilling", "error"),
    problem=_or_null(_TEXT),
    problems=_list(_object(code=_TEXT, level=_one_of("error", "warning", "hint"), detail=_TEXT)),
    backfill=_or_null(_object(done_hours=_NUMBER, wanted_hours=_NUMBER, ratio=_SHARE)),
    data_since=_or_null(_TIME),
    coverage=_or_null(_SHARE),
    status=_one_of("meeting", "at_risk", "exhausted", "unknown"),
    sli_kind=_one_of("counters", "gauge", "expression", "time_slices", "composite"),
    sources=_list(_TEXT),
    sli=_or_null(_SHARE),
    events=_object(good=_EVENTS, bad=_EVENTS, total=_EVENTS),
    sla={"type": "null"},
    budget=_object(
        total_events=_or_null(_EVENTS),
        consumed_ratio=_or_null(_EVENTS),
        remaining_ratio=_or_null(_NUMBER),
        remaining_events=_or_null(_NUMBER),
        exhausted_at=_or_null(_TIME),
    ),
    burn_rates=_list(
        _object(
            window=_DURATION,
            burn_rate=_or_null(_EVENTS),
            sli=_or_null(_SHARE),
            good=_EVENTS,
            bad=_EVENTS,
            total=_EVENTS,
            coverage=_or_null(_SHARE),
        )
    ),
    alerts=_list(_object(**_ALERT)),
    forecast=_object(
        code=_or_null(
            _one_of(
                "pending",
                "no_data",
                "no_traffic",
                "history_unread",
                "not_enough_history",
                "as_counted",
                "failed",
            )
        ),
        detail=_TEXT,
        at=_or_null(_TIME),
        until=_or_null(_TIME),
        exhausted_at=_or_null(_object(earliest=_or_null(_TIME), expected=_or_null(_TIME), latest=_or_null(_TIME))),
        exhaustion_probability=_or_null(_SHARE),
        remaining_ratio=_or_null(
            _object(low=_or_null(_NUMBER), median=_or_null(_NUMBER), high=_or_null(_NUMBER)),
        ),
        allowed_burn_rate=_or_null(_NUMBER),
        allowed_bad_ratio=_or_null(_NUMBER),
        inputs=_or_null(
            _object(
                history_hours=_EVENTS,
                background_burn_rate=_or_null(_NUMBER),
                events_per_day=_or_null(_EVENTS),
                incidents_per_month=_EVENTS,
                incident_share=_or_null(_NUMBER),
                incident_goes_on={"type": "boolean"},
            )
        ),
        leaving=_list(_object(start=_TIME, end=_TIME, share=_NUMBER)),
    ),
)

SLOS = _object(items=_list(SLO), next=_or_null(_TEXT))

HISTORY = {
    **_object(
        id=_TEXT,
        to=_or_null(_TIME),
        step=_DURATION,
        points=_list(
            _object(
                at=_TIME,
                good=_or_null(_EVENTS),
                bad=_or_null(_EVENTS),
                total=_or_null(_EVENTS),
                sli=_or_null(_SHARE),
                burn_rate=_or_null(_EVENTS),
                budget_remaining_ratio=_or_null(_NUMBER),
                coverage=_or_null(_SHARE),
            )
        ),
    )
}
HISTORY["properties"] = {**HISTORY["properties"], "from": _or_null(_TIME)}
HISTORY["required"] = [*HISTORY["required"], "from"]

ALERTS = _object(
    items=_list(
        _object(
            **_ALERT,
            slo=_TEXT,
            service=_TEXT,
            name=_TEXT,
            group=_TEXTS,
            url=_TEXT,
            silence=_or_null(
                _object(
                    state=_one_of("silenced", "inhibited"),
                    receiver=_or_null(_TEXT),
                    id=_or_null(_TEXT),
                    until=_or_null(_TIME),
                    created_by=_or_null(_TEXT),
                    comment=_or_null(_TEXT),
                    read_at=_TIME,
                )
            ),
            incident=_or_null(_TEXT),
            summary=_or_null(_TEXT),
            description=_or_null(_TEXT),
            burn_rate_long=_or_null(_EVENTS),
            burn_rate_short=_or_null(_EVENTS),
            good=_or_null(_EVENTS),
            bad=_or_null(_EVENTS),
            incident_spent=_or_null(_EVENTS),
            budget_remaining=_or_null(_NUMBER),
            exhausted_at=_or_null(_TIME),
            first_bad_at=_or_null(_TIME),
            last_bad_at=_or_null(_TIME),
            top_contributors=_or_null(_TEXT),
            runbook_url=_or_null(_TEXT),
            dashboard=_or_null(_TEXT),
        )
    ),
    transitions=_list(
        _object(
            at=_TIME,
            slo=_TEXT,
            severity=_SEVERITY,
            kind=_TEXT,
            cause=_TEXT,
            incident=_or_null(_TEXT),
            tier=_or_null(_TEXT),
            reason=_or_null(_TEXT),
            end_code=_or_null(_TEXT),
        )
    ),
    next=_or_null(_TEXT),
)

BUILD = _object(version=_TEXT, python=_TEXT)
CONFIG = _object(
    settings={"type": "object"},
    spec_digest=_TEXT,
    slos=_COUNT,
    last_reload_successful={"type": "boolean"},
    last_reload_at=_or_null(_TIME),
    last_reload_errors=_list(_TEXT),
    database=_TEXT,
    replicas=_list(_TEXT),
)


def breaches(document: Any, schema: Schema) -> list[str]:
    """What of *document* is not as promised."""
    errors = Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]
