"""Ways to log in to Prometheis that clouds run; their keys are those of Prometheus's own configuration."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.http.secrets import FileSecret, Secret
from app.integrations.config.fields import FilePath, Model, OneOrMore, Text, Url
from app.integrations.config.secret_loader import SecretLoader
from app.prometheus import (
    AMAZON_PROMETHEUS,
    CloudLogin,
    GoogleLogin,
    ManagedIdentityLogin,
    OAuth2Login,
    SigV4Login,
    missing_extra,
)
from app.yamldoc import scalars
from app.yamldoc.findings import FieldPath


class AzureCloud(StrEnum):
    """Which of Microsoft's clouds."""

    PUBLIC = "AzurePublic"
    GOVERNMENT = "AzureGovernment"
    CHINA = "AzureChina"


def _cloud(value: Any) -> AzureCloud:
    return scalars.read_choice(AzureCloud, value, "a cloud of Azure")


class SigV4Model(Model):
    """As `sigv4` of Prometheus's remote_write: what signs requests for AWS."""

    region: Text
    service: Text = AMAZON_PROMETHEUS
    access_key: Text | None = None
    secret_key_file: FilePath | None = None
    secret_key_env: Text | None = None
    profile: Text | None = None
    role_arn: Text | None = None
    external_id: Text | None = None


class OAuth2Model(Model):
    """As `oauth2` of Prometheus's http_config: a token for client credentials."""

    client_id: Text
    client_secret_file: FilePath | None = None
    client_secret_env: Text | None = None
    token_url: Url
    scopes: OneOrMore = ()
    endpoint_params: dict[Text, Text] = Field(default_factory=dict)


class AzureOAuthModel(Model):
    """The secret of an application of Entra."""

    client_id: Text
    tenant_id: Text
    client_secret_file: FilePath | None = None
    client_secret_env: Text | None = None


class AzureWorkloadModel(Model):
    """The identity of a pod: what is not written is in the environment that AKS gives it."""

    client_id: Text | None = None
    tenant_id: Text | None = None
    token_file_path: FilePath | None = None


class AzureManagedModel(Model):
    """The identity of the machine, or another one that it has."""

    client_id: Text | None = None


class AzureAdModel(Model):
    """As `azuread` of Prometheus's remote_write: a token of Entra."""

    cloud: Annotated[AzureCloud, PlainValidator(_cloud)] = AzureCloud.PUBLIC
    scope: Text | None = None
    oauth: AzureOAuthModel | None = None
    workload_identity: AzureWorkloadModel | None = None
    managed_identity: AzureManagedModel | None = None


class GoogleIamModel(Model):
    """As `google_iam` of Prometheus's remote_write: a token of Google Cloud."""

    credentials_file: FilePath | None = None


_AUTHORITIES = {
    AzureCloud.PUBLIC: "https://login.microsoftonline.com",
    AzureCloud.GOVERNMENT: "https://login.microsoftonline.us",
    AzureCloud.CHINA: "https://login.chinacloudapi.cn",
}
# What a workspace wants of who queries it; what ingests has another one.
# Source: https://learn.microsoft.com/azure/azure-monitor/metrics/prometheus-api-promql
_RESOURCES = {
    AzureCloud.PUBLIC: "https://prometheus.monitor.azure.com",
    AzureCloud.GOVERNMENT: "https://prometheus.monitor.azure.us",
    AzureCloud.CHINA: "https://prometheus.monitor.azure.cn",
}
_WAYS = ("oauth", "workload_identity", "managed_identity")


def cloud_login(
    loader: SecretLoader,
    at: FieldPath,
    *,
    sigv4: SigV4Model | None,
    azuread: AzureAdModel | None,
    google_iam: GoogleIamModel | None,
    oauth2: OAuth2Model | None,
) -> CloudLogin | None:
    """The one way to log in that is given, None if there is none; what is wrong is noted in the *loader*."""
    given = {
        name: model
        for name, model in {"sigv4": sigv4, "azuread": azuread, "google_iam": google_iam, "oauth2": oauth2}.items()
        if model is not None
    }
    if len(given) > 1:
        loader.add_finding((*at, list(given)[1]), f"excludes {next(iter(given))}", "write one way to log in")
        return None
    found: CloudLogin | None = None
    if sigv4 is not None:
        found = _sigv4(sigv4, (*at, "sigv4"), loader)
    elif azuread is not None:
        found = _azure(azuread, (*at, "azuread"), loader)
    elif google_iam is not None:
        file = google_iam.credentials_file
        found = GoogleLogin(credentials_file=None if file is None else loader.path(file))
    elif oauth2 is not None:
        found = _oauth2(oauth2, (*at, "oauth2"), loader)
    extra = None if found is None else missing_extra(found)
    if extra is not None:
        problem = "needs a library that is not installed"
        loader.add_finding((*at, next(iter(given))), problem, f"install sloburn[{extra}]")
    return found


