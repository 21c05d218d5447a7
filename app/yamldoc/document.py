"""One document of a file, and where its values are."""

from dataclasses import dataclass
from pathlib import Path

from app.yamldoc.findings import FieldPath, Place
from app.yamldoc.tree import Node, Position, Table, locate


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A mapping at the root of a file, or of one part of a multi-document file."""

    file: Path
    root: Table
    at: Position

    def place(self, path: FieldPath, *, key: bool = False) -> Place:
        """The position of the value at *path*, or of its key; of the innermost value around it if it does not exist."""
        _, (line, column) = locate(self.root, self.at, path, key=key)
        return Place(file=self.file, line=line, column=column)

    def value(self, path: FieldPath) -> Node | None:
        """The value at *path*; None where there is none."""
        return locate(self.root, self.at, path)[0]
