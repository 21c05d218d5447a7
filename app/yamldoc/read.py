"""The documents of a file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.yamldoc.document import Document
from app.yamldoc.files import read_text
from app.yamldoc.findings import FieldFinding, FieldPath, Findings, Place
from app.yamldoc.scalars import kind
from app.yamldoc.tree import Items, Node, Position, SyntaxProblemError, Table, read_trees


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """The mappings of a file, up to a syntax error if there is one; *is_empty*: it is sound and holds nothing."""

    documents: tuple[Document, ...] = ()
    is_empty: bool = False


def read_file(file: Path, findings: Findings, *, keys: str) -> FileContent:
    """The documents of a YAML or JSON file; *keys* is what one begins with, for what is said where it is no mapping."""
    text = read_text(file, findings)
    return FileContent() if text is None else parse_text(text, file, findings, keys=keys)


def parse_text(text: str, file: Path, findings: Findings, *, keys: str, lists: bool = False) -> FileContent:
    """The documents in the text of a file, as in `read_file`; *lists*: each item of a list is a document of its own."""

    def report(position: Position, problem: str, remedy: str) -> None:
        line, column = position
        findings.error(Place(file=file, line=line, column=column), problem, remedy)

    found: list[Document] = []
    is_empty = True
    try:
        for position, root in read_trees(text, report):
            is_empty = False
            for at, node in _roots(position, root) if lists else [(position, root)]:
                if isinstance(node, Table):
                    found.append(Document(file=file, root=node, at=at))
                else:
                    report(at, f"a document must be a mapping, not {kind(node)}", f"write {keys}")
    except SyntaxProblemError as error:
        report(error.position, error.problem, error.remedy)
        is_empty = False
    return FileContent(documents=tuple(found), is_empty=is_empty)


def _roots(position: Position, root: Node) -> Iterator[tuple[Position, Node]]:
    """The documents of a list, and of a list as kubectl writes it; otherwise the document itself."""
    items = root.get("items") if isinstance(root, Table) and str(root.get("kind", "")).endswith("List") else root
    if isinstance(items, Items):
        yield from zip(items.values_at, items, strict=True)
    else:
        yield position, root


def add_errors(found: Iterable[FieldFinding], document: Document, findings: Findings, *, under: FieldPath = ()) -> None:
    """Add what is wrong with fields of a document; *under* is the path that theirs begin at."""
    for one in found:
        path = (*under, *one.path)
        findings.error(document.place(path, key=one.at_key), one.problem, one.remedy, field=path, code=one.code)


def add_warnings(
    found: Iterable[FieldFinding], document: Document, findings: Findings, *, under: FieldPath = ()
) -> None:
    """Add what is probably not meant in a document; *under* is the path that theirs begin at."""
    for one in found:
        path = (*under, *one.path)
        findings.warning(document.place(path, key=one.at_key), one.problem, one.remedy, field=path, code=one.code)
