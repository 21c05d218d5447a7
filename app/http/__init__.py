"""What every HTTP client of the service shares: names, files with secrets, connections and proxies.

Imports nothing of the project. Start at `detached.py`, which runs what may never return; `resolving.py` looks names up,
`secret_files.py` reads secrets, `tls_files.py` certificates, `transport.py` opens the connections of httpx.
"""

from app.http.detached import DetachedCalls, TooManyCallsError
from app.http.headers import is_header_name, is_header_value, is_settable_header
from app.http.proxies import LOOPBACK, bypasses, environment_proxies
from app.http.resolving import IpAddress, NameLookupTimeoutError, Resolver, resolve_host
from app.http.secret_files import (
    SecretFileBlocksError,
    SecretFileError,
    known_secret,
    probe_file,
    read_secret,
    read_secret_now,
)
from app.http.tls_files import FollowedContext
from app.http.transport import ResolvingTransport

__all__ = [
    "LOOPBACK",
    "DetachedCalls",
    "FollowedContext",
    "IpAddress",
    "NameLookupTimeoutError",
    "Resolver",
    "ResolvingTransport",
    "SecretFileBlocksError",
    "SecretFileError",
    "TooManyCallsError",
    "bypasses",
    "environment_proxies",
    "is_header_name",
    "is_header_value",
    "is_settable_header",
    "known_secret",
    "probe_file",
    "read_secret",
    "read_secret_now",
    "resolve_host",
]
