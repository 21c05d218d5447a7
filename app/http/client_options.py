"""What all requests of one receiver have in common, and the addresses that they may go to."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

import httpx

from app.http import IpAddress, NameLookupTimeoutError, Resolver, probe_file, resolve_host
from app.http.addresses import AddressPolicy
from app.http.failures import AttemptError, Failed, FailureReason
from app.http.request_options import HttpOptions, TlsOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What all requests have in common.

    Attributes:
        policy: which addresses may be connected to.
        deadline: the longest that one request may take, redirects included.
        ca_file: certificates to trust beside the usual ones.
        resolver: turns names into addresses.
        http: how to log in and which way to go.
    """

    policy: AddressPolicy = field(default_factory=AddressPolicy)
    deadline: timedelta = timedelta(seconds=10)
    ca_file: Path | None = None
    resolver: Resolver = resolve_host
    http: HttpOptions = field(default_factory=HttpOptions)

    @property
    def tls_files(self) -> tuple[Path, ...]:
        """The files that `ssl_context` reads."""
        return (*(() if self.ca_file is None else (self.ca_file,)), *self.http.tls.files)

    def ssl_context(self) -> ssl.SSLContext:
        """What certificates of servers are checked with."""
        if self.ca_file is None and self.http.tls == TlsOptions():
            return _usual_context()
        context = httpx.create_ssl_context(trust_env=False)
        if self.ca_file is not None:
            probe_file(self.ca_file)
            context.load_verify_locations(self.ca_file)
        self.http.tls.apply(context)
        return context


@cache
def _usual_context() -> ssl.SSLContext:
    """Shared by all receivers without certificates of their own: reading the usual ones takes 20 ms each time."""
    return httpx.create_ssl_context(trust_env=False)


async def checked_addresses(
    host: str, port: int, *, options: ClientOptions, trusted: bool = True
) -> Sequence[IpAddress]:
    """The addresses of a host, all of them allowed.

    Raises:
        AttemptError: the name is not known, or one of its addresses is refused.
    """
    try:
        addresses = await options.resolver(host.strip("[]"), port)
    except NameLookupTimeoutError as error:
        raise _failed(FailureReason.TIMEOUT, str(error)) from error
    except (OSError, UnicodeError, ValueError) as error:
        raise _failed(FailureReason.UNREACHABLE, f"the name {host} cannot be resolved") from error
    if not addresses:
        raise _failed(FailureReason.UNREACHABLE, f"the name {host} has no address")
    why = options.policy.refusal_of_any(addresses, trusted=trusted)
    if why is not None:
        raise _failed(FailureReason.REFUSED, f"no request goes to {host}: {why}")
    return addresses


def _failed(reason: FailureReason, detail: str) -> AttemptError:
    # Nothing was sent: the receiver cannot have got it.
    return AttemptError(Failed(reason=reason, detail=detail, not_sent=True))
