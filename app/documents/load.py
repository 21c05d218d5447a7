"""SLO documents of files and folders to one set of SLOs, with everything that is wrong with them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from app.documents.composites import with_components
from app.documents.dialect import Defaults, Dialect, PlacedSlo
from app.documents.files import find_files
from app.documents.lint.comments import Ignored, read_comments
from app.documents.native.dialect import NativeDialect
from app.documents.nobl9 import Nobl9Dialect
from app.documents.openslo import OpenSloDialect
from app.documents.other_tools import tool_of
from app.documents.pyrra import PyrraDialect
from app.documents.slo_generator import SloGeneratorDialect
from app.documents.sloth import SlothDialect
from app.documents.templates import TEMPLATE, find_action
from app.slo import Slo, SloId
from app.yamldoc.document import Document
from app.yamldoc.files import read_text
from app.yamldoc.findings import ErrorFinding, Findings, Place, WarningFinding
from app.yamldoc.read import parse_text

DIALECTS: tuple[Dialect, ...] = (
    NativeDialect(),
    SlothDialect(),
    PyrraDialect(),
    OpenSloDialect(),
    Nobl9Dialect(),
    SloGeneratorDialect(),
)
"""Asked in this order; the first that recognises a document reads it."""
_DEFAULTS = Defaults()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What the documents say, and what is wrong with them.

    *slos* are the sound ones, in the order of files and documents; a set is usable only where *errors* is empty.
    *digest* is the same for two sets exactly if their SLOs are the same. *places* says where each SLO is written,
    *ignored* which warnings comments turn off: those among *warnings* are left out already.
    """

    slos: tuple[Slo, ...]
    errors: tuple[ErrorFinding, ...]
    warnings: tuple[WarningFinding, ...]
    files: tuple[Path, ...]
    places: Mapping[SloId, Place]
    digest: str
    ignored: Ignored


def load_documents(*paths: Path, defaults: Defaults = _DEFAULTS) -> LoadResult:
    """Read every document at *paths*, each a file or a folder; never raises for what is in them."""
    findings = Findings()
    files = list(dict.fromkeys(file for path in paths for file in find_files(path, findings)))
    comments: dict[Path, Mapping[str, tuple[tuple[int, int], ...]]] = {}
    documents = [document for file in files for document in _documents_of(file, findings, comments)]
    unique = with_components(_without_duplicates(_read(documents, findings, defaults), findings), findings)
    slos, ignored = tuple(found.slo for found in unique), Ignored(comments)
    return LoadResult(
        slos=slos,
        errors=findings.errors,
        warnings=ignored.others(findings.warnings),
        files=tuple(files),
        places=MappingProxyType({found.slo.id: found.place for found in unique}),
        digest=digest(slos),
        ignored=ignored,
    )


def digest(slos: Sequence[Slo]) -> str:
    """A SHA-256 of the SLOs; independent of their files and their order."""
    lines = sorted(repr(slo) for slo in slos)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _documents_of(
    file: Path, findings: Findings, comments: dict[Path, Mapping[str, tuple[tuple[int, int], ...]]]
) -> Sequence[Document]:
    text = read_text(file, findings)
    if text is None:
        return ()
    comments[file] = read_comments(text, file, findings)
    action = find_action(text)
    if action is not None:
        place = Place(file=file, line=action.line, column=action.column)
        findings.error(place, f"is a template of {action.engine}, not a document", action.remedy, code=TEMPLATE)
        return ()
    content = parse_text(text, file, findings, keys="service: and slos:", lists=True)
    if content.is_empty:
        remedy = "write service: and slos:, or remove the file"
        findings.warning(Place(file=file), "holds no document", remedy, code="no_document")
    return content.documents


def _read(documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
    """The SLOs of all dialects; each dialect reads its documents together, since they may refer to each other."""
    by_dialect: dict[int, list[Document]] = {}
    for document in documents:
        found = next((i for i, dialect in enumerate(DIALECTS) if dialect.recognises(document)), None)
        if found is None:
            _refuse(document, findings)
        else:
            by_dialect.setdefault(found, []).append(document)
    placed = [slo for i, own in by_dialect.items() for slo in DIALECTS[i].read(own, findings, defaults)]
    order = {file: i for i, file in enumerate(dict.fromkeys(document.file for document in documents))}
    return sorted(placed, key=lambda found: (order[found.place.file], found.place.line, found.place.column))


def _refuse(document: Document, findings: Findings) -> None:
    tool, version = tool_of(document.root), document.root.get("apiVersion")
    problem = "is not a document of Sloburn"
    if tool is not None:
        problem = f"is a document of {tool}, which Sloburn does not read"
    elif isinstance(version, str):
        problem = f"is not a document of Sloburn, or of a tool that it reads: the apiVersion {version} is not known"
    findings.error(document.place(()), problem, "write its SLOs below service: and slos:, see docs/slo-format.md")


def _without_duplicates(placed: Sequence[PlacedSlo], findings: Findings) -> list[PlacedSlo]:
    first: dict[SloId, PlacedSlo] = {}
    for found in placed:
        earlier = first.setdefault(found.slo.id, found)
        if earlier is not found:
            problem = f"the id {found.slo.id} is taken by the SLO at {earlier.place}"
            findings.error(found.place, problem, "write another name, or remove one of them", field=found.field)
    return list(first.values())
