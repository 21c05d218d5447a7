"""Files of incidents and of proposed rules: what is read, and what is said of mistakes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.documents import ProposedRules, read_proposed_rules
from app.replay import LabelledIncident, read_incidents
from app.replay.incidents.files import incidents_of_no_slo
from app.slo import Severity, SloId
from app.yamldoc import ErrorFinding
from tests.support.snapshots import an_slo

CSV = """\
start,end,slo,service,noise
2026-03-02T10:00:00Z,2026-03-02T11:20:00+01:00,checkout-availability,,
1772600000,1772600600,,checkout,true
"""
YAML = """\
- {start: 2026-03-02T10:00:00Z, end: "2026-03-02T11:20:00+01:00", slo: checkout-availability}
- {start: 1772600000, end: 1772600600, service: checkout, noise: true}
"""


@pytest.mark.parametrize(("name", "text"), [("incidents.csv", CSV), ("incidents.yaml", YAML)])
def test_incidents_are_read_from_every_form(name: str, text: str) -> None:
    first, second = read_incidents(text, Path(name))
    assert isinstance(first, LabelledIncident)
    assert isinstance(second, LabelledIncident)
    assert first.incident.start == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert first.incident.end == datetime(2026, 3, 2, 10, 20, tzinfo=UTC)
    assert second.incident.is_noise
    assert first.concerns(SloId("checkout-availability:route=/pay"), "checkout")
    assert not first.concerns(SloId("checkout-latency"), "checkout")
    assert second.concerns(SloId("checkout-latency"), "checkout")


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("2026-03-02T10:00:00,2026-03-02T10:20:00Z,a,,", 2),
        ("2026-03-02T10:00:00Z,,a,,", 2),
        ("2026-03-02T10:00:00Z,2026-03-02T09:20:00Z,a,,", 2),
        ("2026-03-02T10:00:00Z,2026-03-02T10:20:00Z,a,b,", 2),
        ("2026-03-02T10:00:00Z,2026-03-02T10:20:00Z,a,,perhaps", 2),
        ("", 1),
    ],
)
def test_mistakes_in_incidents_are_said_with_their_line(row: str, line: int) -> None:
    (found,) = read_incidents(f"start,end,slo,service,noise\n{row}\n", Path("incidents.csv"))
    assert isinstance(found, ErrorFinding)
    assert found.line == line


def test_proposed_rules_are_those_of_documents() -> None:
    tiers = "[{long: 2h, short: 10m, factor: 10}, {long: 1h, short: 5m, factor: 2000}]"
    text = f"alerting: {{page: {{tiers: {tiers}}}, ticket: off}}"
    rules = read_proposed_rules(text, Path("fast.yaml"), name="fast")
    assert isinstance(rules, ProposedRules)
    (policy,) = rules.alerting(an_slo()).policies
    assert policy.severity is Severity.PAGE
    # At 99.9% a total outage burns at 1000.
    assert [rule.name for rule in policy.rules] == ["2h/10m"]
    assert policy.evidence is not None
    (left_out,) = rules.left_out(an_slo())
    assert "2000 of 1h/5m" in left_out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "page: {}",
        "alerting: {page: {tiers: [{long: 1h, short: 2h, factor: 10}]}}",
        "alerting: {page: {tiers: [{long: 1h, short: 5m}]}}",
        "alerting: {page: {tiers: [{long: 1h, short: 5m, factor: 0.5}]}}",
        "alerting: {page: {tiers: [{long: 1h, short: 5m, factor: 10, budget: 2%}]}}",
        "alerting: {evidence: off, min_bad_events: 3}",
    ],
)
def test_mistakes_in_proposed_rules_are_found(text: str) -> None:
    found = read_proposed_rules(text, Path("fast.yaml"), name="fast")
    assert not isinstance(found, ProposedRules)
    assert found


def test_incidents_of_no_slo_are_counted_by_what_they_name() -> None:
    rows = "".join(
        f"2026-03-01T10:00:00Z,2026-03-01T11:00:00Z,{slo},{service}\n"
        for slo, service in (("gone", ""), ("gone", ""), (str(an_slo().id), ""), ("", "nobody"), ("", an_slo().service))
    )
    found = read_incidents(f"start,end,slo,service\n{rows}", Path("incidents.csv"))
    labelled = [one for one in found if isinstance(one, LabelledIncident)]
    problems = incidents_of_no_slo(labelled, [an_slo()])
    assert {name: problem[-1] for name, problem in problems.items()} == {"gone": "2", "nobody": "1"}
