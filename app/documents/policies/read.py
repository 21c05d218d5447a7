"""From the text of a policy to the policy, or everything that is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from glob import escape

from pydantic import ValidationError

from app.documents.other_tools import tool_of
from app.documents.policies.model import (
    BRANCHES,
    EXAMPLES,
    MatchedPolicyEntry,
    PolicyEntry,
    PolicyFileModel,
    PolicyMatchModel,
    PolicyStateModel,
    RuleModel,
)
from app.policy import DEFAULT_POLICY, BudgetPolicy, Escalation, GateDecision, GateRule, PolicyState, PostmortemRule
from app.yamldoc.document import Document
from app.yamldoc.explain import Structure
from app.yamldoc.findings import FieldFinding, FieldPath, Findings, Place
from app.yamldoc.read import add_errors
from app.yamldoc.tree import Items
from app.yamldoc.validate import validated

# A file with any of these is a document of SLOs, or of another tool.
_OTHERS = ("apiVersion", "kind", "version", "slos", "service")
_FILE = Structure(
    model=PolicyFileModel,
    reference="docs/slo-format.md#policy",
    branches=BRANCHES,
    examples={**EXAMPLES, "name": "name: freeze", "policies": "policies: and a list of policies below it"},
    misplaced={
        "labels": "write it under match",
        **dict.fromkeys(("service", "services"), "write it under match, as service"),
        **dict.fromkeys(("slo", "slos"), "write it under match, as slo"),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPolicy:
    """A policy and where it is written."""

    policy: BudgetPolicy
    place: Place
    field: FieldPath


def is_policy_file(document: Document) -> bool:
    """Whether a document holds policies and no SLOs."""
    root = document.root
    return "policies" in root and not any(key in root for key in _OTHERS) and tool_of(root) is None


def read_policy_file(document: Document, findings: Findings) -> Iterator[PlacedPolicy]:
    """The sound policies of a file; what is wrong with the others goes to the *findings*."""
    policies = document.root.get("policies")
    if not isinstance(policies, Items) or not policies:
        validated(PolicyFileModel, document.root, _FILE, document, findings)
        return
    rest = {key: value for key, value in document.root.items() if key != "policies"}
    # The other keys with a list that is sound: each policy is checked by itself.
    if rest:
        validated(PolicyFileModel, {**rest, "policies": [{"name": "x"}]}, _FILE, document, findings)
    for number, node in enumerate(policies):
        path: FieldPath = ("policies", number)
        model = validated(MatchedPolicyEntry, node, _FILE, document, findings, under=path)
        if model is None:
            continue
        found = list(_check(model))
        add_errors(found, document, findings, under=path)
        if not found:
            policy = _policy(model, model.name, model.match)
            yield PlacedPolicy(policy=policy, place=document.place((*path, "name")), field=(*path, "name"))


def policy_of_document(document: Document, findings: Findings) -> PlacedPolicy | None:
    """The policy of a document of a service; None if it has none.

    What does not fit the structure was found by the dialect.
    """
    path: FieldPath = ("policy",)
    service = document.root.get("service")
    try:
        model = PolicyEntry.model_validate(document.root["policy"])
    except (KeyError, ValidationError):
        return None
    found = list(_check(model))
    add_errors(found, document, findings, under=path)
    if found or not isinstance(service, str):
        return None
    # The service is a name here, in which `*` is no pattern.
    policy = _policy(
        model, model.name or str(service), PolicyMatchModel.model_construct(service=(escape(str(service)),))
    )
    return PlacedPolicy(policy=policy, place=document.place(path, key=True), field=path)


def _check(model: PolicyEntry) -> Iterator[FieldFinding]:
    """Whether states follow each other, and rules name states that exist."""
    names = [state.name for state in model.states]
    for number, state in enumerate(model.states):
        path: FieldPath = ("states", number)
        if state.name in names[:number]:
            yield FieldFinding((*path, "name"), f"the name {state.name} is taken", "write another name")
        yield from _check_state(model, number, state, path)
    known = names or [state.name for state in DEFAULT_POLICY.states]
    for number, rule in enumerate(model.rules):
        for name in rule.state:
            if name not in known:
                problem, remedy = f"the policy has no state {name}", f"write one of {', '.join(known)}"
                yield FieldFinding(("rules", number, "state"), problem, remedy)


def _check_state(model: PolicyEntry, number: int, state: PolicyStateModel, path: FieldPath) -> Iterator[FieldFinding]:
    left = state.budget_left
    if number == 0:
        for key in ("budget_left", "leave_above", "minimum_stay"):
            if key in state.model_fields_set:
                problem = "the first state is the one of a healthy budget"
                yield FieldFinding((*path, key), problem, "remove it, or write a healthier state before")
        return
    if left is None:
        yield FieldFinding((*path, "budget_left"), "is missing", "write budget_left: 25%")
        return
    before = [other.budget_left for other in model.states[1:number] if other.budget_left is not None]
    if before and left >= min(before):
        problem = f"is not below that of the state before, {min(before) * 100:g}%"
        yield FieldFinding((*path, "budget_left"), problem, "write the states in order, the healthiest first")
    if state.leave_above is not None and state.leave_above < left:
        problem = f"is below budget_left, {left * 100:g}%"
        yield FieldFinding((*path, "leave_above"), problem, "write as much or more, such as 5 points more")


def _policy(model: PolicyEntry, name: str, match: PolicyMatchModel) -> BudgetPolicy:
    postmortem = model.postmortem
    return BudgetPolicy(
        name=name,
        states=tuple(map(_state, model.states)) or _USUAL_STATES,
        rules=tuple(map(_rule, model.rules)) if model.rules else DEFAULT_POLICY.rules,
        services=match.service,
        slos=match.slo,
        labels=tuple(sorted(match.labels.items())),
        owners=model.owners,
        escalation=None
        if model.escalation is None
        else Escalation(after=model.escalation.after, to=model.escalation.to),
        postmortem=PostmortemRule(incident_above=None, class_above=None)
        if postmortem is None
        else PostmortemRule(
            incident_above=postmortem.incident_above,
            class_above=postmortem.class_above,
            within=postmortem.within,
            class_label=postmortem.class_label,
            due_in=postmortem.due_in,
        ),
        dry_run=model.dry_run,
        description=model.description,
    )


# Who writes a policy wants to know when it freezes changes.
_USUAL_STATES = tuple(replace(state, notify=state.deploys is GateDecision.DENY) for state in DEFAULT_POLICY.states)


def _state(model: PolicyStateModel) -> PolicyState:
    return PolicyState(
        name=model.name,
        deploys=model.deploys,
        budget_left=model.budget_left,
        leave_above=model.leave_above,
        minimum_stay=model.minimum_stay,
        notify=model.notify,
        description=model.description,
    )


def _rule(model: RuleModel) -> GateRule:
    return GateRule(
        name=model.name,
        decision=model.decision,
        changes=model.change,
        environments=model.environment,
        states=frozenset(model.state),
        labels=tuple(sorted(model.labels.items())),
        alerting=frozenset(model.alerting),
        dry_run=model.dry_run,
    )
