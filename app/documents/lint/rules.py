"""Rules about SLOs, for documents of every tool."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from app.documents.lint.names import (
    NO_RUNBOOK,
    OUTAGE_SPENDS_BUDGET,
    SLA_ABOVE_OBJECTIVE,
    SLA_WITHOUT_BUFFER,
    UNSET_VARIABLE,
)
from app.promql.evaluable import selectors_in
from app.promql.selector_text import render
from app.sli import Expression, TimeSlices
from app.slo import Selector, Severity, Sli, Slo, SloId, format_percent
from app.yamldoc.findings import FieldFinding, Findings, Place, WarningFinding

# An alert takes an evaluation interval or two: in less time than this the budget is gone before anyone can act.
_SHORTEST_OUTAGE = timedelta(minutes=1)
# As people name them; templates of receivers show `runbook_url`.
_RUNBOOKS = ("runbook", "playbook")
# `$namespace` of Grafana and `${NAMESPACE}` of Flux or envsubst; the `$` of a regular expression ends its value.
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?")


def lint(slos: Sequence[Slo], places: Mapping[SloId, Place]) -> tuple[WarningFinding, ...]:
    """Everything about sound SLOs that their author should look at again, at the place where each is named."""
    findings = Findings()
    for slo in slos:
        for one in (*_of_runbook(slo), *_of_budget(slo), *_of_sla(slo), *_of_variables(slo)):
            findings.warning(places[slo.id], one.problem, one.remedy, code=one.code, subject=slo.id)
    return findings.warnings


def _of_runbook(slo: Slo) -> Iterator[FieldFinding]:
    page = slo.alerting.policy(Severity.PAGE)
    if page is None:
        return
    names = [name for name, _ in (*slo.alerting.annotations, *page.annotations)]
    if not any(word in name.lower() for name in names for word in _RUNBOOKS):
        problem = "its page has no runbook: the engineer who is paged does not learn what to do"
        yield FieldFinding((), problem, "write the annotation runbook_url", NO_RUNBOOK)


def _of_budget(slo: Slo) -> Iterator[FieldFinding]:
    outage = slo.window.nominal * slo.error_budget
    if outage < _SHORTEST_OUTAGE:
        problem = f"a total outage of {outage.total_seconds():.2g} s spends the whole error budget, before any alert"
        yield FieldFinding((), problem, "write a lower objective or a longer window", OUTAGE_SPENDS_BUDGET)


def _of_variables(slo: Slo) -> Iterator[FieldFinding]:
    matchers = (matcher for selector in _selectors(slo.sli) for matcher in selector.matchers)
    first = next((matcher for matcher in matchers if _VARIABLE.search(matcher.value)), None)
    if first is not None:
        problem = (
            f"{render(Selector((first,)))} has a variable that nothing has replaced: series are compared with its name"
        )
        yield FieldFinding((), problem, "render the file first, or write the value", UNSET_VARIABLE)


def _selectors(sli: Sli) -> Iterable[Selector]:
    match sli:
        case TimeSlices():
            return _selectors(sli.of)
        case Expression():
            return selectors_in(sli.expression)
        case _:
            return (*(term.selector for term in sli.terms), *sli.queries)


def _of_sla(slo: Slo) -> Iterator[FieldFinding]:
    buffer = 1.0 if slo.sla is None else slo.sla.buffer(slo.objective)
    if slo.sla is None or buffer > 0:
        return
    contract = format_percent(slo.sla.contract)
    if buffer < 0:
        problem = f"its SLA promises {contract} and its objective less: the contract is broken while the SLO is met"
        yield FieldFinding((), problem, f"write an objective above {contract}", SLA_ABOVE_OBJECTIVE)
    else:
        problem = f"its SLA promises {contract}, as its objective does: the contract is broken once the budget is spent"
        yield FieldFinding((), problem, f"write an objective above {contract}", SLA_WITHOUT_BUFFER)
