"""The native dialect: a service and its SLOs, as docs/slo-format.md describes it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from pydantic_core import PydanticCustomError

from app.documents.dialect import Defaults, PlacedSlo
from app.documents.native.checks import SLICES_OF_SEVERAL, check_slo
from app.documents.native.composites import CompositeSliModel
from app.documents.native.lint import lint_slo
from app.documents.native.model import AggregateModel, AlertingModel, DocumentHeader, SloEntry
from app.documents.native.parts import (
    WITHOUT_ALERTS,
    aggregate_of,
    budget_alerts_of,
    labels_of,
    policies_of,
    sla_of,
    window_of,
)
from app.documents.native.structure import NATIVE
from app.documents.other_tools import tool_of
from app.sli import Composite, SeveralSources
from app.slo import Alerting, Sli, Slo, SloId, Window
from app.yamldoc.document import Document
from app.yamldoc.explain import is_misspelt
from app.yamldoc.findings import FieldFinding, FieldPath, Findings, Place
from app.yamldoc.read import add_errors, add_warnings
from app.yamldoc.rest import SoundRest, sound_rest
from app.yamldoc.scalars import kind, name_problem, read_any_name
from app.yamldoc.tree import Items, Node, Table
from app.yamldoc.validate import validated

_OTHERS = ("apiVersion", "kind", "version")
# A document without any of these, such as a dashboard in the same folder, is none of Sloburn's: one error says so,
# instead of one for each of its keys. Those of an SLO are here since somebody may have written it at the top.
_SIGNS = frozenset({"service", "slos", "labels", "name", "objective", "window", "sli"})


# What the findings about a key of an SLO, or of its alerting, depend on besides.
_DEPENDS_ON: Mapping[FieldPath, tuple[FieldPath, ...]] = {
    ("aggregate",): (("by",),),
    ("by",): (("sli",),),
    ("sli",): (("by",),),
    ("time_slices",): (("sli",),),
    ("alerting", "min_bad_events"): (("alerting", "evidence"),),
    ("alerting", "no_data"): (("alerting", "no_data_for"),),
}
# Whether a burn-rate rule suits the SLO.
_OF_RULES = frozenset({"long", "factor", "budget"})


class NativeDialect:
    """Documents with `service` and `slos`, and nothing that says they are of another tool."""

    name = "native"
    has_windows = True

    def recognises(self, document: Document) -> bool:
        """Whether no other tool's mark is on the document, and a key of it is ours or a misspelt one."""
        if any(key in document.root for key in _OTHERS) or tool_of(document.root) is not None:
            return False
        is_ours = not document.root or not _SIGNS.isdisjoint(document.root)
        return is_ours or any(is_misspelt(key, NATIVE, document) for key in ("service", "slos"))

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs of the documents, which say everything themselves."""
        del defaults
        return [slo for document in documents for slo in _read(document, findings)]


def _read(document: Document, findings: Findings) -> Iterator[PlacedSlo]:
    header = _header(document, findings)
    for i, node in enumerate(_slos(document, findings)):
        model = validated(SloEntry, node, NATIVE, document, findings, under=("slos", i))
        if model is None:
            _check_rest(node, header, document, findings, i)
            continue
        if not _is_sound(model, header, document, findings, i) or header is None:
            continue
        slo = _slo(header, model)
        add_warnings(lint_slo(model, slo), document, findings, under=("slos", i))
        field = ("slos", i, "name")
        components = _components(model, document, i)
        source = _source(header, model, document, i)
        yield PlacedSlo(slo=slo, place=document.place(field), field=field, components=components, source=source)
        if model.aggregate is not None:
            of_group = ("slos", i, "aggregate")
            yield PlacedSlo(
                slo=_aggregate(slo, model.aggregate), place=document.place(of_group, key=True), field=of_group
            )


def _source(header: DocumentHeader, model: SloEntry, document: Document, i: int) -> tuple[Place, FieldPath] | None:
    """Where the source of an SLO is named; None if it is not."""
    if model.source is None and header.source is None:
        return None
    path: FieldPath = ("source",) if model.source is None else ("slos", i, "source")
    return document.place(path), path


def _components(model: SloEntry, document: Document, i: int) -> tuple[tuple[Place, FieldPath], ...]:
    if not isinstance(model.sli, CompositeSliModel):
        return ()
    below: FieldPath = ("slos", i, "sli", str(model.sli.given[0]))
    paths = [(*below, position) for position in range(len(model.sli.components))]
    return tuple((document.place(path), path) for path in paths)


def _header(document: Document, findings: Findings) -> DocumentHeader | None:
    own = {key: value for key, value in document.root.items() if key != "slos"}
    header = validated(DocumentHeader, own, NATIVE, document, findings)
    problem = _service_problem(document)
    if problem is not None:
        findings.error(document.place(("service",)), *problem, field=("service",))
    return None if problem is not None else header


def _service_problem(document: Document) -> tuple[str, str] | None:
    """Why no ids can be made of the service, where an SLO has none of its own; other faults of it are the model's."""
    slos = document.root.get("slos")
    if isinstance(slos, Items) and slos and all(isinstance(slo, Table) and "id" in slo for slo in slos):
        return None
    try:
        return name_problem(read_any_name(document.root.get("service")))
    except PydanticCustomError:
        return None


