"""Alert rules of a file of their own, written as in documents, to be tried on SLOs that have others."""

from dataclasses import dataclass, replace
from pathlib import Path

from app.alerting import check_rule
from app.documents.native.checks import check_alerting
from app.documents.native.model import BRANCHES, AlertingModel
from app.documents.native.parts import policies_of
from app.documents.native.sli_model import DocumentPart
from app.slo import Alerting, BurnRateRule, Slo
from app.yamldoc.explain import Structure
from app.yamldoc.findings import ErrorFinding, Findings, Place
from app.yamldoc.read import add_errors, parse_text
from app.yamldoc.validate import validated

_KEYS = "alerting: with page: and ticket: below it, as in a document"


class ProposedRulesModel(DocumentPart):
    """A file of proposed rules."""

    alerting: AlertingModel
    """How SLOs would alert."""


_STRUCTURE = Structure(
    model=ProposedRulesModel,
    reference="docs/backtest.md",
    branches=BRANCHES,
    examples={"alerting": _KEYS, "long": "long: 1h", "short": "short: 5m"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedRules:
    """Rules to be tried, by the name under which they are compared with others."""

    name: str
    model: AlertingModel

    def alerting(self, slo: Slo) -> Alerting:
        """The alerting of an SLO with these rules; without those that its window or its objective has no use for."""
        policies = []
        for policy in policies_of(self.model, slo.window, slo.objective):
            rules = tuple(rule for rule in policy.rules if _useless(rule, slo) is None)
            if rules:
                policies.append(replace(policy, rules=rules))
        return replace(
            slo.alerting, policies=tuple(policies), no_data=self.model.no_data, no_data_for=self.model.no_data_for
        )

    def left_out(self, slo: Slo) -> tuple[str, ...]:
        """Why an SLO has no use for which of the rules."""
        policies = policies_of(self.model, slo.window, slo.objective)
        problems = (_useless(rule, slo) for policy in policies for rule in policy.rules)
        return tuple(problem for problem in problems if problem is not None)


def _useless(rule: BurnRateRule, slo: Slo) -> str | None:
    if rule.long > slo.window.nominal:
        return f"the long window of {rule.name} is longer than the SLO window"
    refusal = check_rule(rule, slo.objective)
    return None if refusal is None else refusal[0]


def read_proposed_rules(text: str, file: Path, *, name: str) -> ProposedRules | tuple[ErrorFinding, ...]:
    """The rules in the text of a file, or everything that is wrong with it."""
    findings = Findings()
    content = parse_text(text, file, findings, keys=_KEYS)
    if not content.documents and not findings.errors:
        findings.error(Place(file=file, line=1, column=1), "holds no rules", f"write {_KEYS}")
    for document in content.documents[1:]:
        findings.error(document.place(()), "is a second document", "write one document")
    for document in content.documents[:1]:
        model = validated(ProposedRulesModel, document.root, _STRUCTURE, document, findings)
        if model is None:
            break
        add_errors(list(check_alerting(model.alerting)), document, findings)
        if not findings.errors:
            return ProposedRules(name=name, model=model.alerting)
    return findings.errors
