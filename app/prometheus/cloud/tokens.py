"""Tokens that expire, renewed before they do."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from app.http.failures import AttemptError
from app.http.secrets import Secret
from app.prometheus.cloud.lookups import WITHIN_S, denied, looked_up
from app.prometheus.cloud.options import GoogleLogin, ManagedIdentityLogin, OAuth2Login
from app.prometheus.connections import http_transport
from app.prometheus.errors import PrometheusError, UnreachableError, excerpt

_OK = 200
# Tokens live for an hour or a day: renewed so long before their end, one failure matters to no query.
_RENEWED_BEFORE_S = 300.0
_AGAIN_AFTER_S = 30.0
# What a server means that says nothing of it (RFC 6749, 5.1).
_USUAL_LIFE_S = 300.0
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
_IMDS_VERSION = "2018-02-01"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and for how many seconds it is good."""

    text: str
    life_s: float


class BearerTokens:
    """Sends a token that *fetch* gets with every request, and gets another one before it expires."""

    def __init__(self, fetch: Callable[[], Awaitable[Token]]) -> None:
        self._fetch = fetch
        self._token = ""
        self._renew_at = 0.0
        self._ends_at = 0.0
        self._turn = asyncio.Lock()

    async def authorize(self, request: httpx.Request) -> None:
        """Add the token.

        Raises:
            PrometheusError: there is none.
        """
        async with self._turn:
            await self._renew_if_due()
        request.headers["Authorization"] = f"Bearer {self._token}"

    async def _renew_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._renew_at:
            return
        try:
            token = await self._fetch()
        except PrometheusError:
            if now >= self._ends_at:
                raise
            # The one that there is is good for some minutes.
            self._renew_at = now + _AGAIN_AFTER_S
            return
        self._token, self._ends_at = token.text, now + token.life_s
        self._renew_at = now + max(token.life_s - _RENEWED_BEFORE_S, token.life_s / 2)


async def oauth2_token(login: OAuth2Login) -> Token:
    """The token of a client, of its token endpoint.

    Raises:
        PrometheusError: the server refuses it, or does not answer.
    """
    form = {"grant_type": "client_credentials", "client_id": login.client_id, **login.parameters}
    if login.scope:
        form["scope"] = login.scope
    if login.client_secret is not None:
        form["client_secret"] = await _read(login.client_secret)
    if login.assertion is not None:
        form |= {"client_assertion_type": _ASSERTION, "client_assertion": await _read(login.assertion)}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    request = httpx.Request("POST", login.token_url, content=urlencode(form), headers=headers)
    return _token_of(await _sent(request))


async def identity_token(login: ManagedIdentityLogin) -> Token:
    """The token of an identity of this machine of Azure.

    Raises:
        PrometheusError: the machine has none, or is none of Azure.
    """
    parameters = {"api-version": _IMDS_VERSION, "resource": login.resource}
    if login.client_id is not None:
        parameters["client_id"] = login.client_id
    return _token_of(await _sent(httpx.Request("GET", login.url, params=parameters, headers={"Metadata": "true"})))


async def google_token(login: GoogleLogin) -> Token:
    """The token of a service account, or of what Application Default Credentials find.

    Raises:
        AccessDeniedError: there is none.
    """
    return await looked_up(login, lambda: _google_token(login), late="Google gave no token")


def _google_token(login: GoogleLogin) -> Token:
    import google.auth  # noqa: PLC0415  an extra
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  an extra
    from google.auth.transport.requests import Request  # noqa: PLC0415  an extra
    from google.oauth2.service_account import Credentials  # noqa: PLC0415  an extra

    found: Any
    try:
        if login.credentials_file is None:
            found, _ = google.auth.default(scopes=[login.scope])
        else:
            load: Any = Credentials.from_service_account_file
            found = load(str(login.credentials_file), scopes=[login.scope])
        found.refresh(Request())
    except (GoogleAuthError, OSError, ValueError) as error:
        raise denied(f"there are no Google credentials: {excerpt(str(error))}") from None
    life = (found.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    return Token(str(found.token), life)


async def _read(secret: Secret) -> str:
    try:
        return await secret.read()
    except AttemptError as error:
        raise denied(str(error)) from None


async def _sent(request: httpx.Request) -> Mapping[str, Any]:
    """What a token endpoint answers; a request an hour needs no connection that stays open."""
    address = f"{request.url.scheme}://{request.url.netloc.decode()}"
    verify = ssl.create_default_context() if request.url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        async with asyncio.timeout(WITHIN_S), httpx.AsyncClient(transport=http_transport(verify)) as client:
            answer = await client.send(request)
    except TimeoutError:
        raise UnreachableError(f"no token from {address} within {WITHIN_S:g} s") from None
    except httpx.TransportError as error:
        raise UnreachableError(f"no token from {address}: {excerpt(str(error))}") from None
    try:
        found = answer.json()
    except ValueError:
        found = {}
    if not isinstance(found, dict):
        found = {}
    if answer.status_code != _OK:
        said = found.get("error_description") or found.get("error") or f"status {answer.status_code}"
        raise denied(f"{address} gives no token: {excerpt(str(said))}")
    return found


def _token_of(answer: Mapping[str, Any]) -> Token:
    text = answer.get("access_token")
    if not isinstance(text, str) or not text:
        raise denied("the answer of the token endpoint has no access_token")
    try:
        # Azure's metadata service writes the number as a text.
        life_s = float(answer.get("expires_in", _USUAL_LIFE_S))
    except (TypeError, ValueError):
        life_s = _USUAL_LIFE_S
    return Token(text, life_s)
