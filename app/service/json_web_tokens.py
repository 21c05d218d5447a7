"""JSON Web Tokens of one identity provider, checked with the keys that it publishes.

Imported only where the settings ask for it: the library is in the extra `sloburn[jwt]`.
Source: https://www.rfc-editor.org/rfc/rfc8725
"""

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
import structlog
from typing_extensions import override

from app.access import SignedTokens
from app.http.client import CheckedClient
from app.http.failures import AttemptError

_log = structlog.get_logger(__name__)
# Never what a token names: with a public key as the secret of HS256 anybody could sign, and `none` needs no key.
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY_S: Final = 30
# Providers publish a new key hours before they sign with it; one that is not known yet is looked for at once, but a
# client that makes up names of keys causes no more requests than this.
_READ_EVERY_S: Final = 600.0
_READ_AGAIN_S: Final = 30.0
# While the provider does not answer, tokens that it has signed are accepted: they end by themselves.
_KEPT_S: Final = 86_400.0


class JwksTokens(SignedTokens):
    """Checks signature, issuer, audience and time; for one event loop."""

    def __init__(
        self, url: str, *, issuer: str, audience: str, http: CheckedClient, monotonic: Callable[[], float]
    ) -> None:
        self._url = url
        self._issuer = issuer
        self._audience = audience
        self._http = http
        self._monotonic = monotonic
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._read_at = self._asked_at = -math.inf
        self._reading: asyncio.Task[None] | None = None
        self._failed = False

    @override
    async def claims(self, token: str) -> Mapping[str, Any] | str:
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                return "its key is none of the identity provider"
            found: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            return "it has expired"
        except jwt.InvalidAudienceError:
            return f"it is not for {self._audience}"
        except jwt.InvalidIssuerError:
            return f"it is not of {self._issuer}"
        except jwt.InvalidTokenError:
            return "its signature or its claims are wrong"
        return found

    async def _key(self, kid: str | None) -> jwt.PyJWK | None:
        """The key of a name, or the only one for a token that names none."""
        now = self._monotonic()
        is_known = kid in self._keys
        if (not is_known or now - self._read_at >= _READ_EVERY_S) and now - self._asked_at >= _READ_AGAIN_S:
            self._asked_at = now
            self._reading = asyncio.create_task(self._read())
        if self._reading is not None and not is_known:
            # Who has a key that is known does not wait for a provider that hangs.
            await asyncio.shield(self._reading)
        return self._keys.get(kid) if now - self._read_at < _KEPT_S else None

    async def _read(self) -> None:
        try:
            answer = await self._http.get(self._url)
            found = jwt.PyJWKSet.from_dict(json.loads(answer.body if answer.ok else b""))
        except (AttemptError, ValueError, AttributeError, jwt.PyJWTError) as error:
            if not self._failed:
                _log.warning("keys of the identity provider cannot be read", error=str(error))
            self._failed = True
            return
        self._keys = {key.key_id: key for key in found.keys if key.key_id is not None}
        if len(found.keys) == 1:
            self._keys[None] = found.keys[0]
        self._read_at, self._failed = self._monotonic(), False
