"""The pager sink: takes Alertmanager's webhooks and prints what would have reached somebody's pager."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import FastAPI
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel


class Alert(BaseModel):
    """One alert of a notification; the rest of what Alertmanager sends is not needed here."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Notification(BaseModel):
    """What Alertmanager posts to a webhook.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """

    alerts: list[Alert]


def create_pager(console: Console) -> FastAPI:
    """The pager as an ASGI application that prints on *console*."""
    app = FastAPI(title="Demo pager")

    @app.post("/notify")
    async def notify(notification: Notification) -> dict[str, int]:
        for alert in notification.alerts:
            console.print(_panel(alert, at=datetime.now().astimezone()))
        return {"printed": len(notification.alerts)}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _panel(alert: Alert, *, at: datetime) -> Panel:
    severity = alert.labels.get("severity", "alert").upper()
    subject = alert.labels.get("slo", alert.labels.get("alertname", ""))
    resolved = alert.status == "resolved"
    title = f"{'RESOLVED ' if resolved else ''}{severity} {subject}"
    colour = "green" if resolved else {"PAGE": "red"}.get(severity, "yellow")
    text = _text(alert.annotations)
    return Panel(text, title=f"[bold]{escape(title)}", subtitle=f"{at:%H:%M:%S}", border_style=colour)


def _text(annotations: Mapping[str, str]) -> str:
    details = [annotations.get(name, "") for name in ("description", "runbook_url", "dashboard")]
    lines = [f"[bold]{escape(annotations.get('summary', ''))}[/]", *(escape(detail) for detail in details if detail)]
    return "\n".join(lines)
