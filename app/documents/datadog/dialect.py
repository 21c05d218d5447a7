"""SLOs of Datadog to SLOs."""

from collections.abc import Iterator, Mapping, Sequence

from app.alerting.policy import default_policies
from app.documents.datadog.model import OBJECTIVE, ObjectiveModel, ThresholdModel
from app.documents.datadog.slis import sli_of_objective
from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.counted import counted_source, read_answer
from app.documents.importing.labels import merged_labels, usable_name
from app.documents.importing.rules import warn_of_ratio
from app.documents.importing.scope import Scope
from app.documents.importing.windows import rolling_window
from app.slo import Alerting, DurationError, Sli, Slo, SloId, SourceKind, Window, parse_duration
from app.yamldoc.document import Document
from app.yamldoc.findings import FieldPath, Findings
from app.yamldoc.tree import Items, Node

_NO_LABEL = "tag_ignored"
"""The code of a tag that has no value."""


class DatadogDialect:
    """SLOs as Datadog's API answers them."""

    name = "Datadog"
    has_windows = True

    def recognises(self, document: Document) -> bool:
        """Whether it has thresholds and a type, as only Datadog's SLOs have, or is an answer with such SLOs."""
        return any(True for _ in _slos(document.root))

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs of all documents; each threshold is one."""
        source = counted_source(SourceKind.DATADOG, defaults)
        return [
            slo
            for document in documents
            for path in _slos(document.root)
            for slo in _read(Scope(document, findings, path), source)
        ]


def _slos(root: Mapping[str, Node]) -> Iterator[FieldPath]:
    """Where the SLOs of a document are."""
    data = root.get("data")
    if _is_slo(root):
        yield ()
    elif _is_slo(data):
        yield ("data",)
    elif isinstance(data, Items):
        yield from (("data", place) for place, one in enumerate(data) if _is_slo(one))


def _is_slo(node: object) -> bool:
    return isinstance(node, Mapping) and {"thresholds", "type", "name"} <= node.keys()


def _read(scope: Scope, source: str) -> Iterator[PlacedSlo]:
    model = read_answer(ObjectiveModel, scope.document.value(scope.path), OBJECTIVE, scope)
    if model is None:
        return
    sli = sli_of_objective(model, scope)
    if sli is None:
        return
    labels = dict(_labels(model.tags, scope.below("tags")))
    first = next((one.timeframe for one in model.thresholds if one.timeframe == model.timeframe), None)
    for place, threshold in enumerate(model.thresholds):
        at = scope.below("thresholds", place)
        window = _window(threshold, at.below("timeframe"))
        if window is None:
            continue
        warn_of_ratio(threshold.target, at.below("target"))
        is_first = threshold.timeframe == first if first is not None else place == 0
        named = scope.below("name")
        slo = _slo(model, threshold, window, sli.from_source(source), labels, is_first=is_first)
        yield PlacedSlo(slo=slo, place=named.place, field=named.path)


def _window(threshold: ThresholdModel, scope: Scope) -> Window | None:
    try:
        length = parse_duration(threshold.timeframe)
    except DurationError:
        scope.error(f"{threshold.timeframe!r} is no length of a window", "write 7d, 30d or 90d")
        return None
    return rolling_window(length, scope)


def _slo(
    model: ObjectiveModel,
    threshold: ThresholdModel,
    window: Window,
    sli: Sli,
    labels: Mapping[str, str],
    *,
    is_first: bool,
) -> Slo:
    service = labels.get("service", "datadog")
    of_window = "" if is_first else f"-{threshold.timeframe}"
    return Slo(
        id=SloId(f"{model.id or f'{service}-{model.name}'}{of_window}"),
        service=service,
        name=f"{model.name}{of_window}",
        objective=threshold.target,
        window=window,
        sli=sli,
        description=model.description,
        labels=merged_labels({name: value for name, value in labels.items() if name != "service"}),
        # Its alerts are monitors of their own, which the SLO does not name.
        alerting=Alerting(policies=default_policies(window, threshold.target)),
    )


def _labels(tags: Sequence[str], scope: Scope) -> Iterator[tuple[str, str]]:
    """The tags as labels of alerts."""
    for place, tag in enumerate(tags):
        name, _, value = tag.partition(":")
        if not value:
            scope.below(place).warning(f"{tag} has no value, and a label needs one", f"write {tag}:yes", _NO_LABEL)
        elif name != "alertname":
            yield usable_name(name, scope.below(place)), value
