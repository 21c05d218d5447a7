"""Service levels of New Relic to SLOs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from app.alerting.policy import default_policies
from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.counted import counted_source, read_answer
from app.documents.importing.rules import warn_of_ratio
from app.documents.importing.scope import Scope
from app.documents.importing.windows import rolling_window
from app.documents.newrelic.model import INDICATOR, IndicatorModel, ObjectiveModel
from app.documents.newrelic.slis import sli_of_events
from app.slo import Alerting, Sli, Slo, SloId, SourceKind, Window
from app.yamldoc.document import Document
from app.yamldoc.findings import Findings
from app.yamldoc.tree import Items, Node

# Where an answer of NerdGraph has the entity, and where that has its service levels.
_ENTITY: Final = ("data", "actor", "entity")
_INDICATORS: Final = ("serviceLevel", "indicators")


class NewRelicDialect:
    """Service levels as NerdGraph answers them, from the entity on or with the whole answer."""

    name = "New Relic"
    has_windows = True

    def recognises(self, document: Document) -> bool:
        """Whether it has the service levels of an entity."""
        return _entity(document) is not None

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs of all documents; each objective is one."""
        source = counted_source(SourceKind.NEWRELIC, defaults)
        return [slo for document in documents for slo in _read(document, findings, source)]


def _entity(document: Document) -> tuple[str, ...] | None:
    """Where the entity with service levels is."""
    paths: tuple[tuple[str, ...], ...] = ((), _ENTITY)
    return next((path for path in paths if isinstance(_below(document.root, *path, *_INDICATORS), Items)), None)


def _below(node: Node | None, *path: str) -> Node | None:
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _read(document: Document, findings: Findings, source: str) -> Iterator[PlacedSlo]:
    entity = _entity(document)
    if entity is None:
        return
    service = _below(document.root, *entity, "name")
    indicators = _below(document.root, *entity, *_INDICATORS)
    for place, value in enumerate(indicators if isinstance(indicators, Items) else ()):
        scope = Scope(document, findings, (*entity, *_INDICATORS, place))
        model = read_answer(IndicatorModel, value, INDICATOR, scope)
        sli = None if model is None else sli_of_events(model.events, scope.below("events"))
        if model is not None and sli is not None:
            name = service if isinstance(service, str) else "newrelic"
            yield from _objectives(model, sli.from_source(source), scope, service=name)


def _objectives(model: IndicatorModel, sli: Sli, scope: Scope, *, service: str) -> Iterator[PlacedSlo]:
    for place, objective in enumerate(model.objectives):
        at = scope.below("objectives", place)
        window = _window(objective, at.below("timeWindow", "rolling"))
        if window is None:
            continue
        warn_of_ratio(objective.target, at.below("target"))
        # The first one has the id of the indicator.
        of_objective = f"-{window}" if place else ""
        named = scope.below("name")
        slo = Slo(
            id=SloId(f"{model.guid or model.id or f'{service}-{model.name}'}{of_objective}"),
            service=service,
            name=f"{model.name}{of_objective}",
            objective=objective.target,
            window=window,
            sli=sli,
            description=model.description,
            # Its alerts are conditions of their own, which the service level does not name.
            alerting=Alerting(policies=default_policies(window, objective.target)),
        )
        yield PlacedSlo(slo=slo, place=named.place, field=named.path)


def _window(objective: ObjectiveModel, scope: Scope) -> Window | None:
    rolling = objective.time_window.rolling
    if rolling.unit.upper() != "DAY":
        scope.below("unit").error(f"{rolling.unit!r} is not known", "write DAY")
        return None
    return rolling_window(timedelta(days=float(rolling.count)), scope.below("count"))
