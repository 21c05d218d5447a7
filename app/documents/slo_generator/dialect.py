"""Documents of slo-generator to SLOs."""

from collections.abc import Iterator, Sequence

from app.alerting.policy import default_policies
from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.labels import alert_labels, merged_labels
from app.documents.importing.parts import read_part
from app.documents.importing.scope import Scope
from app.documents.slo_generator.model import IGNORED, OBJECTIVE, ObjectiveModel
from app.documents.slo_generator.slis import sli_of_method
from app.slo import Alerting, Slo, SloId, Window
from app.yamldoc.document import Document
from app.yamldoc.findings import Findings

_GROUP = "sre.google.com/"
_API_VERSION, _KIND = f"{_GROUP}v2", "ServiceLevelObjective"


class SloGeneratorDialect:
    """Documents of slo-generator."""

    name = "slo-generator"
    has_windows = False

    def recognises(self, document: Document) -> bool:
        """Whether the document is of slo-generator's API group."""
        return str(document.root.get("apiVersion", "")).startswith(_GROUP)

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs over the default window: slo-generator has windows in its own configuration."""
        return [slo for document in documents for slo in _read(Scope(document, findings), defaults.window)]


def _read(scope: Scope, window: Window) -> Iterator[PlacedSlo]:
    root = scope.document.root
    for key, wanted in (("apiVersion", _API_VERSION), ("kind", _KIND)):
        if root.get(key) != wanted:
            scope.below(key).error(f"{root.get(key, '')!r} is not known", f"write {wanted}")
            return
    model = read_part(ObjectiveModel, root, OBJECTIVE, scope, IGNORED)
    sli = None if model is None else sli_of_method(model.spec, scope.below("spec"))
    if model is None or sli is None:
        return
    metadata, named = model.metadata, scope.below("metadata", "name")
    slo = Slo(
        id=SloId(metadata.name),
        # The labels by which slo-generator's own exporters name services and SLOs.
        service=metadata.labels.get("service_name") or metadata.name,
        name=metadata.labels.get("slo_name") or metadata.name,
        objective=model.spec.goal,
        window=window,
        sli=sli,
        description=model.spec.description,
        labels=merged_labels(alert_labels(metadata.labels, scope.below("metadata", "labels"))),
        # Its error budget policies have one window for each alert, so they cannot be taken over as rules of two.
        alerting=Alerting(policies=default_policies(window, model.spec.goal)),
    )
    yield PlacedSlo(slo=slo, place=named.place, field=named.path)
