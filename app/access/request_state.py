"""What is known of a request in its ASGI scope, for every layer and route that asks who sends it."""

from collections.abc import MutableMapping
from typing import Any

from app.access.credentials import SentCredentials
from app.access.deciding import Access
from app.access.identity import AccessRefusal, Identity

IDENTITY = "identity"
"""The key of the state of a request: its identity, or why what it sent to prove one is not accepted."""
_CREDENTIALS = "credentials"
_Scope = MutableMapping[str, Any]


def note_sender(scope: _Scope, credentials: SentCredentials, identity: Identity | AccessRefusal) -> None:
    """Note what a request sent to prove who sends it, and what came of it."""
    scope.setdefault("state", {}).update({_CREDENTIALS: credentials, IDENTITY: identity})


def credentials_in(scope: _Scope) -> SentCredentials:
    """What a request sent to prove who sends it."""
    found: SentCredentials = scope["state"][_CREDENTIALS]
    return found


def identity_in(scope: _Scope) -> Identity | AccessRefusal:
    """Who sends a request, or why what it sent to prove that is not accepted."""
    found: Identity | AccessRefusal = scope["state"][IDENTITY]
    return found


def access_in(scope: _Scope) -> Access:
    """What decides who may do what, in the application that a request is sent to."""
    found: Access = scope["app"].state.access
    return found
