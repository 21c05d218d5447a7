"""Identities in JSON Web Tokens that an identity provider has signed.

Source: https://www.rfc-editor.org/rfc/rfc7519
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# Three parts in base64url, of which the first is a JSON object.
_SHAPE = re.compile(r"eyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+", re.ASCII)


class SignedTokens(Protocol):
    """Checks tokens of the identity provider that the settings name."""

    async def claims(self, token: str) -> Mapping[str, Any] | str:
        """The claims of a token that is valid now; otherwise why it is not accepted, without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedClaims:
    """The claims that have the name of who asks, and their groups."""

    user: str = "email"
    groups: str = "groups"

    def user_in(self, claims: Mapping[str, Any]) -> str:
        """Who asks; empty if no text names them. A token of a program may have a subject only."""
        found = claims.get(self.user) or claims.get("sub")
        return found if isinstance(found, str) else ""

    def groups_in(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The groups, of which some providers write a single one without a list."""
        found = claims.get(self.groups)
        listed = [found] if isinstance(found, str) else found
        return frozenset(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else frozenset()


def is_signed_shaped(text: str) -> bool:
    """Whether a text is meant to be a JSON Web Token."""
    return _SHAPE.fullmatch(text) is not None
