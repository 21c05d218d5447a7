"""AWS Signature Version 4, by botocore: its chain of credentials, its renewals, its signature."""

import asyncio
from typing import Any

import httpx

from app.prometheus.cloud.lookups import denied, looked_up
from app.prometheus.cloud.options import SigV4Login
from app.prometheus.errors import AccessDeniedError, excerpt

# Credentials are renewed a quarter of an hour before they expire; to look is to take a thread.
_LOOK_EVERY_S = 60.0
_ROLE_SESSION = "sloburn"
_NONE = "there are no AWS credentials"


class SigV4:
    """Signs requests one by one; credentials are looked up and renewed in threads of their own."""

    def __init__(self, login: SigV4Login) -> None:
        self._login = login
        self._provider: Any = None
        self._frozen: Any = None
        self._look_at = 0.0

    async def authorize(self, request: httpx.Request) -> None:
        """Sign the request: its method, address, host, type and body.

        Raises:
            AccessDeniedError: there are no credentials, or they cannot be renewed.
        """
        # First: botocore is imported in the thread that looks them up.
        credentials = await self._credentials()
        from botocore.auth import SigV4Auth  # noqa: PLC0415  an extra
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415  an extra

        # A space is `+` in forms; AWS signs it as `%20`, and a literal plus is `%2B` in both.
        if b"+" in request.url.query:
            request.url = request.url.copy_with(query=request.url.query.replace(b"+", b"%20"))
        # No other header: a proxy may change those.
        signed = {name: request.headers[name] for name in ("Host", "Content-Type") if name in request.headers}
        aws = AWSRequest(method=request.method, url=str(request.url), data=request.content, headers=signed)
        SigV4Auth(credentials, self._login.service, self._login.region).add_auth(aws)
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if name in aws.headers:
                request.headers[name] = aws.headers[name]

    async def _credentials(self) -> Any:
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            self._frozen = await looked_up(self._login, self._look_up, late=f"{_NONE}: they were not there")
            self._look_at = now + _LOOK_EVERY_S
        return self._frozen

    def _look_up(self) -> Any:
        """The credentials as they are now; renewed if need be. In a thread of its own."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  an extra

        try:
            if self._provider is None:
                self._provider = self._found()
            if self._provider is None:
                raise _no_credentials("neither keys, a profile, a web identity nor a role of the machine is there")
            return self._provider.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise _no_credentials(excerpt(str(error))) from None

    def _found(self) -> Any:
        from botocore.credentials import (  # noqa: PLC0415  an extra
            AssumeRoleCredentialFetcher,
            Credentials,
            DeferredRefreshableCredentials,
        )
        from botocore.session import Session  # noqa: PLC0415  an extra

        login, session = self._login, Session(profile=self._login.profile)
        session.set_config_variable("region", login.region)
        if login.access_key is not None and login.secret_key is not None:
            credentials = Credentials(login.access_key, login.secret_key.reveal())
        else:
            credentials = session.get_credentials()
        if login.role_arn is None or credentials is None:
            return credentials
        fetcher = AssumeRoleCredentialFetcher(
            session.create_client,
            credentials,
            login.role_arn,
            extra_args={
                "RoleSessionName": _ROLE_SESSION,
                **({} if login.external_id is None else {"ExternalId": login.external_id}),
            },
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def _no_credentials(why: str) -> AccessDeniedError:
    return denied(f"{_NONE}: {why}")
