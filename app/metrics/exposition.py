"""What `/metrics` answers: SLOs and own health, in the format and encoding that the scraper asks for."""

import gzip
from dataclasses import dataclass

from prometheus_client.exposition import choose_encoder, gzip_accepted

from app.metrics.collector import render_slos
from app.metrics.instruments import Instruments
from app.status import Board, Snapshot

# Level 1 takes a third of the time of the default and repeated label sets shrink to a twentieth all the same.
_GZIP_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a scrape."""

    body: bytes
    content_type: str
    gzipped: bool


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The SLOs of one tick as text; the board swaps its tuple as a whole, so identity says whether it is current."""

    snapshots: tuple[Snapshot, ...]
    text: bytes


class Exposition:
    """Renders the board once per tick and format; own health is read at every scrape."""

    def __init__(self, board: Board, instruments: Instruments) -> None:
        self._board = board
        self._instruments = instruments
        self._rendered: dict[bool, _Rendered] = {}

    def render(self, *, accept: str = "", accept_encoding: str = "") -> Page:
        """The page for a scraper that sent these headers; safe to call from several threads."""
        encode, content_type = choose_encoder(accept)
        openmetrics = content_type.startswith("application/openmetrics-text")
        # Own health comes last: its encoder writes the "# EOF" that OpenMetrics ends with.
        body = self._slos(openmetrics=openmetrics) + encode(self._instruments.registry)
        if gzip_accepted(accept_encoding):
            return Page(gzip.compress(body, _GZIP_LEVEL), content_type, gzipped=True)
        return Page(body, content_type, gzipped=False)

    def _slos(self, *, openmetrics: bool) -> bytes:
        snapshots = self._board.snapshots
        cached = self._rendered.get(openmetrics)
        if cached is None or cached.snapshots is not snapshots:
            cached = _Rendered(snapshots, render_slos(snapshots, openmetrics=openmetrics).encode())
            self._rendered[openmetrics] = cached
        return cached.text
