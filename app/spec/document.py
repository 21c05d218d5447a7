"""One document of a file, and the ports between the loader and the dialects."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.slo import Slo
from app.spec.errors import FieldPath, Findings, Place
from app.spec.tree import Node, Position, Table, locate


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A mapping at the root of a file, or of one part of a multi-document file."""

    file: Path
    root: Table
    at: Position

    def place(self, path: FieldPath, *, key: bool = False) -> Place:
        """Where the value at *path* stands, or its key; the innermost value around it where it does not exist."""
        _, (line, column) = locate(self.root, self.at, path, key=key)
        return Place(file=self.file, line=line, column=column)

    def value(self, path: FieldPath) -> Node | None:
        """The value at *path*; None where there is none."""
        return locate(self.root, self.at, path)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSlo:
    """An SLO and where its document names it."""

    slo: Slo
    place: Place
    field: FieldPath


class Dialect(Protocol):
    """A kind of document that the loader understands; chosen by what the document says, never by its file name."""

    @property
    def name(self) -> str:
        """What people call the dialect."""

    def recognises(self, document: Document) -> bool:
        """Whether the document says that it is of this dialect."""

    def read(self, document: Document, findings: Findings) -> list[PlacedSlo]:
        """The SLOs of the document that are sound; what is wrong with the others goes to the findings."""
