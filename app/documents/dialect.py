"""The ports between the loader and the dialects."""

from dataclasses import dataclass
from typing import Protocol

from app.slo import Slo
from app.yamldoc.document import Document
from app.yamldoc.findings import FieldPath, Findings, Place


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
