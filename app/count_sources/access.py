"""How to reach a service that counts in intervals, and clients of it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from app.count_sources.client import CountClient
from app.count_sources.service import CountService, datadog_service, newrelic_service
from app.count_sources.service_limit import ServiceLimit
from app.http import FollowedContext
from app.prometheus import (
    ClientInstruments,
    ConnectionPool,
    HttpConfig,
    Limits,
    MisconfiguredError,
    NoClientInstruments,
    WallClock,
    http_transport,
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
    config = access.http
    try:
        tls = FollowedContext(config.ssl_context, config.tls_files)
    except OSError as error:
        raise MisconfiguredError(f"cannot use the TLS files of a source: {error.strerror or error}") from None
    pool = ConnectionPool(lambda: http_transport(tls.context), count=access.limits.at_once, tls=tls)
    client = CountClient(
        access.service,
        config,
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
        await pool.aclose()
