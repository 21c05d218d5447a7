"""The pager: a webhook receiver of Alertmanager that prints the notifications which would reach a pager."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from html import escape as escape_html

from fastapi import FastAPI
from pydantic import BaseModel, Field
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from starlette.responses import HTMLResponse

_MOST_SHOWN = 20
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Demo pager</title><h1>The demo pager</h1><p>The newest notifications:</p>"""


class Alert(BaseModel):
    """One alert of a notification; the rest of what Alertmanager sends is not needed here."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    link: str = Field("", alias="generatorURL")


class Notification(BaseModel):
    """What Alertmanager posts to a webhook.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """

    alerts: list[Alert]


def create_pager(console: Console) -> FastAPI:
    """The pager as an ASGI application that prints on *console*."""
    app = FastAPI(title="Demo pager", docs_url=None, redoc_url=None)
    received: deque[str] = deque(maxlen=_MOST_SHOWN)

    @app.post("/notify")
    async def notify(notification: Notification) -> dict[str, int]:
        for alert in notification.alerts:
            at = datetime.now().astimezone()
            console.print(_panel(alert, at=at))
            told = escape_html(f"{at:%H:%M:%S} {_title(alert)}: {alert.annotations.get('summary', '')}")
            link = escape_html(alert.link)
            received.appendleft(f'<li>{told} <a href="{link}">{link}</a></li>' if link else f"<li>{told}</li>")
        return {"printed": len(notification.alerts)}

    @app.get("/", include_in_schema=False)
    async def overview() -> HTMLResponse:
        return HTMLResponse(f"{_HEAD}<ul>{''.join(received)}</ul>" if received else f"{_HEAD}<p>None so far.</p>")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _panel(alert: Alert, *, at: datetime) -> Panel:
    resolved, is_page = alert.status == "resolved", alert.labels.get("severity") == "page"
    colour = "green" if resolved else "red" if is_page else "yellow"
    text = _text(alert.annotations, alert.link)
    return Panel(text, title=f"[bold]{escape(_title(alert))}", subtitle=f"{at:%H:%M:%S}", border_style=colour)


def _title(alert: Alert) -> str:
    severity = alert.labels.get("severity", "alert").upper()
    subject = alert.labels.get("slo", alert.labels.get("alertname", ""))
    return f"{'RESOLVED ' if alert.status == 'resolved' else ''}{severity} {subject}"


def _text(annotations: Mapping[str, str], link: str) -> str:
    details = [*(annotations.get(name, "") for name in ("description", "runbook_url", "dashboard")), link]
    lines = [f"[bold]{escape(annotations.get('summary', ''))}[/]", *(escape(detail) for detail in details if detail)]
    return "\n".join(lines)
