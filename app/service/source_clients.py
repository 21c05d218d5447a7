"""The clients of the sources of `config/sloburn.yaml`, opened when they are named, closed when they are no more."""

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self

from app.count_sources import CountAccess, CountClient, open_count_client
from app.ingest import NamedSource
from app.integrations import DeliveryConfig, LoadedConfig, SourceConfig
from app.prometheus import (
    PEER,
    ClientInstruments,
    HttpConfig,
    Limits,
    PrometheusClient,
    SourceAccess,
    WallClock,
    open_client,
)
from app.settings import Settings
from app.settings.masking import without_password
from app.slo import DEFAULT_SOURCE, SourceKind

_Client = PrometheusClient | CountClient
# History comes in large answers, one after the other: two of evaluations may be in memory beside it.
_LARGE_IN_BACKGROUND = 1


class SourceClients:
    """Two clients of each source: slow history keeps none of its evaluations from being asked.

    Sources share no connection and no circuit breaker. For the event loop of the evaluations.
    """

    def __init__(self, settings: Settings, *, clock: WallClock, instruments: ClientInstruments) -> None:
        self._settings = settings
        self._clock = clock
        self._instruments = instruments
        self._open: dict[SourceConfig, tuple[AsyncExitStack, _Client, _Client]] = {}

    async def open(self, sources: Sequence[SourceConfig]) -> tuple[NamedSource, ...]:
        """The clients of these sources; those of others stay open until `close_others`.

        Raises:
            MisconfiguredError: a certificate or key cannot be read.
        """
        return tuple([await self._named(config) for config in sources])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close_others(())

    async def close_others(self, sources: Sequence[SourceConfig]) -> None:
        """Close the clients of all but these sources."""
        for config in [one for one in self._open if one not in sources]:
            stack, _, _ = self._open.pop(config)
            await stack.aclose()

    def live(self, sources: Sequence[SourceConfig]) -> PrometheusClient | None:
        """The client that evaluations ask of the first Prometheus among sources; None while none is open."""
        clients = (self._open[config][1] for config in sources if config in self._open)
        return next((client for client in clients if isinstance(client, PrometheusClient)), None)

    def background(self, sources: Sequence[SourceConfig]) -> Mapping[str, PrometheusClient]:
        """The clients of the Prometheis among sources that no evaluation waits for, by name, if they are open."""
        clients = {config.name: self._open[config][2] for config in sources if config in self._open}
        return {name: client for name, client in clients.items() if isinstance(client, PrometheusClient)}

    def clock_skews(self, sources: Sequence[SourceConfig]) -> Mapping[str, float]:
        """How far the clocks of the Prometheis among sources are ahead of ours, in seconds, by their names."""
        clients = {config.name: self._open[config][1] for config in sources if config in self._open}
        return {
            "Prometheus" if name == DEFAULT_SOURCE else _peer(name): client.clock_skew
            for name, client in clients.items()
            if isinstance(client, PrometheusClient)
        }

    @asynccontextmanager
    async def pair(
        self, http: HttpConfig, limits: Limits, *, name: str = DEFAULT_SOURCE
    ) -> AsyncIterator[tuple[PrometheusClient, PrometheusClient]]:
        """The client of one server that evaluations ask, and the one for all that no evaluation waits for."""
        opened = partial(
            open_client,
            http,
            clock=self._clock,
            instruments=self._instruments,
            partial=self._settings.prometheus_partial,
            peer=_peer(name),
        )
        fewer = replace(limits, large_at_once=_LARGE_IN_BACKGROUND)
        async with opened(limits=limits) as live, opened(limits=fewer, beside=live) as background:
            yield live, background

    async def _named(self, config: SourceConfig) -> NamedSource:
        access = _access(config, self._settings)
        if config not in self._open:
            async with AsyncExitStack() as stack:
                live, background = await stack.enter_async_context(self._pair_of(config.name, access))
                self._open[config] = stack.pop_all(), live, background
        _, live, background = self._open[config]
        return NamedSource(
            name=config.name,
            live=live,
            background=background,
            metrics=background if isinstance(background, PrometheusClient) else None,
            later_by=_later_by(config, self._settings),
            timeout=access.limits.timeout,
            settle=config.settle,
            metered=isinstance(access, CountAccess),
        )

    @asynccontextmanager
    async def _pair_of(self, name: str, access: SourceAccess | CountAccess) -> AsyncIterator[tuple[_Client, _Client]]:
        if isinstance(access, SourceAccess):
            async with self.pair(access.http, access.limits, name=name) as pair:
                yield pair
            return
        opened = partial(open_count_client, access, instruments=self._instruments)
        async with opened(background=False) as live, opened(beside=live) as background:
            yield live, background


def _peer(name: str) -> str:
    """Whose clock that of a source is, apart from receivers that may be called the same."""
    return PEER if name == DEFAULT_SOURCE else f"source {name}"


def known_sources(settings: Settings, loaded: LoadedConfig) -> Mapping[str, SourceKind] | None:
    """The kinds of the sources that documents may name: those of the file, and that of the setting where it is meant.

    The setting has a default: beside sources of the file it counts only if it was set. None where the file has errors
    of its own, since it may be that a source is not read.
    """
    if loaded.errors:
        return None
    listed = {one.name: one.kind for one in loaded.config.sources}
    is_meant = not listed or "prometheus_url" in settings.model_fields_set
    return {**listed, DEFAULT_SOURCE: SourceKind.PROMETHEUS} if is_meant and DEFAULT_SOURCE not in listed else listed


def reachable_sources(settings: Settings, config: DeliveryConfig) -> Mapping[str, SourceAccess | CountAccess]:
    """How each source is reached, by its name; the default one as the settings say, if the file does not list it."""
    default = SourceAccess(
        http=settings.prometheus_http(), limits=settings.prometheus_limits(), partial=settings.prometheus_partial
    )
    return {DEFAULT_SOURCE: default, **{one.name: _access(one, settings) for one in config.sources}}


def graphs_of_sources(settings: Settings, config: DeliveryConfig) -> Mapping[str, str]:
    """Where people graph queries of each source, by its name, without passwords."""
    default = settings.prometheus_external_url or settings.prometheus_url
    urls = {DEFAULT_SOURCE: default, **{one.name: one.external_url for one in config.sources}}
    return {name: without_password(url) for name, url in urls.items()}


def _access(config: SourceConfig, settings: Settings) -> SourceAccess | CountAccess:
    limits = _limits_of(config, settings)
    if config.kind is SourceKind.PROMETHEUS:
        return SourceAccess(http=config.http, limits=limits, partial=settings.prometheus_partial)
    return CountAccess(kind=config.kind, http=config.http, limits=limits, account=config.account)


def _limits_of(config: SourceConfig, settings: Settings) -> Limits:
    limits = settings.prometheus_limits()
    timeout = limits.timeout if config.timeout is None else settings.within_slot(config.timeout)
    return replace(limits, timeout=timeout, at_once=config.concurrency)


def _later_by(config: SourceConfig, settings: Settings) -> timedelta:
    """How much later than its evaluation a slot is asked for, in whole slots."""
    if config.query_offset is None or config.query_offset <= settings.query_offset:
        return timedelta(0)
    return math.ceil((config.query_offset - settings.query_offset) / settings.evaluation_interval) * (
        settings.evaluation_interval
    )
