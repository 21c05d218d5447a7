"""What `/metrics` answers: SLOs and own health, in the format and encoding that the scraper asks for."""

import gzip
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from typing import NamedTuple, Protocol

from prometheus_client.exposition import choose_encoder, gzip_accepted

from app.changes import Change
from app.metrics.change_samples import render_changes
from app.metrics.collector import render_families
from app.metrics.instruments import Instruments
from app.metrics.slo_lines import KnownTexts
from app.metrics.sloth_lines import SlothTexts
from app.slo import MetricNames, Tenants
from app.status import Board, Snapshot

# Of the text format and of OpenMetrics: the library encodes no other for what asks for them.
_VERSIONS = frozenset({"0.0.4", "1.0.0"})
# RFC 9110: a quality of 0 means "not acceptable".
_ZERO = re.compile(r"0(\.0*)?")
# Level 1 takes a third of the time of the default and repeated label sets shrink to a twentieth all the same.
_GZIP_LEVEL = 1
# How zlib is asked for a gzip header.
_GZIP = 16 + zlib.MAX_WBITS

# To render fewer takes less than a tenth of a second.
_MANY = 2_000
# After so many evaluations without a scrape the next one renders its page itself; scrapes are minutes apart at most.
_RENDERED_UNASKED = 20
# The transaction of an evaluation of so many SLOs takes about as long.
_WRITES_S = 1.0


class PageForm(NamedTuple):
    """What distinguishes the pages of one moment; *tenants* are those of its readers, None for all."""

    content_type: str
    gzipped: bool
    tenants: Tenants | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a scrape."""

    body: bytes
    content_type: str
    gzipped: bool


class _Compressor(Protocol):
    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...
    def copy(self) -> "_Compressor": ...


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The SLOs of one evaluation as text, current for as long as the board has the same tuple of snapshots.

    With a *compressor* it is the beginning of a gzip stream, from which the compressor goes on. *services* are those
    of the SLOs.
    """

    snapshots: tuple[Snapshot, ...]
    services: frozenset[str]
    text: bytes
    compressor: _Compressor | None

    @classmethod
    def of(cls, snapshots: tuple[Snapshot, ...], texts: Iterable[str], *, gzipped: bool) -> "_Rendered":
        """Compressed one text after another: the page of 10,000 SLOs has 60 MB."""
        services = frozenset(snapshot.slo.service for snapshot in snapshots)
        if not gzipped:
            return cls(snapshots, services, b"".join([text.encode() for text in texts]), None)
        compressor = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP)
        return cls(snapshots, services, b"".join([compressor.compress(text.encode()) for text in texts]), compressor)

    def and_then(self, more: bytes) -> bytes:
        """The whole page, which ends with *more*."""
        if self.compressor is None:
            return self.text + more
        compressor = self.compressor.copy()
        return b"".join((self.text, compressor.compress(more), compressor.flush()))


class _Kind(NamedTuple):
    openmetrics: bool
    gzipped: bool


