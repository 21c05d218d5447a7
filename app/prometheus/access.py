"""How to reach a server, as a value: it can be handed to another process, and opened there."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.prometheus.client import Limits, PrometheusClient, open_client
from app.prometheus.decode import PartialPolicy
from app.prometheus.http_config import HttpConfig
from app.prometheus.ports import WallClock


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccess:
    """How a source is reached, how much of it is asked at once, and what becomes of answers with data missing."""

    http: HttpConfig
    limits: Limits
    partial: PartialPolicy

    def open(self, *, clock: WallClock) -> AbstractAsyncContextManager[PrometheusClient]:
        """A client of the source.

        Raises:
            MisconfiguredError: a certificate or key cannot be read.
        """
        return open_client(self.http, clock=clock, limits=self.limits, partial=self.partial)


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class OpensSource(Protocol[T_co]):
    """How a source of any kind is reached."""

    def open(self, *, clock: WallClock) -> AbstractAsyncContextManager[T_co]:
        """A client of the source.

        Raises:
            MisconfiguredError: a certificate or key cannot be read.
        """


@asynccontextmanager
async def open_sources(sources: Mapping[str, OpensSource[T]], *, clock: WallClock) -> AsyncIterator[Mapping[str, T]]:
    """A client of each source, by its name; they connect when they are first asked."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(one.open(clock=clock)) for name, one in sources.items()}