def _slos(document: Document, findings: Findings) -> list[Node]:
    path = ("slos",)
    slos = document.root.get("slos")
    if slos is None and is_misspelt("slos", NATIVE, document):
        # The header, of which every other key is, says so.
        return []
    if slos is None:
        findings.error(document.place(()), "is missing", "write slos: and a list of objectives below it", field=path)
    elif not isinstance(slos, Items):
        problem = f"must be a list, not {kind(slos)}"
        findings.error(document.place(path), problem, "write one SLO after each `- `", field=path)
    elif not slos:
        findings.error(document.place(path), "is empty", "write at least one SLO, or remove the document", field=path)
    else:
        return slos
    return []


def _is_sound(model: SloEntry, header: DocumentHeader | None, document: Document, findings: Findings, i: int) -> bool:
    found = list(check_slo(model, header.labels if header is not None else {}))
    sources = model.source or (None if header is None else header.source) or ()
    if model.time_slices is not None and len(sources) > 1:
        found.append(FieldFinding(("time_slices",), *SLICES_OF_SEVERAL))
    add_errors(found, document, findings, under=("slos", i))
    return not found


def _check_rest(node: Node, header: DocumentHeader | None, document: Document, findings: Findings, i: int) -> None:
    """Find the faults that do not depend on the faulty values of an SLO, so that all are said at once."""
    rest = sound_rest(SloEntry, node, NATIVE)
    if rest is None:
        return
    labels = header.labels if header is not None else {}
    found = [one for one in check_slo(rest.model, labels) if rest.tells_of(one.path) and _is_decided(one.path, rest)]
    add_errors(found, document, findings, under=("slos", i))
    if rest.has("sli"):
        add_warnings(rest.model.sli.warnings(), document, findings, under=("slos", i))


def _is_decided(path: FieldPath, rest: SoundRest[SloEntry]) -> bool:
    """Whether everything is sound that decides about what was found at *path*."""
    depends_on = (*_DEPENDS_ON.get(path[:1], ()), *_DEPENDS_ON.get(path[:2], ()))
    if path[-1] in _OF_RULES:
        depends_on = (*depends_on, ("objective",), ("window",))
    is_part_of_list = any(isinstance(step, int) for step in path)
    return all(rest.has(*key) for key in depends_on) and not (is_part_of_list and rest.lacks_beside(path))


def _aggregate(slo: Slo, aggregate: AggregateModel) -> Slo:
    objective, model = aggregate.objective or slo.objective, aggregate.alerting
    return aggregate_of(slo, objective, WITHOUT_ALERTS if model is None else _alerting(model, slo.window, objective))


def _slo(header: DocumentHeader, model: SloEntry) -> Slo:
    window, sli, sources = window_of(model.window), model.sli.sli(model.by), model.source or header.source
    if sources is not None:
        sli = sli.from_source(sources[0]) if len(sources) == 1 else _of_sources(sli, sources)
    return Slo(
        id=SloId(model.id or f"{header.service}-{model.name}"),
        service=header.service,
        name=model.name,
        objective=model.objective,
        window=window,
        sli=sli if model.time_slices is None else model.time_slices.slices_of(sli),
        description=model.description,
        labels=labels_of(header.labels, model.labels, model.override_labels),
        alerting=_alerting(model.alerting, window, model.objective),
        sla=sla_of(model.sla),
    )


def _of_sources(sli: Sli, sources: tuple[str, ...]) -> Sli:
    # Each component of a composite has sources of its own.
    return sli if isinstance(sli, Composite) else SeveralSources(of=sli, sources=sources)


def _alerting(model: AlertingModel, window: Window, objective: float) -> Alerting:
    # Most SLOs have the usual alerts, which take a tenth of the time that a document takes.
    return _given_alerting(model, window, objective) if model.model_fields_set else _usual_alerting(window, objective)


@lru_cache(maxsize=1024)
def _usual_alerting(window: Window, objective: float) -> Alerting:
    return _given_alerting(AlertingModel(), window, objective)


def _given_alerting(model: AlertingModel, window: Window, objective: float) -> Alerting:
    return Alerting(
        name=model.name,
        policies=policies_of(model, window, objective),
        labels=labels_of(model.labels, model.override_labels),
        annotations=labels_of(model.annotations),
        no_data=model.no_data,
        no_data_for=model.no_data_for,
        no_traffic=model.no_traffic,
        no_traffic_for=model.no_traffic_for,
        budget=budget_alerts_of(model.budget),
    )
