"""The ways to log in, as values; secrets stay out of the repr."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.extras import is_installed
from app.http.secrets import Secret

AMAZON_PROMETHEUS = "aps"
"""The name of Amazon Managed Service for Prometheus in signatures."""
GOOGLE_SCOPE = "https://www.googleapis.com/auth/monitoring.read"
"""What Google Cloud Managed Service for Prometheus wants of who queries it."""
IMDS_URL = "http://169.254.169.254/metadata/identity/oauth2/token"
"""Where machines of Azure get the tokens of their identities.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4Login:
    """AWS Signature Version 4: of a key, of a *profile*, or of what botocore finds (environment, IRSA, metadata).

    With *role_arn* these credentials assume that role.
    """

    region: str
    service: str = AMAZON_PROMETHEUS
    access_key: str | None = None
    secret_key: Secret | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Login:
    """Client credentials (RFC 6749, 4.4): of a secret, or of an *assertion*, such as the token of a workload."""

    token_url: str
    client_id: str
    client_secret: Secret | None = None
    assertion: Secret | None = None
    scope: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIdentityLogin:
    """The identity of a machine of Azure, or, with *client_id*, another one that it has."""

    resource: str
    client_id: str | None = None
    url: str = IMDS_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleLogin:
    """The key of a service account in a file; without one Application Default Credentials, as of a workload."""

    credentials_file: Path | None = None
    scope: str = GOOGLE_SCOPE


CloudLogin = SigV4Login | OAuth2Login | ManagedIdentityLogin | GoogleLogin


def missing_extra(login: CloudLogin) -> str | None:
    """The extra of the package that a way to log in needs and that is not installed; None if nothing is missing."""
    if isinstance(login, SigV4Login):
        return None if is_installed("botocore") else "aws"
    if isinstance(login, GoogleLogin):
        return None if is_installed("google.auth") else "google"
    return None
