"""Documents of Sloth load with the ids, labels and rules that Sloth's own rules have."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from app.documents import Defaults, LoadResult, load_documents
from app.documents.importing.rules import RULE_LEFT_OUT, RULE_RAISED
from app.promql.buckets import bound_text
from app.sli import sli_of
from app.slo import RollingWindow, Severity, Slo

_FIXTURES = Path(__file__).parent / "fixtures"
_CATALOGUE = """
---
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 7d
  page:
    quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 1d}
    slow: {errorBudgetPercent: 42, shortWindow: 6h, longWindow: 3d}
"""


def _slos(*names: str) -> dict[str, Slo]:
    result = load_documents(*(_FIXTURES / name for name in names))
    assert result.errors == ()
    return {str(slo.id): slo for slo in result.slos}


def _with_catalogue(folder: Path, *, window: timedelta, objective: str = "99.9") -> LoadResult:
    file = folder / "slos.yaml"
    text = (_FIXTURES / "file-good.yaml").read_text().replace("objective: 99.9", f"objective: {objective}")
    file.write_text(text + _CATALOGUE)
    return load_documents(file, defaults=Defaults.of(window))


def _factors(slo: Slo, severity: Severity) -> dict[str, float]:
    policy = slo.alerting.policy(severity)
    assert policy is not None
    return {rule.name: round(rule.factor, 6) for rule in policy.rules}


def test_ids_labels_and_severities_are_those_of_sloths_rules() -> None:
    slo = _slos("file-good.yaml")["checkout-availability"]
    page, ticket = slo.alerting.policies
    own = {"sloth_id": "checkout-availability", "sloth_service": "checkout", "sloth_slo": "availability"}
    assert dict(slo.labels) == {"team": "payments", "critical": "true", "tier": "1", **own}
    assert dict(slo.alert_labels) == {**dict(slo.labels), "category": "availability"}
    assert dict(page.labels) == {"sloth_severity": "page", "severity": "critical"}
    assert dict(ticket.labels) == {"sloth_severity": "ticket", "severity": "slack", "channel": "#checkout"}
    assert slo.alerting.name == "CheckoutErrors"
    assert dict(slo.alerting.annotations) == {"runbook_url": "https://runbooks.example/checkout"}
    assert dict(ticket.annotations) == {"title": "{{ labels.sloth_service }} burns slowly"}


def test_windows_and_rules_are_those_of_sloth() -> None:
    slo = _slos("file-good.yaml")["checkout-availability"]
    assert slo.window == RollingWindow(timedelta(days=30))
    assert slo.objective == pytest.approx(0.999)
    assert _factors(slo, Severity.PAGE) == {"1h/5m": 14.4, "6h/30m": 6.0}
    assert _factors(slo, Severity.TICKET) == {"1d/2h": 3.0, "3d/6h": 1.0}


def test_events_and_raw_ratios_are_counted() -> None:
    slos = _slos("file-good.yaml")
    errors = 'http_requests_total{job="checkout",code=~"5.."}'
    assert slos["checkout-availability"].sli == sli_of(total='http_requests_total{job="checkout"}', bad=errors)
    latency = slos["checkout-latency"]
    assert [bound_text(bucket) for bucket in latency.sli.buckets] == ['le="0.25"']
    assert latency.alerting.policies == ()


def test_the_custom_resource_says_the_same_in_camel_case() -> None:
    assert _slos("resource-good.yaml") == _slos("file-good.yaml")


def test_the_default_window_is_that_of_all_slos() -> None:
    result = load_documents(_FIXTURES / "file-good.yaml", defaults=Defaults.of(timedelta(days=28)))
    assert {str(slo.window) for slo in result.slos} == {"28d"}


def test_a_catalogue_for_the_window_replaces_the_rules(tmp_path: Path) -> None:
    """42% within 3 of 7 days is a factor of 0.98, which would fire while the objective is met: it is 1, and said."""
    result = _with_catalogue(tmp_path, window=timedelta(days=7))
    slo = next(slo for slo in result.slos if slo.alerting.policies)
    assert _factors(slo, Severity.PAGE) == {"1h/5m": 13.44, "6h/30m": 3.5}
    assert _factors(slo, Severity.TICKET) == {"1d/2h": 1.4, "3d/6h": 1.0}
    assert [warning.code for warning in result.warnings] == [RULE_RAISED]


def test_a_rule_that_no_outage_reaches_is_left_out_and_said(tmp_path: Path) -> None:
    result = _with_catalogue(tmp_path, window=timedelta(days=7), objective="90")
    slo = next(slo for slo in result.slos if slo.name == "availability")
    assert _factors(slo, Severity.PAGE) == {"6h/30m": 3.5}
    assert RULE_LEFT_OUT in {warning.code for warning in result.warnings}


def test_a_catalogue_for_another_window_is_a_warning(tmp_path: Path) -> None:
    result = _with_catalogue(tmp_path, window=timedelta(days=30))
    slo = next(slo for slo in result.slos if slo.alerting.policies)
    assert _factors(slo, Severity.PAGE) == {"1h/5m": 14.4, "6h/30m": 6.0}
    (warning,) = result.warnings
    assert (warning.field, "7d" in warning.remedy) == ("spec.sloPeriod", True)


_ERRORS = 'sum(rate(a_total{code="500"}[{{.window}}]))'


@pytest.mark.parametrize(
    ("text", "errors", "misspelt"),
    [
        ("{{service: shop, slos: [{slo}]}}", ["version"], []),
        (
            "{{apiVersion: sloth.slok.dev/v1, kind: PrometheusServiceLevel, spec: {{service: shop, slos: [{slo}]}}}}",
            ["spec.slos[0].sli.events.errorQuery", "spec.slos[0].sli.events.totalQuery"],
            ["spec.slos[0].sli.events.error_query", "spec.slos[0].sli.events.total_query"],
        ),
    ],
    ids=["without a version", "a resource with the keys of a file"],
)
def test_a_document_that_sloth_would_not_read_either_is_named_as_its_own(
    text: str, errors: list[str], misspelt: list[str], tmp_path: Path
) -> None:
    events = f"{{error_query: '{_ERRORS}', total_query: 'sum(rate(a_total[{{{{.window}}}}]))'}}"
    slo = f"{{name: a, objective: 99, sli: {{events: {events}}}, alerting: {{name: A}}}}"
    file = tmp_path / "slo.yaml"
    file.write_text(text.format(slo=slo))
    result = load_documents(file)
    assert [error.field for error in result.errors] == errors
    assert [warning.field for warning in result.warnings if warning.code == "unknown_key"] == misspelt


@pytest.mark.parametrize(
    ("query", "sli", "code"),
    [
        ('job:errors:ratio_rate{{ .window }}{job="a"}', 'job:errors:ratio_rate5m{job="a"}', "evaluated"),
        (r"sum(rate(a_total{code=~`5\d\d`}[${__range}])) / sum(rate(a_total[{{.window}}]))", "a_total", None),
    ],
    ids=["a recorded series for each window", "a string in backticks"],
)
def test_the_window_in_a_name_and_strings_in_backticks_are_read(
    query: str, sli: str, code: str | None, tmp_path: Path
) -> None:
    slo = {"name": "a", "objective": 99, "sli": {"raw": {"error_ratio_query": query}}, "alerting": {"name": "A"}}
    file = tmp_path / "slo.yaml"
    file.write_text(json.dumps({"version": "prometheus/v1", "service": "shop", "slos": [slo]}))
    result = load_documents(file)
    assert [slo.sli.query for slo in result.slos] == [sli]
    assert {found.code for found in (*result.errors, *result.warnings)} == {code} - {None}


def test_everything_that_is_wrong_or_ignored_is_said() -> None:
    """The findings are those that were reviewed; UPDATE_GOLDEN=1 writes them again."""
    file = _FIXTURES / "file-bad.yaml"
    result = load_documents(file)
    lines = [str(found).replace(f"{_FIXTURES}{os.sep}", "") for found in (*result.errors, *result.warnings)]
    golden = file.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text("".join(f"{line}\n" for line in lines))
    assert "".join(f"{line}\n" for line in lines) == golden.read_text()
