"""What loads, and is probably not meant."""

from collections.abc import Iterator
from datetime import timedelta

from app.documents.native.model import SloEntry
from app.slo import Severity, Slo
from app.yamldoc.findings import FieldFinding

# An alert takes an evaluation interval or two: in less time than this the budget is gone before anyone can act.
_SHORTEST_OUTAGE = timedelta(minutes=1)


def lint_slo(model: SloEntry, slo: Slo) -> Iterator[FieldFinding]:
    """Everything about a sound SLO that its author should look at again."""
    yield from model.sli.warnings()
    yield from _lint_budget(slo)
    yield from _lint_policies(model, slo)


def _lint_budget(slo: Slo) -> Iterator[FieldFinding]:
    outage = slo.window.nominal * slo.error_budget
    if outage < _SHORTEST_OUTAGE:
        problem = f"a total outage of {outage.total_seconds():.2g} s spends the whole error budget, before any alert"
        yield FieldFinding(("objective",), problem, "write a lower objective or a longer window")


def _lint_policies(model: SloEntry, slo: Slo) -> Iterator[FieldFinding]:
    wanted = {Severity.PAGE: model.alerting.page, Severity.TICKET: model.alerting.ticket}
    for severity, policy in wanted.items():
        if policy is not None and slo.alerting.policy(severity) is None:
            problem = (
                f"no usual tier suits an objective of {slo.objective * 100:.10g}% over {slo.window}: it never fires"
            )
            yield FieldFinding(("alerting", str(severity)), problem, f"write tiers, or {severity}: off")
