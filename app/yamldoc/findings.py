"""What is wrong with a document, where, and what to write instead."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

from typing_extensions import override

FieldPath = tuple[str | int, ...]
"""The way from the root of a document to a value: keys, and positions in lists."""


# Characters of what is wrong or to be written: a document may quote megabytes of itself.
_LONGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A position in a file; lines and columns count from 1, and are 0 where the file as a whole is meant."""

    file: Path
    line: int = 0
    column: int = 0

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """One thing to say about the value at *path* of a document, or about its key, before it has a place in a file."""

    path: FieldPath
    problem: str
    remedy: str
    code: str = ""
    at_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing to say about a document; *field* is empty where the file or its syntax is meant, or a *subject*.

    *code* identifies the kind of finding for programs, independent of the wording; empty where none is needed.
    *subject* is what is meant where that is no field, such as the id of an SLO.
    """

    file: Path
    line: int
    column: int
    field: str
    problem: str
    remedy: str
    code: str = ""
    subject: str = ""

    word: ClassVar[str] = "finding"
    """What kind of finding it is."""

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(file=self.file, line=self.line, column=self.column)

    @property
    def text(self) -> str:
        """The field or subject, what is wrong with it and what to write instead, in one printable line."""
        names = [name for name in (self.field, self.subject) if name]
        return _printable(": ".join((*names, f"{self.problem}; {self.remedy}")))

    @property
    def named_text(self) -> str:
        """The text with the code behind it, by which a warning is turned off."""
        return f"{self.text} [{self.code}]" if self.code else self.text

    @property
    def printed(self) -> str:
        """The finding as commands print it: its place first so that editors jump there, its kind and its text."""
        return f"{_printable(str(self.place))}: {self.word}: {self.named_text}"

    @override
    def __str__(self) -> str:
        return f"{_printable(str(self.place))}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ErrorFinding(Finding):
    """One thing that makes a document unusable."""

    word: ClassVar[str] = "error"
    __str__ = Finding.__str__


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class WarningFinding(Finding):
    """One thing that loads, and is probably not meant."""

    word: ClassVar[str] = "warning"
    __str__ = Finding.__str__


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class HintFinding(Finding):
    """One thing that is worth a look, and normal for some services."""

    word: ClassVar[str] = "hint"
    __str__ = Finding.__str__


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LossFinding(Finding):
    """One thing that cannot be said in the form that a document is converted to."""

    word: ClassVar[str] = "not converted"
    __str__ = Finding.__str__


_Kind = TypeVar("_Kind", ErrorFinding, WarningFinding)


class Findings:
    """Errors and warnings, gathered over many files."""

    def __init__(self) -> None:
        self._errors: dict[ErrorFinding, FieldPath] = {}
        self._warnings: dict[WarningFinding, FieldPath] = {}

    def error(self, place: Place, problem: str, remedy: str, *, field: FieldPath = (), code: str = "") -> None:
        """Add what makes the documents unusable."""
        self._errors.setdefault(_finding(ErrorFinding, place, problem, remedy, field, code=code), field)

    def warning(
        self, place: Place, problem: str, remedy: str, *, field: FieldPath = (), code: str, subject: str = ""
    ) -> None:
        """Add what is probably not meant; *code* is the name by which it can be turned off."""
        found = _finding(WarningFinding, place, problem, remedy, field, code=code)
        self._warnings.setdefault(replace(found, subject=subject), field)

    @property
    def errors(self) -> tuple[ErrorFinding, ...]:
        """Every error once, by file and line."""
        return tuple(sorted(self._errors))

    @property
    def warnings(self) -> tuple[WarningFinding, ...]:
        """Every warning once, by file and line."""
        return tuple(sorted(self._warnings))

    def path_of(self, warning: WarningFinding) -> FieldPath:
        """The path of the value that a warning is about."""
        return self._warnings[warning]


def field_text(path: FieldPath) -> str:
    """The path as people read it.

    >>> field_text(("slos", 0, "sli", "total"))
    'slos[0].sli.total'
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _finding(kind: type[_Kind], place: Place, problem: str, remedy: str, field: FieldPath, *, code: str = "") -> _Kind:
    return kind(
        file=place.file,
        line=place.line,
        column=place.column,
        field=_short(field_text(field)),
        problem=_short(problem),
        remedy=_short(remedy),
        code=code,
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _printable(text: str) -> str:
    # Text of a document must not add lines to a log, or send commands to a terminal.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
