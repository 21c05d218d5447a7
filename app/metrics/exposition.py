"""What `/metrics` answers: SLOs and own health, in the format and encoding that the scraper asks for."""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, Protocol

from prometheus_client.exposition import choose_encoder, gzip_accepted

from app.metrics.collector import render_families
from app.metrics.instruments import Instruments
from app.metrics.slo_lines import KnownTexts
from app.metrics.sloth_lines import MetricNames, SlothTexts
from app.status import Board, Snapshot

# Of the text format and of OpenMetrics: the library encodes no other for what asks for them.
_VERSIONS = frozenset({"0.0.4", "1.0.0"})
# RFC 9110: a quality of 0 means "not acceptable".
_ZERO = re.compile(r"0(\.0*)?")
# Level 1 takes a third of the time of the default and repeated label sets shrink to a twentieth all the same.
_GZIP_LEVEL = 1
# How zlib is asked for a gzip header.
_GZIP = 16 + zlib.MAX_WBITS


class PageForm(NamedTuple):
    """What distinguishes the pages of one moment."""

    content_type: str
    gzipped: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a scrape."""

    body: bytes
    content_type: str
    gzipped: bool


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The SLOs of one evaluation as text, current for as long as the board has the same tuple of snapshots."""

    snapshots: tuple[Snapshot, ...]
    text: bytes


class _Compressor(Protocol):
    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...
    def copy(self) -> "_Compressor": ...


@dataclass(frozen=True, slots=True)
class _Compressed:
    """The SLOs of one evaluation as the beginning of a gzip stream, and the compressor that can go on from there."""

    snapshots: tuple[Snapshot, ...]
    begun: bytes
    compressor: _Compressor

    @classmethod
    def of(cls, snapshots: tuple[Snapshot, ...], texts: Iterable[str]) -> "_Compressed":
        """Compressed one text after another: the page of 10,000 SLOs has 60 MB."""
        compressor = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP)
        return cls(snapshots, b"".join([compressor.compress(text.encode()) for text in texts]), compressor)

    def and_then(self, more: bytes) -> bytes:
        compressor = self.compressor.copy()
        return b"".join((self.begun, compressor.compress(more), compressor.flush()))


class Exposition:
    """Renders the board once per evaluation and format; own health is read at every scrape."""

    def __init__(self, board: Board, instruments: Instruments, *, names: MetricNames = MetricNames.SLOBURN) -> None:
        self._board = board
        self._instruments = instruments
        self._rendered: dict[bool, _Rendered] = {}
        self._compressed: dict[bool, _Compressed] = {}
        self._known = KnownTexts()
        self._turn = Lock()
        self._sloth = SlothTexts() if names is MetricNames.SLOTH else None

    def form(self, *, accept: str = "", accept_encoding: str = "") -> PageForm:
        """The form of the page for a scraper that sends these headers."""
        _, content_type = choose_encoder(_usable(accept))
        return PageForm(content_type, accepts_gzip(accept_encoding))

    def render(self, *, accept: str = "", accept_encoding: str = "") -> Page:
        """The page for a scraper that sent these headers; safe to call from several threads."""
        with self._turn:
            return self._render(accept, accept_encoding)

    def _render(self, accept: str, accept_encoding: str) -> Page:
        encode, content_type = choose_encoder(_usable(accept))
        openmetrics = content_type.startswith("application/openmetrics-text")
        # Own health comes last: its encoder writes the "# EOF" that OpenMetrics ends with.
        own = encode(self._instruments.registry)
        if accepts_gzip(accept_encoding):
            return Page(self._compressed_slos(openmetrics=openmetrics).and_then(own), content_type, gzipped=True)
        return Page(self._slos(openmetrics=openmetrics) + own, content_type, gzipped=False)

    def _compressed_slos(self, *, openmetrics: bool) -> _Compressed:
        snapshots = self._board.current.snapshots
        cached = self._compressed.get(openmetrics)
        if cached is None or cached.snapshots is not snapshots:
            cached = _Compressed.of(snapshots, self._families(snapshots, openmetrics=openmetrics))
            self._compressed[openmetrics] = cached
        return cached

    def _slos(self, *, openmetrics: bool) -> bytes:
        snapshots = self._board.current.snapshots
        cached = self._rendered.get(openmetrics)
        if cached is None or cached.snapshots is not snapshots:
            texts = self._families(snapshots, openmetrics=openmetrics)
            cached = _Rendered(snapshots, b"".join([text.encode() for text in texts]))
            self._rendered[openmetrics] = cached
        return cached.text

    def _families(self, snapshots: Sequence[Snapshot], *, openmetrics: bool) -> Iterator[str]:
        yield from render_families(snapshots, openmetrics=openmetrics, known=self._known)
        if self._sloth is not None:
            yield from self._sloth.render_families(snapshots, openmetrics=openmetrics)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client that sends this `Accept-Encoding` reads gzip."""
    return bool(gzip_accepted(_usable(accept_encoding)))


def _usable(accept: str) -> str:
    """The parts of an `Accept` header that prometheus_client can choose from.

    It fails at a version that is no number, promises any version that a client asks for, and does not know `q=0`.
    """
    return ",".join(part for part in accept.split(",") if _is_usable(part))


def _is_usable(part: str) -> bool:
    _, *parameters = (text.strip() for text in part.split(";"))
    values = dict(parameter.partition("=")[::2] for parameter in parameters)
    return values.get("version", "1.0.0") in _VERSIONS and not _ZERO.fullmatch(values.get("q", "1"))
