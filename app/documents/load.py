"""SLO documents of files and folders to one set of SLOs, with everything that is wrong with them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from app.documents.dialect import Dialect, PlacedSlo
from app.documents.files import find_files
from app.documents.native.dialect import NativeDialect
from app.documents.other_tools import tool_of
from app.slo import Slo, SloId
from app.yamldoc.document import Document
from app.yamldoc.findings import ErrorFinding, Findings, Place, WarningFinding
from app.yamldoc.read import read_file

DIALECTS: tuple[Dialect, ...] = (NativeDialect(),)
"""Asked in this order; the first that recognises a document reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What the documents say, and what is wrong with them.

    *slos* are the sound ones, in the order of files and documents; a set is usable only where *errors* is empty.
    *digest* is the same for two sets exactly if their SLOs are the same. *places* says where each SLO is written.
    """

    slos: tuple[Slo, ...]
    errors: tuple[ErrorFinding, ...]
    warnings: tuple[WarningFinding, ...]
    files: tuple[Path, ...]
    places: Mapping[SloId, Place]
    digest: str


def load_documents(*paths: Path) -> LoadResult:
    """Read every document at *paths*, each a file or a folder; never raises for what is in them."""
    findings = Findings()
    files = list(dict.fromkeys(file for path in paths for file in find_files(path, findings)))
    placed = [slo for file in files for slo in _read_file(file, findings)]
    unique = _without_duplicates(placed, findings)
    slos = tuple(found.slo for found in unique)
    return LoadResult(
        slos=slos,
        errors=findings.errors,
        warnings=findings.warnings,
        files=tuple(files),
        places=MappingProxyType({found.slo.id: found.place for found in unique}),
        digest=digest(slos),
    )


def digest(slos: Sequence[Slo]) -> str:
    """A SHA-256 of the SLOs; independent of their files and their order."""
    lines = sorted(repr(slo) for slo in slos)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read_file(file: Path, findings: Findings) -> list[PlacedSlo]:
    content = read_file(file, findings, keys="service: and slos:")
    if content.is_empty:
        findings.warning(Place(file=file), "holds no document", "write service: and slos:, or remove the file")
    return [slo for document in content.documents for slo in _read_document(document, findings)]


def _read_document(document: Document, findings: Findings) -> list[PlacedSlo]:
    for dialect in DIALECTS:
        if dialect.recognises(document):
            return dialect.read(document, findings)
    tool = tool_of(document.root)
    problem = f"is a document of {tool}, which Sloburn does not read" if tool else "is not a document of Sloburn"
    findings.error(document.place(()), problem, "write its SLOs below service: and slos:, see docs/slo-format.md")
    return []


def _without_duplicates(placed: Sequence[PlacedSlo], findings: Findings) -> list[PlacedSlo]:
    first: dict[SloId, PlacedSlo] = {}
    for found in placed:
        earlier = first.setdefault(found.slo.id, found)
        if earlier is not found:
            problem = f"the id {found.slo.id} is taken by the SLO at {earlier.place}"
            findings.error(found.place, problem, "write another name, or remove one of them", field=found.field)
    return list(first.values())
