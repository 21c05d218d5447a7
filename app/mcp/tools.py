"""The tools of assistants: what each asks of the API, and how much of it at most."""

from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field
from starlette.requests import Request

from app.mcp.calling import ApiCaller, Query
from app.slo import AlertState

_API = "/api/v1"
# An answer has to fit into the context of a model, beside all else that was said: some thousand words.
_MOST_ITEMS, _USUAL_ITEMS = 50, 20
_MOST_POINTS, _USUAL_POINTS = 200, 50
_LONGEST = 500
# Of an SLO in a list: what tells which of them to look at. All of one is 3 kB.
_IN_SHORT = (
    "id",
    "service",
    "name",
    "labels",
    "group",
    "kind",
    "objective",
    "window",
    "as_of",
    "data",
    "status",
    "sli",
    "budget",
    "problems",
)

Text = Annotated[str, Field(max_length=_LONGEST)]
SloIdText = Annotated[str, Field(min_length=1, max_length=_LONGEST, description="An id as list_slos gives it.")]
Services = Annotated[list[Text] | None, Field(max_length=20, description="Only those of any of these services.")]
Cursor = Annotated[str | None, Field(max_length=2_000, description="`next` of the page before.")]
Items = Annotated[int, Field(ge=1, le=_MOST_ITEMS)]
Moment = Annotated[str | None, Field(max_length=40, description="RFC 3339, such as 2026-02-01T00:00:00Z.")]
Ctx = Context[Any, Request]
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)


def add_tools(server: MCPServer[Any], api: ApiCaller) -> None:
    """Add every tool to a server."""
    _add_slo_tools(server, api)
    _add_past_tools(server, api)
    _add_decision_tools(server, api)
    _add_writing_tools(server, api)


def _asker(context: Ctx) -> Request:
    request = context.request_context.request
    if request is None:
        raise RuntimeError("tools are called over HTTP only")
    return request


async def _asked(api: ApiCaller, context: Ctx, path: str, query: Query | None = None) -> CallToolResult:
    """What a route of the API answers, as the result of a tool."""
    return _result(await api.get(_asker(context), _API + path, query))


def _result(document: dict[str, Any]) -> CallToolResult:
    """An answer, and the same as text for clients that know no structured content: the SDK would indent it."""
    text = TextContent(type="text", text=orjson.dumps(document).decode())
    return CallToolResult(content=[text], structured_content=document)


def _one(of: str, id_: str, below: str = "") -> str:
    """The path of one item, or of what is below it; clients may write anything for an id."""
    return f"/{of}/{quote(id_, safe='')}{below}"


def _add_slo_tools(server: MCPServer[Any], api: ApiCaller) -> None:
    async def list_slos(
        context: Ctx,
        *,
        service: Services = None,
        status: Annotated[list[Literal["meeting", "at_risk", "exhausted", "unknown"]] | None, Field()] = None,
        alert: Annotated[
            list[AlertState] | None, Field(description="Only those with an alert in such a state.")
        ] = None,
        search: Annotated[Text | None, Field(description="Words in id, description or labels.")] = None,
        limit: Items = _USUAL_ITEMS,
        cursor: Cursor = None,
    ) -> CallToolResult:
        query = {"service": service, "status": status, "alert": alert, "q": search, "limit": limit, "next": cursor}
        page = await api.get(_asker(context), f"{_API}/slos", query)
        items = [{name: item[name] for name in _IN_SHORT if name in item} for item in page["items"]]
        return _result({"items": items, "next": page["next"]})

    async def explain_slo(context: Ctx, slo: SloIdText) -> CallToolResult:
        return await _asked(api, context, _one("slos", slo))

    async def get_forecast(context: Ctx, slo: SloIdText) -> CallToolResult:
        return await _asked(api, context, _one("slos", slo, "/forecast"))

    async def list_alerts(
        context: Ctx, service: Services = None, limit: Items = _USUAL_ITEMS, cursor: Cursor = None
    ) -> CallToolResult:
        query = {"service": service, "limit": limit, "next": cursor}
        return await _asked(api, context, "/alerts", query)

    async def get_health(context: Ctx) -> CallToolResult:
        return await _asked(api, context, "/status/health")

    for tool, description in (
        (list_slos, "SLOs with objective, SLI, error budget and status: a page, sorted by id."),
        (
            explain_slo,
            "One SLO in full: what it counts, burn rates, error budget, alerts with reasons, problems with its data.",
        ),
        (get_forecast, "When the error budget of an SLO is exhausted and how much will be left, as intervals."),
        (list_alerts, "Alerts that are pending, firing, muted, suppressed or frozen, the most urgent first."),
        (get_health, "Whether evaluation is healthy. If not, the error says why: figures may be old then."),
    ):
        server.add_tool(tool, description=description, annotations=_READS)


