"""The keys of a native document, and what to write instead of common mistakes."""

from app.documents.native.model import BRANCHES, DocumentModel
from app.documents.policies.model import EXAMPLES as POLICY_EXAMPLES
from app.yamldoc.explain import Structure
from app.yamldoc.tree import NumberText, table_of

_EXAMPLES = {
    "service": "service: checkout",
    "slos": "slos: and a list of objectives below it",
    "name": "name: availability",
    "objective": "objective: 99.9",
    "window": "window: 30d",
    "contract": "contract: 99.5",
    "sli": "sli: {total: <counter of all events>, bad: <counter of the bad ones>}",
    "total": 'total: http_requests_total{job="checkout"}',
    "bad": 'bad: http_requests_total{job="checkout",code=~"5.."}, or good: and the good ones',
    "good": 'good: http_requests_total{job="checkout",code!~"5.."}',
    "length": "length: 5m",
    "gauge": 'gauge: up{job="checkout"}',
    "histogram": "histogram: http_request_duration_seconds",
    "threshold": "threshold: 300ms",
    "calendar": "calendar: month",
    "long": "long: 1h",
    "short": "short: 5m",
    **POLICY_EXAMPLES,
}

_MISPLACED = {
    "runbook_url": "write it under alerting.annotations",
    "dashboard": "write it under alerting.annotations",
    "owner": "write it under labels",
    "team": "write it under labels",
    "target": "did you mean `objective`?",
    "goal": "did you mean `objective`?",
}

NATIVE = Structure(
    model=DocumentModel,
    reference="docs/slo-format.md",
    branches=BRANCHES,
    examples=_EXAMPLES,
    misplaced=_MISPLACED,
    combinations="write total with bad, or total with good, or histogram with threshold, or gauge with good_when, "
    "or one of bad_ratio, good_ratio and expression, or one of all_of, worst_of, weighted and sum_of",
    usual={
        "name": "slo",
        "objective": NumberText("99.9"),
        "window": "30d",
        "sli": table_of(total="a_total", bad="b_total"),
    },
)