def _sigv4(model: SigV4Model, at: FieldPath, loader: SecretLoader) -> SigV4Login | None:
    secret = None
    if model.access_key is not None:
        secret = loader.secret(model.secret_key_file, model.secret_key_env, at, "secret_key")
        if model.profile is not None:
            loader.add_finding((*at, "profile"), "excludes access_key", "write one of them")
    elif model.secret_key_file is not None or model.secret_key_env is not None:
        loader.add_finding((*at, "access_key"), "is missing", "write the id of the key")
    if model.external_id is not None and model.role_arn is None:
        loader.add_finding((*at, "external_id"), "is read with a role_arn only", "write the role_arn, or remove it")
    return SigV4Login(
        region=model.region,
        service=model.service,
        access_key=model.access_key,
        secret_key=secret,
        profile=model.profile,
        role_arn=model.role_arn,
        external_id=model.external_id,
    )


def _azure(model: AzureAdModel, at: FieldPath, loader: SecretLoader) -> CloudLogin | None:
    ways = [name for name in _WAYS if name in model.model_fields_set]
    if len(ways) != 1:
        problem = f"{ways[0]} excludes {ways[1]}" if ways else "does not say who logs in"
        loader.add_finding(at, problem, f"write one of {', '.join(_WAYS)}")
        return None
    resource = _RESOURCES[model.cloud]
    scope = model.scope or f"{resource}/.default"
    if model.managed_identity is not None:
        return ManagedIdentityLogin(
            resource=scope.removesuffix("/.default"), client_id=model.managed_identity.client_id
        )
    if model.oauth is not None:
        secret = loader.secret(
            model.oauth.client_secret_file, model.oauth.client_secret_env, (*at, "oauth"), "client_secret"
        )
        url = f"{_AUTHORITIES[model.cloud]}/{model.oauth.tenant_id}/oauth2/v2.0/token"
        return OAuth2Login(token_url=url, client_id=model.oauth.client_id, client_secret=secret, scope=scope)
    return _workload(model, (*at, "workload_identity"), loader, scope=scope)


def _workload(model: AzureAdModel, at: FieldPath, loader: SecretLoader, *, scope: str) -> OAuth2Login | None:
    """The identity of a pod, by the variables that AKS sets in its containers where the file says nothing."""
    given = model.workload_identity or AzureWorkloadModel()
    values = {
        "client_id": (given.client_id, "AZURE_CLIENT_ID"),
        "tenant_id": (given.tenant_id, "AZURE_TENANT_ID"),
        "token_file_path": (
            None if given.token_file_path is None else str(loader.path(given.token_file_path)),
            "AZURE_FEDERATED_TOKEN_FILE",
        ),
    }
    found = {name: written or loader.environment.get(variable, "") for name, (written, variable) in values.items()}
    for name, (_, variable) in values.items():
        if not found[name]:
            loader.add_finding((*at, name), f"is missing, and {variable} is not set", "write it")
    if not all(found.values()):
        return None
    authority = loader.environment.get("AZURE_AUTHORITY_HOST", "") or _AUTHORITIES[model.cloud]
    return OAuth2Login(
        token_url=f"{authority.rstrip('/')}/{found['tenant_id']}/oauth2/v2.0/token",
        client_id=found["client_id"],
        assertion=FileSecret(Path(found["token_file_path"])),
        scope=scope,
    )


def _oauth2(model: OAuth2Model, at: FieldPath, loader: SecretLoader) -> OAuth2Login:
    secret: Secret | None = loader.secret(model.client_secret_file, model.client_secret_env, at, "client_secret")
    parameters: Mapping[str, str] = model.endpoint_params
    return OAuth2Login(
        token_url=model.token_url,
        client_id=model.client_id,
        client_secret=secret,
        scope=" ".join(model.scopes),
        parameters=parameters,
    )