def _add_past_tools(server: MCPServer[Any], api: ApiCaller) -> None:
    async def get_burn_history(
        context: Ctx,
        slo: SloIdText,
        start: Moment = None,
        end: Moment = None,
        points: Annotated[int, Field(ge=1, le=_MOST_POINTS)] = _USUAL_POINTS,
    ) -> CallToolResult:
        query = {"slo": [slo], "from": start, "to": end, "points": points}
        return await _asked(api, context, "/history", query)

    async def get_contributors(
        context: Ctx,
        slo: SloIdText,
        start: Moment = None,
        end: Moment = None,
        by: Annotated[list[Text] | None, Field(max_length=10, description="Labels to break errors down by.")] = None,
    ) -> CallToolResult:
        query = {"from": start, "to": end, "by": by}
        return await _asked(api, context, _one("slos", slo, "/contributors"), query)

    async def list_incidents(
        context: Ctx,
        *,
        service: Services = None,
        slo: Annotated[Text | None, Field(description="Only those of this SLO.")] = None,
        state: Annotated[list[Literal["active", "resolved"]] | None, Field()] = None,
        start: Moment = None,
        end: Moment = None,
        limit: Items = _USUAL_ITEMS,
        cursor: Cursor = None,
    ) -> CallToolResult:
        query = {"service": service, "slo": [slo] if slo else None, "state": state, "from": start, "to": end}
        return await _asked(api, context, "/incidents", query | {"limit": limit, "next": cursor})

    async def get_incident(context: Ctx, incident_id: Text) -> CallToolResult:
        return await _asked(api, context, _one("incidents", incident_id))

    async def list_changes(
        context: Ctx,
        *,
        service: Services = None,
        start: Moment = None,
        end: Moment = None,
        limit: Items = _USUAL_ITEMS,
        cursor: Cursor = None,
    ) -> CallToolResult:
        query = {"service": service, "from": start, "to": end, "limit": limit, "next": cursor}
        return await _asked(api, context, "/events", query)

    for tool, description in (
        (get_burn_history, "How burn rates and the error budget of an SLO went, as points over a time range."),
        (get_contributors, "What burned the budget of an SLO in a time range: the label values with most bad events."),
        (list_incidents, "Incidents, the newest first, with the budget that each spent."),
        (get_incident, "One incident with its transitions, deliveries to receivers, and notes of people."),
        (list_changes, "Deploys and other changes of services, the newest first."),
    ):
        server.add_tool(tool, description=description, annotations=_READS)


def _add_decision_tools(server: MCPServer[Any], api: ApiCaller) -> None:
    async def check_gate(
        context: Ctx,
        service: Annotated[Text | None, Field(description="The service that is to change.")] = None,
        slo: Annotated[Text | None, Field(description="Or one SLO.")] = None,
        environment: Text | None = None,
        change: Annotated[Text | None, Field(description="What is to change, for the log of decisions.")] = None,
    ) -> CallToolResult:
        query = {
            "service": service,
            "slo": [slo] if slo else None,
            "environment": environment,
            "change": change,
            "caller": "mcp",
        }
        return await _asked(api, context, "/gate", query)

    async def get_backtest(context: Ctx, backtest_id: Text) -> CallToolResult:
        return await _asked(api, context, _one("backtests", backtest_id))

    for tool, description in (
        (check_gate, "Whether a change may go ahead by the error budget policies: allow, warn, deny or unknown."),
        (get_backtest, "A backtest that was started, with its result once it is done."),
    ):
        server.add_tool(tool, description=description, annotations=_READS)


def _add_writing_tools(server: MCPServer[Any], api: ApiCaller) -> None:
    async def start_backtest(
        context: Ctx,
        slos: Annotated[list[SloIdText], Field(min_length=1, max_length=20)],
        start: Moment = None,
        end: Moment = None,
        policy: Annotated[
            dict[str, Any] | None, Field(description="Rules to try, as `alerting` of a document; today's without it.")
        ] = None,
    ) -> CallToolResult:
        body = {"slos": slos, "from": start, "to": end, "policy": policy}
        given = {name: value for name, value in body.items() if value is not None}
        return _result(await api.post(_asker(context), f"{_API}/backtests", given))

    async def add_incident_note(
        context: Ctx,
        incident_id: Text,
        text: Annotated[str, Field(min_length=1, max_length=5_000, description="Markdown.")],
        author: Annotated[str, Field(min_length=1, max_length=100, description="For whom you write.")],
    ) -> CallToolResult:
        path = _API + _one("incidents", incident_id, "/notes")
        return _result(await api.post(_asker(context), path, {"text": text, "author": author}))

    for tool, description in (
        (start_backtest, "Judge the past again by other alert rules; get_backtest has the result. Needs a token."),
        (add_incident_note, "Add a note to an incident, for the people who read it. Needs a token."),
    ):
        server.add_tool(tool, description=description, annotations=_ADDS)
