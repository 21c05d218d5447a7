"""The headers that every request carries; tokens and passwords in files are reread, so that they can rotate."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import httpx

from app.http import SecretFileError, is_header_name, is_header_value, read_secret
from app.prometheus.cloud import authorizer_of
from app.prometheus.errors import AccessDeniedError, MisconfiguredError
from app.prometheus.http_config import HttpConfig

# Tokens of Kubernetes rotate within minutes; a look at the file for each query would cost a thread each.
_LOOK_EVERY_S = 1.0
_UNAUTHORIZED = 401


class Credentials:
    """Builds headers once, and again when a file has changed.

    Raises:
        MisconfiguredError: a header cannot be sent, or a library to log in with is not installed.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._authorizer = None if config.cloud is None else authorizer_of(config.cloud)
        self._file = config.password_file or config.bearer_token_file
        self._look_at = 0.0
        self._headers = httpx.Headers() if self._file else self._build(config.password or config.bearer_token)

    async def headers(self) -> httpx.Headers:
        """The headers of a request sent now.

        Raises:
            AccessDeniedError: a file with a secret cannot be read.
            MisconfiguredError: what is in it cannot be sent.
        """
        now = asyncio.get_running_loop().time()
        if self._file is not None and now >= self._look_at:
            self._headers = self._build(await _read(self._file))
            self._look_at = now + _LOOK_EVERY_S
        return self._headers

    async def authorize(self, request: httpx.Request) -> None:
        """Add to a request, which is whole, what a cloud wants of it.

        Raises:
            PrometheusError: there are no credentials, or they cannot be renewed.
        """
        if self._authorizer is not None:
            await self._authorizer.authorize(request)

    def _build(self, secret: str | None) -> httpx.Headers:
        # Not compressed: packing costs Prometheus more than sending, and it answers mostly over a short way.
        fixed = {"User-Agent": "sloburn", "Accept": "application/json", "Accept-Encoding": "identity"}
        headers = {**fixed, **self._config.headers}
        if self._config.username is not None:
            pair = f"{self._config.username}:{secret or ''}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        elif secret is not None:
            headers["Authorization"] = f"{self._config.scheme} {secret}"
        return _sendable(headers)


def _sendable(headers: Mapping[str, str]) -> httpx.Headers:
    # Checked here, because httpcore writes a header that it refuses into its debug log, secret and all.
    for name, value in headers.items():
        if not is_header_name(name) or not is_header_value(value):
            raise MisconfiguredError(
                f"the header {name!r:.60} cannot be sent: its name or value is not printable ASCII throughout"
            )
    found = httpx.Headers()
    for name, value in headers.items():
        # Each name once, in any case that it is configured in.
        found[name] = value
    return found


async def _read(path: Path) -> str:
    try:
        return await read_secret(path)
    except SecretFileError as error:
        # It may be in the middle of being replaced.
        text = f"cannot read the credentials in {path}: {error}"
        raise AccessDeniedError(text, status=_UNAUTHORIZED, retryable=True) from None
