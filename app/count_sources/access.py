"""How to reach a service that counts in intervals, and clients of it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from app.count_sources.client import CountClient
from app.count_sources.service import CountService, datadog_service, newrelic_service
from app.count_sources.service_limit import ServiceLimit
from app.prometheus import (
    ClientInstruments,
    HttpConfig,
    Limits,
    NoClientInstruments,
    WallClock,
    open_pool,
)
from app.slo import SourceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAccess:
    """How a service of a *kind* is reached, as a value that another process can open; *account* is of New Relic."""

    kind: SourceKind
    http: HttpConfig
    limits: Limits
    account: int = 0

    @property
    def service(self) -> CountService:
        """What it looks like."""
        return datadog_service() if self.kind is SourceKind.DATADOG else newrelic_service(self.account)

    def open(self, *, clock: WallClock) -> AbstractAsyncContextManager[CountClient]:
        """A client of the service, which leaves some of its limit to others.

        Raises:
            MisconfiguredError: a certificate or key cannot be read.
        """
        del clock
        return open_count_client(self)


@asynccontextmanager
async def open_count_client(
    access: CountAccess,
    *,
    instruments: ClientInstruments | None = None,
    beside: CountClient | None = None,
    background: bool = True,
) -> AsyncIterator[CountClient]:
    """A client with connections of its own, which close at the end; *beside* is another one of the same service.

    Raises:
        MisconfiguredError: a certificate or key cannot be read, or a header cannot be sent.
    """
    service = access.service
    async with open_pool(access.http, count=access.limits.at_once, server=service.name) as pool:
        client = CountClient(
            service,
            access.http,
            pool=pool,
            instruments=instruments or NoClientInstruments(),
            limits=access.limits,
            rate=ServiceLimit() if beside is None else beside.rate,
            background=background,
        )
        try:
            yield client
        finally:
            await client.aclose()
