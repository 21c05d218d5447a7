"""Which way of logging in a configuration means."""

from typing import Protocol

import httpx

from app.prometheus.cloud.options import CloudLogin, GoogleLogin, ManagedIdentityLogin, OAuth2Login, missing_extra
from app.prometheus.cloud.sigv4 import SigV4
from app.prometheus.cloud.tokens import BearerTokens, google_token, identity_token, oauth2_token
from app.prometheus.errors import MisconfiguredError


class Authorizer(Protocol):
    """Makes requests acceptable."""

    async def authorize(self, request: httpx.Request) -> None:
        """Add to a request, which is whole, what lets it in.

        Raises:
            PrometheusError: there are no credentials, or they cannot be renewed.
        """


def authorizer_of(login: CloudLogin) -> Authorizer:
    """What logs in so.

    Raises:
        MisconfiguredError: a library is not installed.
    """
    extra = missing_extra(login)
    if extra is not None:
        raise MisconfiguredError(f"this way to log in needs a library: install sloburn[{extra}]")
    if isinstance(login, OAuth2Login):
        return BearerTokens(lambda: oauth2_token(login))
    if isinstance(login, ManagedIdentityLogin):
        return BearerTokens(lambda: identity_token(login))
    if isinstance(login, GoogleLogin):
        return BearerTokens(lambda: google_token(login))
    return SigV4(login)
