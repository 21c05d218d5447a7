"""The forms that documents are converted to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from typing import Protocol

from app.documents.conversion.parts import SloPart
from app.documents.native.writing.documents import written_aggregate, written_slo
from app.documents.openslo.writing.composites import composites_by_objective
from app.documents.openslo.writing.losses import why_lost
from app.documents.openslo.writing.objects import written_object
from app.slo import Slo, SloId
from app.yamldoc.findings import FieldPath
from app.yamldoc.writing import CommentedDocument, Written


class Target(StrEnum):
    """What documents are converted to."""

    NATIVE = "native"
    OPENSLO = "openslo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An SLO as it is written, with comments on its parts; None is the SLO as a whole."""

    slo: Slo
    node: Mapping[str, Written]
    comments: Mapping[SloPart | None, Sequence[str]] = field(default_factory=dict)


class TargetWriter(Protocol):
    """Writes SLOs in one form."""

    def node(self, slo: Slo, slos: Mapping[SloId, Slo]) -> Mapping[str, Written]:
        """The SLO; *slos* are all of them.

        Raises:
            NotExpressibleError: the form cannot say what it counts.
        """

    def hosts(self, slos: Mapping[SloId, Slo]) -> Mapping[SloId, SloId]:
        """The SLO in whose node each SLO is written that has none of its own."""

    def documents(self, entries: Sequence[Entry], head: Sequence[str]) -> Iterator[CommentedDocument]:
        """The documents of a file; *head* is the comment at its top."""

    def why_lost(self, field: str) -> str:
        """Why a field of an SLO, such as ``alerting.page.labels``, is not the same in this form."""


class NativeWriter:
    """Writes a document for the SLOs of each service."""

    def node(self, slo: Slo, slos: Mapping[SloId, Slo]) -> Mapping[str, Written]:
        """An entry below `slos`."""
        return written_slo(slo, slos)

    def hosts(self, slos: Mapping[SloId, Slo]) -> Mapping[SloId, SloId]:
        """Each SLO is an entry."""
        del slos
        return {}

    def documents(self, entries: Sequence[Entry], head: Sequence[str]) -> Iterator[CommentedDocument]:
        """A document for SLOs of one service that follow each other."""
        for service, group in groupby(entries, key=lambda entry: entry.slo.service):
            yield _native(service, list(group), head)
            head = ()

    def why_lost(self, field: str) -> str:
        """Nothing should be."""
        return f"native documents cannot say this {field.rpartition('.')[2]}"


class OpenSloWriter:
    """Writes an object of OpenSLO v1 for each SLO."""

    def node(self, slo: Slo, slos: Mapping[SloId, Slo]) -> Mapping[str, Written]:
        """The object."""
        return written_object(slo, slos)

    def hosts(self, slos: Mapping[SloId, Slo]) -> Mapping[SloId, SloId]:
        """The objectives of a composite are in its object."""
        return composites_by_objective(slos)

    def documents(self, entries: Sequence[Entry], head: Sequence[str]) -> Iterator[CommentedDocument]:
        """Each object is a document."""
        for entry in entries:
            comments: dict[FieldPath, list[str]] = {}
            for part, texts in entry.comments.items():
                comments.setdefault(_place_in_object(part, entry.node), []).extend(texts)
            yield CommentedDocument(root=entry.node, head=head, comments=comments)
            head = ()

    def why_lost(self, field: str) -> str:
        """What OpenSLO has no field for."""
        return why_lost(field)


_IN_OBJECTS: Mapping[SloPart, tuple[str, str]] = {
    SloPart.NAME: ("metadata", "name"),
    SloPart.LABELS: ("metadata", "labels"),
    SloPart.DESCRIPTION: ("spec", "description"),
    SloPart.SERVICE: ("spec", "service"),
    SloPart.SLI: ("spec", "indicator"),
    SloPart.WINDOW: ("spec", "timeWindow"),
    SloPart.OBJECTIVE: ("spec", "objectives"),
    SloPart.ALERTING: ("spec", "alertPolicies"),
}


def _place_in_object(part: SloPart | None, node: Mapping[str, Written]) -> FieldPath:
    """Where a comment goes: before the part, or before the spec where the object does not have it."""
    section, key = ("spec", None) if part is None else _IN_OBJECTS[part]
    keys = node.get(section)
    return (section, key) if key is not None and isinstance(keys, Mapping) and key in keys else (section,)


def _native(service: str, entries: Sequence[Entry], head: Sequence[str]) -> CommentedDocument:
    entries = _with_aggregates(entries)
    labels = _common_labels(entries)
    nodes = [_without_labels(entry.node, labels) for entry in entries]
    root: dict[str, Written] = {"service": service, **({"labels": labels} if labels else {}), "slos": nodes}
    comments: dict[FieldPath, list[str]] = {}
    for i, (entry, node) in enumerate(zip(entries, nodes, strict=True)):
        for part, texts in entry.comments.items():
            key = str(part) if part is not None and str(part) in node else None
            path: FieldPath = ("slos", i) if key is None else ("slos", i, key)
            comments.setdefault(path, []).extend(texts)
    return CommentedDocument(root=root, head=head, comments=comments)


def _with_aggregates(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, the SLO of all members of a group together as a key of that of the group."""
    found: list[Entry] = []
    for entry in entries:
        aggregate = written_aggregate(found[-1].slo, entry.slo) if found else None
        if aggregate is None:
            found.append(entry)
        else:
            found[-1] = replace(found[-1], node={**found[-1].node, "aggregate": aggregate})
    return found


def _common_labels(entries: Sequence[Entry]) -> dict[str, Written]:
    """Labels that all SLOs of a document have, if there are several."""
    given = [labels for entry in entries if isinstance(labels := entry.node.get("labels", {}), Mapping)]
    if len(entries) == 1:
        return {}
    return {name: value for name, value in given[0].items() if all(one.get(name) == value for one in given)}


def _without_labels(node: Mapping[str, Written], common: Mapping[str, Written]) -> dict[str, Written]:
    own = node.get("labels")
    if not isinstance(own, Mapping):
        return dict(node)
    rest = {name: value for name, value in own.items() if name not in common}
    return {key: rest if key == "labels" else value for key, value in node.items() if key != "labels" or rest}


WRITERS: Mapping[Target, TargetWriter] = {Target.NATIVE: NativeWriter(), Target.OPENSLO: OpenSloWriter()}
