"""Documents of OpenSLO: the objects of all of them first, then the SLOs with what they refer to."""

import re
from collections.abc import Callable, Mapping, Sequence

from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.parts import read_part, read_rest
from app.documents.importing.scope import Scope
from app.documents.openslo import v1, v1alpha
from app.documents.openslo.alerting import check_targets, condition_of
from app.documents.openslo.model import MODELS, V2_MODELS, ObjectModel, structure
from app.documents.openslo.objects import Objects
from app.documents.openslo.slis import indicator_problem
from app.documents.openslo.slos import SloReader
from app.yamldoc.document import Document
from app.yamldoc.findings import Findings

# The specification has both: v1 is `openslo/v1`, v2alpha is `openslo.com/v2alpha`.
_GROUPS = ("openslo/", "openslo.com/")
# RFC 1123, as the specification asks; the official examples have other names, so they are warnings.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_Gather = Callable[[ObjectModel, Scope, Objects], None]
# By version: the models of its kinds, and what adds an object of it to those of all documents.
_VERSIONS: Mapping[str, tuple[Mapping[str, type[ObjectModel]], _Gather]] = {
    "v1": (MODELS, v1.gather),
    "v1alpha": (v1alpha.MODELS, v1alpha.gather),
    "v2alpha": (V2_MODELS, v1.gather),
}


class OpenSloDialect:
    """Documents of OpenSLO."""

    name = "OpenSLO"
    has_windows = True

    def recognises(self, document: Document) -> bool:
        """Whether the document has a version of OpenSLO."""
        return str(document.root.get("apiVersion", "")).startswith(_GROUPS)

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs; each version refers to objects of its own."""
        # An object of one version is none of another: a v1alpha SLO never refers to a v1 SLI.
        by_version: dict[str, Objects] = {}
        for document in documents:
            version = str(document.root["apiVersion"]).partition("/")[2]
            _gather(version, Scope(document, findings), by_version.setdefault(version, Objects()))
        return [slo for objects in by_version.values() for slo in _slos(objects, defaults)]


def _gather(version: str, scope: Scope, objects: Objects) -> None:
    if version not in _VERSIONS:
        versions = ", ".join(f"openslo/{known}" for known in _VERSIONS)
        scope.below("apiVersion").error(f"the version {version} is not known", f"write one of {versions}")
        return
    models, gather = _VERSIONS[version]
    kind = str(scope.document.root.get("kind", ""))
    if kind not in models:
        remedy = f"write one of {', '.join(models)}" if kind not in MODELS else "write apiVersion: openslo/v1"
        scope.below("kind").error(f"{version} has no kind {kind!r}", remedy)
        return
    root, of_kind = scope.document.root, structure(models[kind])
    model = read_part(models[kind], root, of_kind, scope, {})
    if model is None:
        metadata = root.get("metadata")
        if isinstance(metadata, dict):
            objects.unusable.add((kind, str(metadata.get("name", ""))))
        rest = read_rest(models[kind], root, of_kind, scope, {})
        if rest is not None:
            left = Objects()
            gather(*rest, left)
            objects.faulty_slos += left.slos
        return
    if not _NAME.fullmatch(model.metadata.name):
        problem = f"{model.metadata.name!r} is not a DNS label"
        remedy = "write lower-case letters, digits and `-`: checkout-availability"
        scope.below("metadata", "name").warning(problem, remedy, "name")
    gather(model, scope, objects)


def _slos(objects: Objects, defaults: Defaults) -> list[PlacedSlo]:
    for policy in objects.policies.values():
        condition_of(policy, objects)
    for indicator in objects.indicators.values():
        problem = indicator_problem(indicator)
        if problem is not None:
            indicator.scope.error(*problem)
    for one in objects.faulty_slos:
        # For the faults of what is left of it.
        list(SloReader(one, objects, defaults, is_faulty=True).slos())
    slos = [slo for one in objects.slos for slo in SloReader(one, objects, defaults).slos()]
    for name, policy in objects.policies.items():
        check_targets(policy, objects, of_whole_slo=name in objects.used_policies)
    return slos
