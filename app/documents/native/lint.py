"""What loads, and is probably not meant, by the keys of the document; `app.documents.lint` looks at the SLOs."""

from collections.abc import Iterator

from app.documents.lint.names import GROUP_OF_ONE, SEVERITY_NEVER_FIRES
from app.documents.native.checks import is_fixed
from app.documents.native.model import SloEntry
from app.slo import Severity, Slo, format_percent
from app.yamldoc.findings import FieldFinding


def lint_slo(model: SloEntry, slo: Slo) -> Iterator[FieldFinding]:
    """Everything about a sound SLO that its author should look at again."""
    yield from model.sli.warnings()
    yield from _lint_groups(model, slo)
    yield from _lint_policies(model, slo)


def _lint_groups(model: SloEntry, slo: Slo) -> Iterator[FieldFinding]:
    totals = [term.selector for term in slo.sli.terms if term.weights.total > 0]
    for i, label in enumerate(model.by):
        if totals and all(is_fixed(total, label) for total in totals):
            problem = f"{label} has one value only, since total asks for it"
            yield FieldFinding(("by", i), problem, "remove it from by, or its matcher from total", GROUP_OF_ONE)


def _lint_policies(model: SloEntry, slo: Slo) -> Iterator[FieldFinding]:
    wanted = {Severity.PAGE: model.alerting.page, Severity.TICKET: model.alerting.ticket}
    for severity, policy in wanted.items():
        if policy is not None and slo.alerting.policy(severity) is None:
            problem = (
                f"no usual tier suits an objective of {format_percent(slo.objective)} over {slo.window}: it never fires"
            )
            remedy = f"write tiers, or {severity}: off"
            yield FieldFinding(("alerting", str(severity)), problem, remedy, SEVERITY_NEVER_FIRES)
