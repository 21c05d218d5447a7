"""What is said about an SLO beside what is written: repairs, what is ignored, and queries as they were."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.documents.conversion.parts import SloPart, part_of
from app.documents.dialect import Dialect, PlacedSlo
from app.documents.importing.labels import PROMETHEUS_TEMPLATE
from app.documents.importing.rules import OBJECTIVE_RATIO
from app.documents.load import DocumentSet
from app.promql.selector_text import SelectorError, parse_selector, render
from app.sli.any_promql import EVALUATED
from app.slo import SloId
from app.yamldoc.document import Document
from app.yamldoc.findings import FieldPath, Place, WarningFinding, field_text
from app.yamldoc.tree import Items, Node, Position, Table
from app.yamldoc.writing import Written

# Their remedies are about what is written as much as about what it was made of.
_STILL_TO_DO: Final = frozenset({EVALUATED, OBJECTIVE_RATIO, PROMETHEUS_TEMPLATE})
_QUERIES: Final = frozenset(
    {
        *("error_query", "total_query", "error_ratio_query", "errorQuery", "totalQuery", "errorRatioQuery"),
        *("metric", "query", "promql", "expression", "filter_good", "filter_bad", "filter_valid"),
        *("total", "bad", "good", "bad_ratio", "good_ratio", "gauge"),
    }
)
"""The keys that hold queries in the documents of all dialects."""
_OBJECTIVES: Final = "objectives"
Comments = dict[SloPart | None, list[str]]


@dataclass(slots=True)
class Said:
    """The comments on each SLO, and on each file as a whole."""

    slos: defaultdict[SloId, Comments] = field(default_factory=lambda: defaultdict(dict))
    files: defaultdict[Path, list[str]] = field(default_factory=lambda: defaultdict(list))

    def of_slo(self, slo: SloId, part: SloPart | None, text: str) -> None:
        """Add a comment on a part of an SLO."""
        texts = self.slos[slo].setdefault(part, [])
        if text not in texts:
            texts.append(text)


class Sources:
    """Which document and dialect each SLO is from, and which SLOs a finding is about."""

    def __init__(self, found: DocumentSet) -> None:
        self._found = found
        self._starts: defaultdict[Path, list[tuple[Position, int]]] = defaultdict(list)
        for i, (document, _) in enumerate(found.documents):
            self._starts[document.file].append((document.at, i))
        self._slos: defaultdict[int | None, list[PlacedSlo]] = defaultdict(list)
        for placed in found.placed:
            self._slos[self._index(placed.place)].append(placed)

    def codes(self) -> set[tuple[SloId, str]]:
        """Each SLO with the names of the warnings about it."""
        return {(placed.slo.id, warning.code) for warning, _, slos in self._warnings() for placed in slos}

    def add_warnings(self, said: Said, repeated: Collection[tuple[SloId, str]]) -> None:
        """Add each warning to what is said of the SLOs that it is about, or of its file.

        Those *repeated* are about what is written, too: `sloburn check` says them, unless a comment turns them off.
        """
        for warning, path, slos in self._warnings():
            is_off = self._found.ignored.covers(warning)
            for placed in slos:
                is_repeated = (placed.slo.id, warning.code) in repeated
                if is_off and is_repeated:
                    said.of_slo(placed.slo.id, part_of(path), f"sloburn: ignore={warning.code}")
                elif not is_off and not is_repeated:
                    said.of_slo(placed.slo.id, part_of(path), _words(warning))
            if not slos and not is_off:
                said.files[warning.file].append(_words(warning))

    def add_queries(self, placed: PlacedSlo, written: Written, said: Said) -> None:
        """Add the queries of an SLO that are written otherwise now."""
        path = _own_path(placed)
        same = set(_texts(written))
        for below, text in _queries(self.document(placed).value(path), path):
            plain = " ".join(text.split())
            if not {plain, text.strip(), _in_usual_order(text)} & same and self._is_of(placed, below):
                said.of_slo(placed.slo.id, SloPart.SLI, f"was {field_text(below)}: {plain}")

    def document(self, placed: PlacedSlo) -> Document:
        """The document of an SLO."""
        return self._source(placed)[0]

    def dialect(self, placed: PlacedSlo) -> Dialect:
        """The dialect of the document of an SLO."""
        return self._source(placed)[1]

    def _warnings(self) -> Iterator[tuple[WarningFinding, FieldPath, Sequence[PlacedSlo]]]:
        """Each warning, its path, and the SLOs that it is about."""
        findings = self._found.findings
        for warning in findings.warnings:
            path = findings.path_of(warning)
            yield warning, path, self._concerned(warning.place, path)

    def _source(self, placed: PlacedSlo) -> tuple[Document, Dialect]:
        index = self._index(placed.place)
        if index is None:
            raise ValueError(f"no document is at {placed.place}")
        document, dialect = self._found.documents[index]
        if dialect is None:
            raise ValueError(f"the document at {placed.place} is of no dialect")
        return document, dialect

    def _index(self, place: Place) -> int | None:
        """The document that a place is in; None for that of a whole file."""
        starts = self._starts[place.file]
        # By columns, too: a list in JSON may have all of its documents in one line.
        position = bisect_right(starts, (place.line, place.column), key=lambda start: start[0])
        return starts[position - 1][1] if position else None

    def _concerned(self, place: Place, path: FieldPath) -> Sequence[PlacedSlo]:
        """The SLOs that a finding is about: the one whose entry it is in, or all of an object."""
        slos = self._slos[self._index(place)]
        own = [one for one in slos if _own_path(one) and path[: len(_own_path(one))] == _own_path(one)]
        return own or [one for one in slos if not _own_path(one) and self._is_of(one, path)]

    def _is_of(self, placed: PlacedSlo, path: FieldPath) -> bool:
        """Whether a path of an object is of this SLO, or of another one of its objectives."""
        siblings = self._slos[self._index(placed.place)]
        if _OBJECTIVES not in path or _own_path(placed) or len(siblings) == 1:
            return True
        position = path[path.index(_OBJECTIVES) + 1 :][:1]
        return not position or position[0] == siblings.index(placed)


def _own_path(placed: PlacedSlo) -> FieldPath:
    """The path of the entry of an SLO in a list of them; empty where its document is about it alone."""
    path = placed.field[:-1]
    return path if path and isinstance(path[-1], int) else ()


def _words(warning: WarningFinding) -> str:
    remedy = f"; {warning.remedy}" if warning.code in _STILL_TO_DO else ""
    # A problem that is no sentence of its own goes on after the name of the field.
    colon = "" if warning.problem.startswith("is ") else ":"
    subject = f"{warning.field}{colon} " if warning.field else ""
    return f"{subject}{warning.problem}{remedy} (line {warning.line})"


def _queries(node: Node | None, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    members: list[tuple[str | int, Node]] = []
    if isinstance(node, Table):
        members = list(node.items())
    elif isinstance(node, Items):
        members = list(enumerate(node))
    for step, value in members:
        if not isinstance(value, Table | Items):
            if step in _QUERIES and value.strip():
                yield (*path, step), str(value)
        else:
            yield from _queries(value, (*path, step))


def _in_usual_order(text: str) -> str:
    """A selector with its matchers in the order in which they are written; any other query as it is."""
    try:
        return render(parse_selector(text))
    except SelectorError:
        return text


def _texts(written: Written) -> Iterator[str]:
    if isinstance(written, str):
        yield str(written)
    else:
        for one in written.values() if hasattr(written, "values") else written:
            yield from _texts(one)
