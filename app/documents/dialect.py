"""The ports between the loader and the dialects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from app.slo import DEFAULT_SOURCE, RollingWindow, Slo, SourceKind, Window
from app.yamldoc.document import Document
from app.yamldoc.findings import FieldPath, Findings, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSlo:
    """An SLO and where its document names it.

    *components* is where each component of a composite is named, *source* where its source is; None if it has none.
    """

    slo: Slo
    place: Place
    field: FieldPath
    components: tuple[tuple[Place, FieldPath], ...] = ()
    source: tuple[Place, FieldPath] | None = None


# The default of Sloth's flag `--default-slo-period`.
_WINDOW = RollingWindow(timedelta(days=30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What applies where a document leaves it to the process that reads it.

    *window* is the SLO window of documents that have none, as those of Sloth. *sources* are the kinds of all sources by
    their names, None where they are not known, and *source* is that of SLOs that name none.
    """

    window: Window = _WINDOW
    sources: Mapping[str, SourceKind] | None = None
    source: str = DEFAULT_SOURCE

    @classmethod
    def of(cls, window: timedelta, sources: Mapping[str, SourceKind] | None = None) -> "Defaults":
        """A rolling window of this length."""
        return cls(window=RollingWindow(window), sources=sources)


class Dialect(Protocol):
    """A kind of document that the loader understands; chosen by what the document says, never by its file name."""

    @property
    def name(self) -> str:
        """What people call the dialect."""

    @property
    def has_windows(self) -> bool:
        """Whether its documents say what the SLO window is."""

    def recognises(self, document: Document) -> bool:
        """Whether the document says that it is of this dialect."""

    def read(self, documents: Sequence[Document], findings: Findings, defaults: Defaults) -> list[PlacedSlo]:
        """The sound SLOs of all documents of the dialect, which may refer to each other across files.

        What is wrong with the others goes to the findings.
        """