class Exposition:
    """Renders what this process evaluates once per evaluation and format; own health is read at every scrape.

    Of many SLOs the pages that were asked for lately are rendered after each evaluation, and scrapes get those of the
    evaluation before until they are ready (ADR-0062).
    """

    def __init__(
        self,
        board: Board,
        instruments: Instruments,
        *,
        names: MetricNames = MetricNames.SLOBURN,
        changes: Callable[[], Iterable[Change]] = tuple,
        many: int = _MANY,
        rest: Callable[[float], object] = time.sleep,
    ) -> None:
        self._board = board
        self._instruments = instruments
        self._rendered: dict[_Kind, _Rendered] = {}
        self._changes = changes
        self._known = KnownTexts()
        self._turn = Lock()
        self._sloth = SlothTexts() if names is MetricNames.SLOTH else None
        self._many, self._rest = many, rest
        self._evaluations = 0
        # Of each kind, the evaluation at which it was last asked for; written by several threads.
        self._asked_at: dict[_Kind, int] = {}
        self._ahead: Thread | None = None
        board.follow(self._render_ahead)

    def form(self, *, accept: str = "", accept_encoding: str = "") -> PageForm:
        """The form of the page for a scraper that sends these headers."""
        _, content_type = choose_encoder(_usable(accept))
        return PageForm(content_type, accepts_gzip(accept_encoding))

    def render(self, *, accept: str = "", accept_encoding: str = "") -> Page:
        """The page for a scraper that sent these headers; safe to call from several threads."""
        encode, content_type = choose_encoder(_usable(accept))
        openmetrics = content_type.startswith("application/openmetrics-text")
        kind = _Kind(openmetrics, accepts_gzip(accept_encoding))
        self._asked_at[kind] = self._evaluations
        slos = self._slos(kind)
        # Of this moment: a deploy is no reason to render all SLOs again.
        changes = render_changes(self._changes(), slos.services, openmetrics=openmetrics).encode()
        # Own health comes last: its encoder writes the "# EOF" that OpenMetrics ends with.
        more = changes + encode(self._instruments.registry)
        return Page(slos.and_then(more), content_type, gzipped=kind.gzipped)

    def render_part(self, belongs: Callable[[str], bool], *, accept: str = "", accept_encoding: str = "") -> Page:
        """A page of the SLOs that *belong* to who asks, by their ids; without the health of the service."""
        _, content_type = choose_encoder(_usable(accept))
        openmetrics = content_type.startswith("application/openmetrics-text")
        snapshots = tuple(one for one in self._board.own if belongs(one.id))
        services = {snapshot.slo.service for snapshot in snapshots}
        # Texts that are written once are kept by who asks for all of them.
        sloth = None if self._sloth is None else SlothTexts()
        families = _families(snapshots, KnownTexts(), sloth, openmetrics=openmetrics)
        text = "".join((*families, render_changes(self._changes(), services, openmetrics=openmetrics)))
        body = (text + ("# EOF\n" if openmetrics else "")).encode()
        gzipped = accepts_gzip(accept_encoding)
        return Page(gzip.compress(body, compresslevel=_GZIP_LEVEL) if gzipped else body, content_type, gzipped=gzipped)

    def _slos(self, kind: _Kind) -> _Rendered:
        cached, ahead = self._rendered.get(kind), self._ahead
        if cached is not None and ahead is not None and ahead.is_alive():
            return cached
        with self._turn:
            return self._current(kind)

    def _current(self, kind: _Kind) -> _Rendered:
        snapshots = self._board.own
        cached = self._rendered.get(kind)
        if cached is None or cached.snapshots is not snapshots:
            texts = _families(snapshots, self._known, self._sloth, openmetrics=kind.openmetrics)
            cached = self._rendered[kind] = _Rendered.of(snapshots, texts, gzipped=kind.gzipped)
        return cached

    def _render_ahead(self) -> None:
        """Render in a thread what was asked for lately; a page of few SLOs takes no time that a scraper notices."""
        self._evaluations += 1
        if len(self._board.own) < self._many or not self._asked_lately():
            return
        if self._ahead is None or not self._ahead.is_alive():
            self._ahead = Thread(target=self._render_all, name="metrics", daemon=True)
            self._ahead.start()

    def _render_all(self) -> None:
        # What an evaluation shows it writes next: at the same time both would take longer.
        self._rest(_WRITES_S)
        with self._turn:
            for kind in self._asked_lately():
                self._current(kind)

    def _asked_lately(self) -> Sequence[_Kind]:
        # A copy first: a scraper may ask for another kind meanwhile.
        return [kind for kind, at in tuple(self._asked_at.items()) if self._evaluations - at <= _RENDERED_UNASKED]


def _families(
    snapshots: Sequence[Snapshot], known: KnownTexts, sloth: SlothTexts | None, *, openmetrics: bool
) -> Iterator[str]:
    yield from render_families(snapshots, openmetrics=openmetrics, known=known)
    if sloth is not None:
        yield from sloth.render_families(snapshots, openmetrics=openmetrics)


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
