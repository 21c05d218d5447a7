"""Documents of Pyrra to SLOs with the labels and rules that its own rules have."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.labels import alert_labels, merged_labels, translated_annotations, usable_name
from app.documents.importing.parts import slos_of_document
from app.documents.importing.rules import usable_rules, waits_of, warn_of_ratio
from app.documents.importing.scope import Scope
from app.documents.pyrra.model import IGNORED, OBJECTIVE, ObjectiveModel
from app.documents.pyrra.slis import Indicator, fixed_labels, indicator_of, sli_of_indicator
from app.documents.pyrra.windows import TIERS, Tier
from app.slo import Alerting, Evidence, RollingWindow, Severity, SeverityPolicy, Slo, SloId, classic_label_name
from app.yamldoc.document import Document
from app.yamldoc.findings import Findings
from app.yamldoc.tree import Node

_GROUP = "pyrra.dev/"
_API_VERSION, _KIND = f"{_GROUP}v1alpha1", "ServiceLevelObjective"
_Namespaces = Mapping[str, set[str]]


class PyrraDialect:
    """Documents of Pyrra."""

    name = "Pyrra"
    has_windows = True

    def recognises(self, document: Document) -> bool:
        """Whether the document is of Pyrra's API group."""
        return str(document.root.get("apiVersion", "")).startswith(_GROUP)

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs; objects of one name in several namespaces are several SLOs."""
        del defaults
        namespaces: defaultdict[str, set[str]] = defaultdict(set)
        for document in documents:
            name, namespace = _identity(document.root)
            namespaces[name].add(namespace)
        return [slo for document in documents for slo in _read(Scope(document, findings), namespaces)]


def _identity(root: Mapping[str, Node]) -> tuple[str, str]:
    metadata = root.get("metadata")
    return (
        (str(metadata.get("name", "")), str(metadata.get("namespace", ""))) if isinstance(metadata, dict) else ("", "")
    )


def _read(scope: Scope, namespaces: _Namespaces) -> Iterator[PlacedSlo]:
    root = scope.document.root
    # Checked before the model, whose errors would be about keys of another kind of object.
    for key, wanted in (("apiVersion", _API_VERSION), ("kind", _KIND)):
        if root.get(key) != wanted:
            scope.below(key).error(f"{root.get(key, '')!r} is not known", f"write {wanted}")
            return
    yield from slos_of_document(ObjectiveModel, OBJECTIVE, scope, IGNORED, partial(_placed, namespaces=namespaces))


def _placed(model: ObjectiveModel, scope: Scope, *, namespaces: _Namespaces) -> Iterator[PlacedSlo]:
    spec = scope.below("spec")
    found = indicator_of(model.spec.indicator, spec.below("indicator"))
    sli = None if found is None else sli_of_indicator(*found)
    if found is None or sli is None:
        return
    warn_of_ratio(model.spec.target, spec.below("target"))
    indicator, _ = found
    objective = _Objective(model, indicator, scope)
    named = scope.below("metadata", "name")
    slo = Slo(
        id=SloId(_id(model, namespaces)),
        service=objective.service,
        name=model.metadata.name,
        objective=model.spec.target,
        window=RollingWindow(model.spec.window),
        sli=sli,
        description=model.spec.description,
        labels=objective.labels,
        alerting=objective.alerting(),
    )
    yield PlacedSlo(slo=slo, place=named.place, field=named.path)


def _id(model: ObjectiveModel, namespaces: _Namespaces) -> str:
    """The name, which is the label `slo` of Pyrra's rules; with its namespace where several have the name."""
    name, namespace = model.metadata.name, model.metadata.namespace
    return f"{namespace}/{name}" if namespace and len(namespaces.get(name, ())) > 1 else name


@dataclass(frozen=True, slots=True)
class _Objective:
    """The labels and alerts of one object."""

    model: ObjectiveModel
    indicator: Indicator
    scope: Scope

    @property
    def service(self) -> str:
        """What the object is about, as far as it says so."""
        labels = dict(self.labels)
        namespace, name = self.model.metadata.namespace, self.model.metadata.name
        return labels.get("service") or labels.get("job") or namespace or name

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """The labels of Pyrra's rules."""
        metadata = self.model.metadata
        own = {
            **{classic_label_name(name): value for name, value in fixed_labels(self.indicator).items()},
            "slo": metadata.name,
            **_propagated(metadata.labels, self.scope.below("metadata", "labels")),
        }
        # A group's label has its own value in each member.
        free = {name: value for name, value in own.items() if name not in self.indicator.grouping}
        return merged_labels(alert_labels(free, self.scope.below("metadata", "labels")))

    def alerting(self) -> Alerting:
        """The alerts of the object."""
        model, scope = self.model.spec.alerting, self.scope.below("spec", "alerting")
        if model.absent_name:
            remedy = "route on the name SLODataUnavailable, which all SLOs share"
            scope.below(model.key("absent_name")).warning("is ignored", remedy, "absent_name")
        if model.severities.absent:
            remedy = "route on the name SLODataUnavailable, which is a ticket"
            scope.below("severities", "absent").warning("is ignored", remedy, "absent_severity")
        annotations = _propagated(self.model.metadata.annotations, self.scope.below("metadata", "annotations"))
        usual = Alerting()
        return Alerting(
            name=model.name or usual.name,
            policies=() if model.disabled or not model.burnrates else self._policies(),
            annotations=merged_labels(translated_annotations(annotations, self.scope.below("metadata", "annotations"))),
            # Pyrra's alert on absent metrics is what SLODataUnavailable is here.
            no_data_for=usual.no_data_for if model.absent and not model.disabled else None,
        )

    def _policies(self) -> tuple[SeverityPolicy, ...]:
        """A page of the rules with the severity of the fastest one, a ticket of the others."""
        severities = [self._severity(tier) for tier in TIERS]
        page = [tier for tier, severity in zip(TIERS, severities, strict=True) if severity == severities[0]]
        ticket = [tier for tier in TIERS if tier not in page]
        policies = (self._policy(Severity.PAGE, page), self._policy(Severity.TICKET, ticket))
        return tuple(policy for policy in policies if policy is not None)

    def _severity(self, tier: Tier) -> str:
        severity: str = getattr(self.model.spec.alerting.severities, tier.key)
        return severity or tier.usual

    def _policy(self, severity: Severity, tiers: Sequence[Tier]) -> SeverityPolicy | None:
        spec, scope = self.model.spec, self.scope.below("spec")
        labels = {self._severity(tier) for tier in tiers}
        # An SLO has one page and one ticket here, Pyrra has four alerts, each with a severity of its own.
        if len(labels) > 1:
            problem = f"{' and '.join(sorted(labels))} are one alert here, with the severity {self._severity(tiers[0])}"
            scope.below("alerting", "severities").warning(problem, "write one severity for both", "merged_severities")
        given = [(rule, scope.below("target")) for tier in tiers if (rule := tier.rule(spec.window)) is not None]
        rules = usable_rules(given, RollingWindow(spec.window), spec.target, remedy="write a higher target")
        if not rules:
            return None
        rules, pending_for = waits_of(rules)
        return SeverityPolicy(
            severity=severity,
            rules=rules,
            pending_for=pending_for,
            # One alert has all rules of its severity, so it waits for as long as the fastest of them.
            labels=merged_labels({"severity": self._severity(tiers[0])}),
            evidence=Evidence(),
        )


def _propagated(labels: Mapping[str, str], scope: Scope) -> dict[str, str]:
    return {
        usable_name(name.removeprefix(_GROUP), scope.below(name)): value
        for name, value in labels.items()
        if name.startswith(_GROUP)
    }
