"""Routes of the pages: everything is rendered here, nothing runs in the browser."""

from collections import Counter
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from app.clock import Clock
from app.paths import SLO_ID
from app.slo import SloId
from app.status import Board, HealthState, rounded_percent, sla_words
from app.ui import views
from app.ui.incidents import incidents
from app.wording.sentences import ago

# The worst ones: thousands of rows are slow in a browser, and the API lists all.
MAX_ROWS = 500
MAX_INCIDENTS = 100
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def pages(board: Board, *, clock: Clock, prefix: str = "", unhealthy: Callable[[], Sequence[str]] = tuple) -> APIRouter:
    """The routes ``/`` and ``/slos/{id}``.

    *prefix* is the path of the external URL, without a slash at its end. What *unhealthy* gives, the reasons why
    evaluation is not healthy, is at the top of every page.
    """
    router = APIRouter(include_in_schema=False)
    templates = _templates(prefix, clock)
    templates.globals["unhealthy"] = unhealthy
    style = (files("app.ui") / "static" / "style.css").read_bytes()

    @router.get("/")
    def all_slos(service: Annotated[str | None, Query()] = None) -> Response:
        known = board.current
        chosen = [found for found in known.snapshots if service in {None, found.slo.service}]
        active = [notification for notification in known.notifications if service in {None, notification.service}]
        return _html(
            templates,
            "slos.html",
            service=service,
            firing=len(active),
            incidents=incidents(active[:MAX_INCIDENTS]),
            blind=sum(views.is_blind(found) for found in chosen),
            counts=Counter(found.health for found in chosen),
            total=len(chosen),
            rows=views.worst_first(chosen)[:MAX_ROWS],
        )

    @router.get(f"/slos/{SLO_ID}")
    def one_slo(id: str) -> Response:  # noqa: A002  as in the API
        known = board.current
        snapshot = known.find(SloId(id))
        if snapshot is None:
            members = [found for found in known.snapshots if found.slo.id == id]
            active = [notification for notification in known.notifications if notification.slo == id]
            return _html(
                templates,
                "missing.html",
                status=200 if members else 404,
                id=id,
                incidents=incidents(active),
                members=views.worst_first(members)[:MAX_ROWS],
            )
        sent_for = [known.notification_of(snapshot, alert) for alert in snapshot.alerts]
        return _html(
            templates,
            "slo.html",
            slo=snapshot,
            incidents=incidents(notification for notification in sent_for if notification is not None),
            alerts=views.alert_rows(snapshot, sent_for),
        )

    @router.get("/static/style.css")
    async def css() -> Response:
        return Response(style, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    return router


def _templates(prefix: str, clock: Clock) -> Environment:
    environment = Environment(
        loader=PackageLoader("app.ui"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": rounded_percent,
        "count": views.grouped,
        "factor": views.multiple,
        "moment": views.moment,
        "ago": lambda at: ago(at, clock.now()),
        "measured": views.measured,
        "bar": views.bar,
        "window": views.window_name,
        "burns": views.burns,
        "queries": views.queries,
        "alert_lines": views.alert_lines,
        "sla": sla_words,
        "segment": lambda text: quote(text, safe=""),
    }
    environment.globals |= {"prefix": prefix, "health": HealthState}
    return environment


def _html(templates: Environment, name: str, *, status: int = 200, **context: Any) -> Response:
    text = templates.get_template(name).render(context)
    return HTMLResponse(text, status_code=status, headers={"Content-Security-Policy": _CSP})
