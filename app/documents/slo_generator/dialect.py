"""Documents of slo-generator to SLOs."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from app.alerting.policy import default_policies
from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.labels import alert_labels, merged_labels
from app.documents.importing.parts import slos_of_document
from app.documents.importing.scope import Scope
from app.documents.slo_generator.model import IGNORED, OBJECTIVE, V1, ObjectiveModel, V1Model
from app.documents.slo_generator.slis import Measurement, sli_of_measurement
from app.slo import Alerting, Labels, Slo, SloId, Window
from app.yamldoc.document import Document
from app.yamldoc.findings import Findings

_GROUP = "sre.google.com/"
_API_VERSION, _KIND = f"{_GROUP}v2", "ServiceLevelObjective"
# What a document of version 1 must have, by slo-generator's own migration; no other tool has all of these.
_V1_KEYS = frozenset({"service_name", "feature_name", "slo_name", "backend"})


class SloGeneratorDialect:
    """Documents of slo-generator."""

    name = "slo-generator"
    has_windows = False

    def recognises(self, document: Document) -> bool:
        """Whether the document is of slo-generator's API group, or has the keys of version 1."""
        return str(document.root.get("apiVersion", "")).startswith(_GROUP) or _is_v1(document)

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs over the default window: slo-generator has windows in its own configuration."""
        return [slo for document in documents for slo in _read(Scope(document, findings), defaults.window)]


def _is_v1(document: Document) -> bool:
    return "apiVersion" not in document.root and document.root.keys() >= _V1_KEYS


def _read(scope: Scope, window: Window) -> Iterator[PlacedSlo]:
    root = scope.document.root
    if _is_v1(scope.document):
        yield from slos_of_document(V1Model, V1, scope, IGNORED, partial(_of_v1, window=window))
        return
    for key, wanted in (("apiVersion", _API_VERSION), ("kind", _KIND)):
        if root.get(key) != wanted:
            scope.below(key).error(f"{root.get(key, '')!r} is not known", f"write {wanted}")
            return
    yield from slos_of_document(ObjectiveModel, OBJECTIVE, scope, IGNORED, partial(_of_v2, window=window))


def _of_v2(model: ObjectiveModel, scope: Scope, *, window: Window) -> Iterator[PlacedSlo]:
    spec, below, labels = model.spec, scope.below("spec"), model.metadata.labels
    measurement = Measurement(
        backend=(spec.backend, below.below("backend")),
        method=(spec.method, below.below("method")),
        indicator=spec.service_level_indicator,
        scope=below.below("service_level_indicator"),
    )
    # The labels by which slo-generator's own exporters name services and SLOs.
    names = labels.get("service_name") or model.metadata.name, labels.get("slo_name") or model.metadata.name
    of_slo = _OfSlo(SloId(model.metadata.name), *names, spec.goal, spec.description)
    of_labels = merged_labels(alert_labels(labels, scope.below("metadata", "labels")))
    yield from _slo(of_slo, of_labels, measurement, scope.below("metadata", "name"), window)


def _of_v1(model: V1Model, scope: Scope, *, window: Window) -> Iterator[PlacedSlo]:
    backend, below = model.backend, scope.below("backend")
    measurement = Measurement(
        backend=(backend.name, below.below("class")),
        method=(backend.method, below.below("method")),
        indicator=backend.measurement,
        scope=below.below("measurement"),
    )
    # As `slo-generator migrate` names it.
    names = {key: getattr(model, key) for key in ("service_name", "feature_name", "slo_name")}
    of_slo = _OfSlo(
        SloId("-".join(names.values())), model.service_name, model.slo_name, model.slo_target, model.slo_description
    )
    labels = merged_labels(alert_labels(model.metadata, scope.below("metadata")), names)
    yield from _slo(of_slo, labels, measurement, scope.below("slo_name"), window)


class _OfSlo(NamedTuple):
    """What a document of any version says of an SLO beside its labels and what it counts."""

    id: SloId
    service: str
    name: str
    objective: float
    description: str


def _slo(given: _OfSlo, labels: Labels, measurement: Measurement, named: Scope, window: Window) -> Iterator[PlacedSlo]:
    sli = sli_of_measurement(measurement)
    if sli is None:
        return
    slo = Slo(
        **given._asdict(),
        window=window,
        sli=sli,
        labels=labels,
        # Its error budget policies have one window for each alert, so they cannot be taken over as rules of two.
        alerting=Alerting(policies=default_policies(window, given.objective)),
    )
    yield PlacedSlo(slo=slo, place=named.place, field=named.path)
