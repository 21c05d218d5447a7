"""SLO documents of files and folders to one set of SLOs, with everything that is wrong with them."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from app.documents.composites import with_components
from app.documents.datadog import DatadogDialect
from app.documents.dialect import Defaults, Dialect, PlacedSlo
from app.documents.files import files_outside, find_files
from app.documents.lint.comments import Ignored, read_comments
from app.documents.lint.names import KIND_IGNORED
from app.documents.long_texts import check_labels, with_short_texts
from app.documents.native.dialect import NativeDialect
from app.documents.native.envelope import without_envelope
from app.documents.newrelic import NewRelicDialect
from app.documents.nobl9 import Nobl9Dialect
from app.documents.openslo import OpenSloDialect
from app.documents.other_tools import has_no_slos, is_beside_slos, remedy_for, tool_of
from app.documents.policies import PlacedPolicy, is_policy_file, policy_of_document, read_policy_file
from app.documents.pyrra import PyrraDialect
from app.documents.slo_generator import SloGeneratorDialect
from app.documents.sloth import SlothDialect
from app.documents.sources import check_sources
from app.documents.templates import TEMPLATE, find_action
from app.policy import BudgetPolicy
from app.slo import DEFAULT_SOURCE, Alerting, Slo, SloId
from app.yamldoc.document import Document
from app.yamldoc.files import read_text
from app.yamldoc.findings import ErrorFinding, Findings, Place, WarningFinding
from app.yamldoc.read import parse_text

DIALECTS: tuple[Dialect, ...] = (
    SlothDialect(),
    PyrraDialect(),
    OpenSloDialect(),
    Nobl9Dialect(),
    SloGeneratorDialect(),
    DatadogDialect(),
    NewRelicDialect(),
    # The last one: documents of other tools have keys of its own, too.
    NativeDialect(),
)
"""Asked in this order; the first that recognises a document reads it."""
_Placed = TypeVar("_Placed", PlacedSlo, PlacedPolicy)
_DEFAULTS = Defaults()
_NO_OBJECTS: Mapping[Path, str] = MappingProxyType({})
_NO_ALERTING = Alerting()
NO_DOCUMENT = "no_document"
"""The code of the warning about a file that holds nothing."""


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
    policies: tuple[BudgetPolicy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSet:
    """Documents with their dialects, None for one that is of none, and the sound SLOs with their places.

    Files of policies are not among the documents; *policies* are the sound ones, those of one service first.
    """

    files: tuple[Path, ...]
    documents: tuple[tuple[Document, Dialect | None], ...]
    placed: tuple[PlacedSlo, ...]
    findings: Findings
    ignored: Ignored
    policies: tuple[BudgetPolicy, ...] = ()


def load_documents(
    *paths: Path, defaults: Defaults = _DEFAULTS, objects: Mapping[Path, str] = _NO_OBJECTS
) -> LoadResult:
    """Read every document at *paths*, each a file or a folder; never raises for what is in them.

    *objects* are texts that are in no file, by what findings call them; they come after the files.
    """
    return result_of(read_documents(*paths, defaults=defaults, objects=objects))


def result_of(found: DocumentSet) -> LoadResult:
    """What the documents of a set say."""
    check_labels(found.placed, found.findings)
    slos = with_short_texts(placed.slo for placed in found.placed)
    return LoadResult(
        slos=slos,
        errors=found.findings.errors,
        warnings=found.ignored.others(found.findings.warnings),
        files=found.files,
        places=MappingProxyType({placed.slo.id: placed.place for placed in found.placed}),
        digest=digest(slos),
        ignored=found.ignored,
        policies=found.policies,
    )


def read_documents(
    *paths: Path,
    defaults: Defaults = _DEFAULTS,
    without: Collection[Path] = (),
    objects: Mapping[Path, str] = _NO_OBJECTS,
) -> DocumentSet:
    """As `load_documents`, with the documents themselves, except files below the paths of *without*."""
    findings = Findings()
    files = files_outside(dict.fromkeys(file for path in paths for file in find_files(path, findings)), without)
    texts = ((file, text) for file in files if (text := read_text(file, findings)) is not None)
    return _read([*files, *objects], chain(texts, objects.items()), findings, defaults)


def read_texts(texts: Mapping[Path, str]) -> DocumentSet:
    """As `read_documents`, of files that are not written yet."""
    return _read(list(texts), texts.items(), Findings(), _DEFAULTS)


def digest(slos: Sequence[Slo]) -> str:
    """A SHA-256 of the SLOs; independent of their files and their order."""
    # Most SLOs share their alerting, whose text is half of the whole.
    shared = {id(slo.alerting): slo.alerting for slo in slos}
    texts = {key: repr(alerting) for key, alerting in shared.items()}
    lines = sorted(f"{replace(slo, alerting=_NO_ALERTING)!r}{texts[id(slo.alerting)]}" for slo in slos)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _documents_in(text: str, file: Path, findings: Findings) -> Sequence[Document]:
    action = find_action(text)
    if action is not None:
        place = Place(file=file, line=action.line, column=action.column)
        findings.error(place, f"is a template of {action.engine}, not a document", action.remedy, code=TEMPLATE)
        return ()
    content = parse_text(text, file, findings, keys="service: and slos:", lists=True)
    if content.is_empty:
        remedy = "write service: and slos:, or remove the file"
        findings.warning(Place(file=file), "holds no document", remedy, code=NO_DOCUMENT)
    return [native for one in content.documents if (native := without_envelope(one, findings)) is not None]


def _read(
    files: Sequence[Path], texts: Iterable[tuple[Path, str]], findings: Findings, defaults: Defaults
) -> DocumentSet:
    documents: list[tuple[Document, Dialect | None]] = []
    policy_files: list[Document] = []
    comments: dict[Path, Mapping[str, tuple[tuple[int, int], ...]]] = {}
    for file, text in texts:
        comments[file] = read_comments(text, file, findings)
        for one in _documents_in(text, file, findings):
            if is_policy_file(one):
                policy_files.append(one)
            else:
                documents.append((one, _dialect_of(one)))
    are_slos = any(dialect is not None for _, dialect in documents)
    for document, dialect in documents:
        if dialect is None:
            _refuse(document, findings, are_slos=are_slos)
    slos = [(found.slo.id, found) for found in _slos(documents, findings, defaults)]
    placed = [_from_source(found, defaults.source) for found in _without_duplicates(slos, findings, "id", "SLO")]
    if defaults.sources is not None:
        check_sources(placed, defaults.sources, findings)
    return DocumentSet(
        files=tuple(files),
        documents=tuple(documents),
        placed=tuple(with_components(placed, findings)),
        findings=findings,
        ignored=Ignored(comments),
        policies=_policies(documents, policy_files, findings),
    )


def _from_source(found: PlacedSlo, source: str) -> PlacedSlo:
    """An SLO that names no source, of the one that is meant then."""
    if source == DEFAULT_SOURCE or found.source is not None:
        return found
    return replace(found, slo=replace(found.slo, sli=found.slo.sli.from_source(source)))


def _policies(
    documents: Sequence[tuple[Document, Dialect | None]], policy_files: Sequence[Document], findings: Findings
) -> tuple[BudgetPolicy, ...]:
    own = (
        policy_of_document(one, findings) for one, dialect in documents if dialect is not None and "policy" in one.root
    )
    placed = [one for one in own if one is not None]
    placed += [policy for one in policy_files for policy in read_policy_file(one, findings)]
    named = [(found.policy.name, found) for found in placed]
    return tuple(found.policy for found in _without_duplicates(named, findings, "name", "policy"))


def _dialect_of(document: Document) -> Dialect | None:
    return next((dialect for dialect in DIALECTS if dialect.recognises(document)), None)


def _slos(
    documents: Sequence[tuple[Document, Dialect | None]], findings: Findings, defaults: Defaults
) -> list[PlacedSlo]:
    """The SLOs of all dialects; each dialect reads its documents together, since they may refer to each other."""
    of_dialects = ((one, [document for document, of in documents if of is one]) for one in DIALECTS)
    placed = [slo for dialect, own in of_dialects if own for slo in dialect.read(own, findings, defaults)]
    order = {file: i for i, file in enumerate(dict.fromkeys(document.file for document, _ in documents))}
    return sorted(placed, key=lambda found: (order[found.place.file], found.place.line, found.place.column))


def _refuse(document: Document, findings: Findings, *, are_slos: bool) -> None:
    """Say why a document is not read; *are_slos* says whether others of the same set are."""
    root = document.root
    tool, version = tool_of(root), root.get("apiVersion")
    if has_no_slos(root):
        problem, remedy = "is ignored: it lists files for Kustomize", "give the folder that it makes: kustomize build"
        findings.warning(document.place(()), problem, remedy, code=KIND_IGNORED)
        return
    if are_slos and is_beside_slos(root):
        said = tool or f"{version} ({root['kind']})"
        problem, remedy = f"is ignored: a document of {said} holds no SLOs", "give the files with SLOs only"
        findings.warning(document.place(()), problem, remedy, code=KIND_IGNORED)
        return
    problem = "is not a document of Sloburn"
    if tool is not None:
        problem = f"is a document of {tool}, which Sloburn does not read"
    elif isinstance(version, str):
        problem = f"is not a document of Sloburn, or of a tool that it reads: the apiVersion {version} is not known"
    findings.error(document.place(()), problem, remedy_for(root))


def _without_duplicates(
    named: Iterable[tuple[str, _Placed]], findings: Findings, what: str, owner: str
) -> list[_Placed]:
    """The first of each name; *what* the names are and who has them is said of the others."""
    first: dict[str, _Placed] = {}
    for name, found in named:
        earlier = first.setdefault(name, found)
        if earlier is not found:
            problem = f"the {what} {name} is taken by the {owner} at {earlier.place}"
            findings.error(found.place, problem, "write another name, or remove one of them", field=found.field)
    return list(first.values())
