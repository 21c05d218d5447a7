"""Documents of Nobl9: alert policies first, then the SLOs that name them."""

from collections import defaultdict
from collections.abc import Sequence

from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.parts import read_part, read_rest
from app.documents.importing.scope import Scope
from app.documents.lint.names import KIND_IGNORED
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
        slos: list[tuple[SloObject, Scope, bool]] = []
        policies: dict[Key, Policy | None] = {}
        projects: defaultdict[str, set[str]] = defaultdict(set)
        for document in documents:
            model, scope, is_sound = _model(Scope(document, findings))
            match model:
                case SloObject():
                    slos.append((model, scope, is_sound))
                    projects[model.metadata.name].add(model.metadata.project)
                case PolicyObject():
                    _add_policy(model, scope, policies, is_sound=is_sound)
                case AnnotationObject():
                    problem = "is not shown: changes and notes are sent to the running service, not kept in documents"
                    scope.warning(problem, "send it once to /api/v1/events (docs/timeline.md)", "annotation")
                case AdjustmentObject():
                    problem = "adjusts no budget: adjustments are made in the running service, not in documents"
                    remedy = "make it once with `sloburn adjust add`, which has --start, --end, --rrule and --slo"
                    scope.warning(problem, remedy, "budget_adjustment")
                case _:
                    pass
        ids = {
            (model.metadata.project, model.metadata.name, objective.name): id_of_objective(
                model, i, projects[model.metadata.name]
            )
            for model, _, _ in slos
            for i, objective in enumerate(model.spec.objectives)
        }
        placed: list[PlacedSlo] = []
        for model, scope, is_sound in slos:
            reader = SloReader(model, scope, policies, frozenset(projects[model.metadata.name]), ids)
            # One that is not sound is read as well, for the faults of what is left of it.
            found = list(reader.slos())
            placed += found if is_sound else []
        return placed


def _model(scope: Scope) -> tuple[ObjectModel | None, Scope, bool]:
    """The object and where its findings go; if it has faults, what is left of it, and that it is not sound."""
    root = scope.document.root
    kind = str(root.get("kind", ""))
    if root["apiVersion"] != _API_VERSION:
        scope.below("apiVersion").error(f"{root['apiVersion']} is not known", f"write {_API_VERSION}")
    elif kind in OTHERS:
        scope.below("kind").warning(f"{kind} is ignored", "remove the document", KIND_IGNORED)
    elif kind not in MODELS:
        scope.below("kind").error(f"{kind!r} is not a kind of Nobl9", f"write one of {', '.join(MODELS)}")
    else:
        of_kind = structure(MODELS[kind])
        model = read_part(MODELS[kind], root, of_kind, scope, {})
        if model is not None:
            return model, scope, True
        rest = read_rest(MODELS[kind], root, of_kind, scope, {})
        return (None, scope, False) if rest is None else (*rest, False)
    return None, scope, False


def _add_policy(model: PolicyObject, scope: Scope, policies: dict[Key, Policy | None], *, is_sound: bool) -> None:
    key = (model.metadata.project, model.metadata.name)
    named = scope.below("metadata", "name")
    if key in policies:
        named.error(f"the name {key[1]} is taken in the project {key[0]}", "write another name, or remove one of them")
        return
    policy = policy_of(model.spec, scope.below("spec"))
    policies[key] = policy if is_sound else None
