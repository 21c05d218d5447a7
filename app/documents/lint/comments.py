"""Comments that turn warnings and hints off: ``# sloburn: ignore=NAME`` on a line, above it, or at the top."""

import difflib
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from app.documents.lint.names import NAMES, UNKNOWN_NAME
from app.yamldoc.files import read_text
from app.yamldoc.findings import Finding, Findings, Place

_COMMENT = re.compile(r"(?:^|\s)#\s*sloburn:\s*(?:ignore\s*=\s*([\w-]+(?:\s*,\s*[\w-]+)*))?", re.ASCII)
# Behind the last line of every file: a comment without an end turns a finding off up to there.
_END: Final = 2**31
# Each is a line of a thousand characters, and a file may hold a hundred thousand of them.
_MOST_UNKNOWN = 20
_Kind = TypeVar("_Kind", bound=Finding)
_Spans = dict[str, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Ignored:
    """The lines of each file where a name is turned off: by name, disjoint spans of first and last line, sorted."""

    files: Mapping[Path, Mapping[str, tuple[tuple[int, int], ...]]] = field(default_factory=dict)

    def covers(self, finding: Finding) -> bool:
        """Whether a comment turns the finding off."""
        spans = self.files.get(finding.file, {}).get(finding.code, ())
        i = bisect_right(spans, (finding.line, _END)) - 1
        return i >= 0 and finding.line <= spans[i][1]

    def with_file(self, file: Path) -> "Ignored":
        """These, and the comments of another file, such as that of the receivers."""
        text = read_text(file, Findings())
        return self if text is None else Ignored({**self.files, file: read_comments(text, file, Findings())})

    def others(self, findings: Iterable[_Kind]) -> tuple[_Kind, ...]:
        """The findings that no comment turns off."""
        return tuple(finding for finding in findings if not self.covers(finding))


def read_comments(text: str, file: Path, findings: Findings) -> Mapping[str, tuple[tuple[int, int], ...]]:
    """Where each name is turned off in a file; a name that is none is a warning.

    A comment holds for its line, or the next one with content, and for what is nested below that line. Above the first
    line of a document it holds for the whole document.
    """
    if "sloburn:" not in text:
        return {}
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        reader.read(number, line)
    reader.end(_END)
    for name, (at_line, column) in list(reader.unknown.items())[:_MOST_UNKNOWN]:
        place = Place(file=file, line=at_line, column=column)
        findings.warning(place, *_unknown(name), code=UNKNOWN_NAME)
    return {name: _merged(spans) for name, spans in reader.spans.items()}


def name_as_written(name: str) -> str:
    """The name that is meant by one that may have dashes.

    >>> name_as_written("No-Runbook")
    'no_runbook'
    """
    return name.strip().lower().replace("-", "_")


def _unknown(name: str) -> tuple[str, str]:
    if not name:
        return "turns nothing off", "write # sloburn: ignore= and the names of warnings, such as no_runbook"
    close = difflib.get_close_matches(name, NAMES, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return (
        f"{name} is not the name of a warning or hint",
        f"{meant}write the name in brackets behind a warning; docs/lint.md lists them",
    )


@dataclass(slots=True)
class _Reader:
    """Reads lines in their order. *open* are spans whose nesting has not ended, the innermost last."""

    spans: _Spans = field(default_factory=dict)
    unknown: dict[str, tuple[int, int]] = field(default_factory=dict)
    open: list[tuple[int, bool, int, Collection[str]]] = field(default_factory=list)
    above: set[str] = field(default_factory=set)
    of_document: set[str] = field(default_factory=set)
    document_at: int = 0
    has_content: bool = False

    def read(self, number: int, line: str) -> None:
        content = line.strip()
        names = self._names_of(number, line) if "sloburn:" in line else set()
        if line.startswith("---"):
            if self.has_content:
                self.end(number - 1)
                self.document_at, self.has_content = number, False
            self.of_document |= names
        elif not content or content.startswith(("#", "%")):
            (self.above if self.has_content else self.of_document).update(names)
        else:
            self._open(number, line, names | self.above)
            self.above = set()

    def end(self, last: int) -> None:
        """Close everything: the document ends with the line *last*."""
        for _, _, first, names in self.open:
            self._add(first, last, names)
        self._add(self.document_at, last, self.of_document)
        self.open, self.above, self.of_document = [], set(), set()

    def _open(self, number: int, line: str, names: Collection[str]) -> None:
        self.has_content = True
        text = line.lstrip(" ")
        indent, is_item = len(line) - len(text), text.startswith(("- ", "-\n")) or text == "-"
        # A list may be written with the indentation of its key.
        while self.open and not (
            indent > self.open[-1][0] or (indent == self.open[-1][0] and is_item and not self.open[-1][1])
        ):
            _, _, first, ended = self.open.pop()
            self._add(first, number - 1, ended)
        if names:
            self.open.append((indent, is_item, number, names))

    def _add(self, first: int, last: int, names: Collection[str]) -> None:
        for name in names:
            self.spans.setdefault(name, []).append((first, last))

    def _names_of(self, number: int, line: str) -> set[str]:
        found: set[str] = set()
        for comment in _COMMENT.finditer(line):
            written = [] if comment[1] is None else comment[1].split(",")
            for name in map(name_as_written, written or [""]):
                if name in NAMES:
                    found.add(name)
                else:
                    self.unknown.setdefault(name, (number, line.index("#", comment.start()) + 1))
        return found


def _merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans that may be nested, as disjoint ones, sorted."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)
