"""Changes as JSON values; NaN stays NaN here and is written as null."""

from datetime import datetime

from app.api.responses import utc
from app.api.timeline.models import ChangeCostModel, ChangeModel
from app.changes import Change, change_title
from app.slo import SloId
from app.status import BudgetCost
from app.wording.links import change_page


def change_document(change: Change, *, external_url: str) -> ChangeModel:
    """One change."""
    return {
        "id": change.id,
        "url": change_page(external_url, change.id),
        "source": change.source,
        "kind": change.kind,
        "service": change.service,
        "environment": change.environment,
        "version": change.version,
        "previous_version": change.previous_version,
        "started_at": utc(change.started_at),
        "finished_at": utc(change.finished_at),
        "status": change.status,
        "title": change_title(change),
        "description": change.title,
        "link": change.url,
        "actor": change.actor,
        "labels": dict(change.labels),
    }


def cost_document(slo: SloId, start: datetime, end: datetime, cost: BudgetCost, *, over: bool) -> ChangeCostModel:
    """What a change cost one SLO."""
    return {
        "slo": slo,
        "from": utc(start),
        "to": utc(end),
        "budget_before": cost.before,
        "budget_after": cost.after,
        "spent_ratio": cost.spent,
        "usual_ratio": cost.usual,
        "over": over,
    }
