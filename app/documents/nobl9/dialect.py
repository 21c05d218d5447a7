"""Documents of Nobl9: alert policies first, then the SLOs that name them."""

from collections import defaultdict
from collections.abc import Sequence

from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.parts import read_part
from app.documents.importing.scope import Scope
from app.documents.nobl9.alerting import Policy, policy_of
from app.documents.nobl9.model import (
    MODELS,
    OTHERS,
    AdjustmentObject,
    AnnotationObject,
    ObjectModel,
    PolicyObject,
    SloObject,
    structure,
)
from app.documents.nobl9.slos import Key, SloReader, id_of_objective
from app.yamldoc.document import Document
from app.yamldoc.findings import Findings

_GROUP, _API_VERSION = "n9/", "n9/v1alpha"


class Nobl9Dialect:
    """Documents of Nobl9."""

    name = "Nobl9"
    has_windows = True

    def recognises(self, document: Document) -> bool:
        """Whether the document is of Nobl9's API."""
        return str(document.root.get("apiVersion", "")).startswith(_GROUP)

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs with the alert policies of their projects."""
        del defaults
        slos: list[tuple[SloObject, Scope]] = []
        policies: dict[Key, Policy | None] = {}
        projects: defaultdict[str, set[str]] = defaultdict(set)
        for document in documents:
            scope = Scope(document, findings)
            model = _model(scope)
            match model:
                case SloObject():
                    slos.append((model, scope))
                    projects[model.metadata.name].add(model.metadata.project)
                case PolicyObject():
                    _add_policy(model, scope, policies)
                case AnnotationObject():
                    scope.warning("is not shown: Sloburn has no annotations", "remove it", "annotation")
                case AdjustmentObject():
                    problem = "adjusts no budget: the events of that time count as all others"
                    scope.warning(problem, "compare budgets with that in mind", "budget_adjustment")
                case _:
                    pass
        ids = {
            (model.metadata.project, model.metadata.name, objective.name): id_of_objective(
                model, i, projects[model.metadata.name]
            )
            for model, _ in slos
            for i, objective in enumerate(model.spec.objectives)
        }
        return [
            slo
            for model, scope in slos
            for slo in SloReader(model, scope, policies, frozenset(projects[model.metadata.name]), ids).slos()
        ]


def _model(scope: Scope) -> ObjectModel | None:
    root = scope.document.root
    if root["apiVersion"] != _API_VERSION:
        scope.below("apiVersion").error(f"{root['apiVersion']} is not known", f"write {_API_VERSION}")
        return None
    kind = str(root.get("kind", ""))
    if kind in OTHERS:
        scope.below("kind").warning(f"{kind} is ignored", "remove the document", "kind_ignored")
        return None
    if kind not in MODELS:
        scope.below("kind").error(f"{kind!r} is not a kind of Nobl9", f"write one of {', '.join(MODELS)}")
        return None
    return read_part(MODELS[kind], root, structure(MODELS[kind]), scope, {})


def _add_policy(model: PolicyObject, scope: Scope, policies: dict[Key, Policy | None]) -> None:
    key = (model.metadata.project, model.metadata.name)
    named = scope.below("metadata", "name")
    if key in policies:
        named.error(f"the name {key[1]} is taken in the project {key[0]}", "write another name, or remove one of them")
        return
    policies[key] = policy_of(model.spec, scope.below("spec"))
