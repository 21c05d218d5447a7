"""Documents of Sloth to SLOs with the ids and labels that its rules have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.alerting.policy import default_policies
from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.labels import alert_labels, merged_labels, translated_annotations
from app.documents.importing.parts import slos_of_document
from app.documents.importing.rules import usable_rules, warn_of_ratio
from app.documents.importing.scope import Scope
from app.documents.sloth.catalogue import Catalogue, read_catalogue
from app.documents.sloth.model import (
    FILE,
    RESOURCE,
    AlertingModel,
    ChainModel,
    ResourceModel,
    SeverityModel,
    SlothFileModel,
    SlothSloModel,
    SpecModel,
)
from app.documents.sloth.slis import sli_of_model
from app.slo import Alerting, BurnRateRule, Evidence, Severity, SeverityPolicy, Slo, SloId, Window, format_duration
from app.yamldoc.document import Document
from app.yamldoc.findings import Findings
from app.yamldoc.tree import Items, Table

_GROUP = "sloth.slok.dev/"
_VERSION, _API_VERSION = "prometheus/v1", f"{_GROUP}v1"
_RESOURCE, _CATALOGUE = "PrometheusServiceLevel", "AlertWindows"
_SLIS = frozenset({"events", "raw", "plugin"})
_MISPLACED = {
    "window": "remove it: Sloth has no SLO windows; SLOBURN_DEFAULT_WINDOW is that of all its SLOs",
    "time_window": "remove it: Sloth has no SLO windows; SLOBURN_DEFAULT_WINDOW is that of all its SLOs",
}
_Catalogues = Mapping[timedelta, Catalogue]


class SlothDialect:
    """Documents of Sloth."""

    name = "Sloth"
    has_windows = False

    def recognises(self, document: Document) -> bool:
        """Whether the document has the version of Sloth's files or of its custom resources."""
        root = document.root
        if "apiVersion" in root:
            return str(root["apiVersion"]).startswith(_GROUP)
        # Any version of Sloth's files, and files without one, so that what is not read is named as what it is.
        return str(root.get("version", "")).startswith("prometheus/") or _lacks_version(root)

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs, with the rules of the catalogue for their window if there is one."""
        scopes = [Scope(document, findings) for document in documents]
        catalogues = _catalogues([scope for scope in scopes if _kind(scope) == _CATALOGUE])
        others = [scope for scope in scopes if _kind(scope) != _CATALOGUE]
        for catalogue in catalogues.values():
            if others and catalogue.period != defaults.window.nominal:
                problem = f"applies to no SLO: their window is {defaults.window}"
                remedy = f"set SLOBURN_DEFAULT_WINDOW={format_duration(catalogue.period)}"
                catalogue.scope.warning(problem, remedy, "catalogue_unused")
        return [slo for scope in others for slo in _read(scope, catalogues, defaults.window)]


def _lacks_version(root: Table) -> bool:
    """Whether a document has no version, and an SLO with an SLI as only Sloth has it."""
    slos = root.get("slos")
    first = slos[0] if isinstance(slos, Items) and slos else None
    sli = first.get("sli") if isinstance(first, Table) else None
    return "version" not in root and isinstance(sli, Table) and not _SLIS.isdisjoint(sli)


def _kind(scope: Scope) -> str:
    return str(scope.document.root.get("kind", ""))


def _catalogues(scopes: Sequence[Scope]) -> _Catalogues:
    found: dict[timedelta, Catalogue] = {}
    for scope in scopes:
        catalogue = read_catalogue(scope)
        if catalogue is None:
            continue
        earlier = found.setdefault(catalogue.period, catalogue)
        if earlier is not catalogue:
            problem = f"{format_duration(catalogue.period)} has a catalogue already, at {earlier.scope.place}"
            catalogue.scope.error(problem, "remove one of them")
    return found


def _read(scope: Scope, catalogues: _Catalogues, window: Window) -> Iterator[PlacedSlo]:
    root = scope.document.root
    if "apiVersion" not in root:
        yield from _of_file(scope, catalogues, window)
    elif root["apiVersion"] != _API_VERSION:
        scope.below("apiVersion").error(f"{root['apiVersion']} is not known", f"write {_API_VERSION}")
    elif _kind(scope) != _RESOURCE:
        remedy = f"write {_RESOURCE} or {_CATALOGUE}"
        scope.below("kind").error(f"{_kind(scope)!r} is not a kind of document of Sloth", remedy)
    else:

        def read(model: ResourceModel, at: Scope) -> Iterator[PlacedSlo]:
            return _Service(model.spec, at.below("spec"), catalogues, window).slos()

        yield from slos_of_document(ResourceModel, RESOURCE, scope, _MISPLACED, read)


def _of_file(scope: Scope, catalogues: _Catalogues, window: Window) -> Iterator[PlacedSlo]:
    root = scope.document.root
    if root.get("version", _VERSION) != _VERSION:
        scope.below("version").error(f"{root.get('version')} is not known", f"write {_VERSION}")
        return

    def read(model: SlothFileModel, at: Scope) -> Iterator[PlacedSlo]:
        return _Service(model, at, catalogues, window).slos()

    yield from slos_of_document(SlothFileModel, FILE, scope, _MISPLACED, read)


@dataclass(frozen=True, slots=True)
class _Service:
    """The SLOs of a document, and what they share."""

    spec: SpecModel
    scope: Scope
    catalogues: _Catalogues
    window: Window

    def slos(self) -> Iterator[PlacedSlo]:
        """The sound ones."""
        if not self.spec.slos:
            self.scope.below("slos").error("is empty", "write at least one SLO, or remove the document")
        _warn_of_plugins(self.spec.slo_plugins, self.scope.below(self.spec.key("slo_plugins")))
        for i, model in enumerate(self.spec.slos):
            scope = self.scope.below("slos", i)
            _warn_of_plugins(model.plugins, scope.below("plugins"))
            slo = self.slo(model, scope)
            if slo is not None:
                named = scope.below("name")
                yield PlacedSlo(slo=slo, place=named.place, field=named.path)

    def slo(self, model: SlothSloModel, scope: Scope) -> Slo | None:
        """The SLO; None, and why, where it is not sound."""
        alerting, of_alerts = model.alerting, scope.below("alerting")
        sli = sli_of_model(model.sli, model.objective, scope.below("sli"))
        if not _is_named(alerting, of_alerts) or sli is None:
            return None
        warn_of_ratio(model.objective, scope.below("objective"))
        return Slo(
            id=SloId(self._id(model)),
            service=self.spec.service,
            name=model.name,
            objective=model.objective,
            window=self.window,
            sli=sli,
            description=model.description,
            labels=merged_labels(
                alert_labels(self.spec.labels, self.scope.below("labels")),
                alert_labels(model.labels, scope.below("labels")),
                {"sloth_id": self._id(model), "sloth_service": self.spec.service, "sloth_slo": model.name},
            ),
            alerting=Alerting(
                name=alerting.name or Alerting().name,
                policies=self._policies(model, of_alerts),
                labels=merged_labels(alert_labels(alerting.labels, of_alerts.below("labels"))),
                annotations=merged_labels(translated_annotations(alerting.annotations, of_alerts.below("annotations"))),
            ),
        )

    def _id(self, model: SlothSloModel) -> str:
        return f"{self.spec.service}-{model.name}"

    def _policies(self, model: SlothSloModel, scope: Scope) -> tuple[SeverityPolicy, ...]:
        alerting = model.alerting
        alerts = (
            (Severity.PAGE, alerting.page_alert, scope.below(alerting.key("page_alert"))),
            (Severity.TICKET, alerting.ticket_alert, scope.below(alerting.key("ticket_alert"))),
        )
        policies = (self._policy(severity, alert, model, below) for severity, alert, below in alerts)
        return tuple(policy for policy in policies if policy is not None)

    def _policy(
        self, severity: Severity, alert: SeverityModel, model: SlothSloModel, scope: Scope
    ) -> SeverityPolicy | None:
        rules = () if alert.disable else self._rules(severity, model.objective)
        if not rules:
            return None
        # Sloth writes a title of its own; templates of receivers show it.
        # The sentence is Sloth's: people's routes and templates may match it.
        title = {"title": f"({severity}) {self.spec.service} {model.name} SLO error budget burn rate is too fast."}
        own = {} if "title" in model.alerting.annotations else title
        return SeverityPolicy(
            severity=severity,
            rules=rules,
            labels=merged_labels({"sloth_severity": str(severity)}, alert_labels(alert.labels, scope.below("labels"))),
            annotations=merged_labels(own, translated_annotations(alert.annotations, scope.below("annotations"))),
            evidence=Evidence(),
        )

    def _rules(self, severity: Severity, objective: float) -> tuple[BurnRateRule, ...]:
        catalogue = self.catalogues.get(self.window.nominal)
        if catalogue is not None:
            return usable_rules(catalogue.rules.get(severity, ()), self.window, objective)
        policies = default_policies(self.window, objective)
        return next((policy.rules for policy in policies if policy.severity is severity), ())


def _warn_of_plugins(plugins: ChainModel | None, scope: Scope) -> None:
    for i, _ in enumerate(plugins.chain if plugins is not None else ()):
        problem = "is ignored, since it changes rules of Sloth, and Sloburn evaluates the SLO itself"
        scope.below("chain", i).warning(problem, "remove it", "plugin_ignored")


def _is_named(alerting: AlertingModel, scope: Scope) -> bool:
    if alerting.name.strip() or (alerting.page_alert.disable and alerting.ticket_alert.disable):
        return True
    scope.below("name").error("an alert needs a name", "write name: CheckoutErrors, or disable both alerts")
    return False
