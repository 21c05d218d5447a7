"""Query parameters that several routes share, and the refusal of those that a route does not have."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from app.api.defaults import no_values
from app.api.paging import CURSOR_PATTERN
from app.api.problems import invalid
from app.api.timespans import LONGEST_STEP
from app.slo import EARLIEST, LATEST, AlertState, SliKind
from app.status import DataState, HealthState, SortColumn

IGNORING_PARAMETERS = frozenset({"/metrics", "/-/healthy", "/-/ready"})
"""Routes that take any parameter: scrape configurations and load balancers add their own, and a refusal would be an
outage to them, while no answer depends on a parameter."""

# A page of SLOs that a person reads, and the most that is encoded without a pause: 1,000 SLOs are a few megabytes.
DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_SEARCH = 200
ID_PATTERN = "^[0-9a-f]{1,64}$"
"""What ids of incidents, changes and exceptions look like."""

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items a page has at most.")]
Services = Annotated[list[str], Query(default_factory=no_values, description="Only SLOs of any of these services.")]
SlosById = Annotated[list[str], Query(default_factory=no_values, description="Only those of any of these SLOs, by id.")]
LabelPairs = Annotated[
    # `selection` refuses others, in words that name the parameter.
    list[Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[^=]+="})]],
    Query(
        default_factory=no_values,
        description="Only SLOs with all of these labels, of the document or the group, written `name=value`.",
        examples=[["team=payments"]],
    ),
]
States = Annotated[list[HealthState], Query(default_factory=no_values, description="Only SLOs in any of these states.")]
AlertStates = Annotated[
    list[AlertState],
    Query(
        default_factory=no_values,
        description="Only SLOs with an alert in any of these states; `inactive`: with no alert in another one.",
    ),
]
Kinds = Annotated[
    list[SliKind], Query(default_factory=no_values, description="Only SLOs with an SLI of any of these kinds.")
]
DataStates = Annotated[
    list[DataState], Query(default_factory=no_values, description="Only SLOs whose data is in any of these states.")
]
Search = Annotated[
    str,
    Query(
        max_length=MAX_SEARCH,
        description="Only SLOs with all of these words in id, service, name, description or labels; case is ignored.",
        examples=["checkout team=payments"],
    ),
]


Adjusted = Annotated[bool, Query(description="Whether figures are adjusted; `false` shows them as they were counted.")]


class SortOrder(StrEnum):
    """Which end of a sorted list comes first."""

    ASCENDING = "asc"
    DESCENDING = "desc"

    @property
    def is_descending(self) -> bool:
        """Whether the order is reversed."""
        return self is SortOrder.DESCENDING


Sort = Annotated[
    SortColumn,
    Query(
        description="What SLOs are sorted by; ascending is the worst first for `status`, `budget`, `alert`, `data` and "
        "`exhaustion`. What is not known comes last. `burn_rate` is that of the last hour."
    ),
]
Order = Annotated[SortOrder, Query(description="Ascending or descending.")]
Cursor = Annotated[
    Annotated[str, WithJsonSchema({"type": "string", "pattern": CURSOR_PATTERN})],
    Query(description="The cursor that the page before gave as `next`; empty for the first page."),
]
# None where a parameter is not given; in a query string there is no null, so the description has none.
_UNIX_SECONDS = {"type": "number", "minimum": EARLIEST.timestamp(), "exclusiveMaximum": LATEST.timestamp()}
_RFC3339 = {"type": "string", "format": "date-time"}
_STEP_SECONDS = {"type": "number", "minimum": 1, "maximum": LONGEST_STEP.total_seconds()}
DURATION = {"type": "string", "pattern": "^([0-9]+(y|w|d|h|m|s|ms))+$"}
"""The schema of a duration such as ``5m``."""
Time = Annotated[str, WithJsonSchema({"anyOf": [_RFC3339, _UNIX_SECONDS]})] | SkipJsonSchema[None]
Since = Annotated[Time, Query(alias="from", description="RFC 3339 or Unix seconds; only since then.")]
Until = Annotated[Time, Query(alias="to", description="RFC 3339 or Unix seconds; only until then.")]
Step = Annotated[str, WithJsonSchema({"anyOf": [DURATION, _STEP_SECONDS]})] | SkipJsonSchema[None]


# Not a plain function, which would wait for a thread: the gate and probes answer while readers have all of them.
async def refuse_unknown_parameters(request: Request) -> None:
    """Let a request pass whose parameters the API's description gives to its route, each once unless it is a list.

    Raises:
        ProblemError: there are others.
    """
    route = request.scope["route"]
    if not route.include_in_schema or route.path_format in IGNORING_PARAMETERS:
        return
    # A misspelt filter that is ignored would return SLOs that were filtered out.
    known = _described(request.app, route, request.method)
    for name in request.query_params:
        if name not in known:
            takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
            raise invalid(f"unknown query parameter {name!r}: {takes}")
        if len(request.query_params.getlist(name)) > 1 and not known[name]:
            raise invalid(f"query parameter {name!r} is given more than once")


def _described(app: FastAPI, route: APIRoute, method: str) -> Mapping[str, bool]:
    """The query parameters of a route by a method, and whether each may be repeated."""
    if not hasattr(app.state, "query_parameters"):
        app.state.query_parameters = {}
    described: dict[tuple[str, str], Mapping[str, bool]] = app.state.query_parameters
    key = (route.path_format, method)
    if key not in described:
        # Of this route only: to describe all of them takes a sixth of a second of the first request.
        operations = get_openapi(title="", version="", routes=[route])["paths"].get(route.path_format, {})
        described[key] = dict(map(_parameter, operations.get(method.lower(), {}).get("parameters", ())))
    return described[key]


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, bool]:
    return parameter["name"], parameter["schema"].get("type") == "array"
