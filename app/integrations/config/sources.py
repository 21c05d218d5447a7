"""The section `sources`: the Prometheis, and the services that count in intervals, that SLOs are counted from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.http.failures import AttemptError
from app.http.request_options import HttpOptions
from app.http.secrets import FileSecret, Secret
from app.integrations.config.cloud_logins import (
    AzureAdModel,
    GoogleIamModel,
    OAuth2Model,
    SigV4Model,
    cloud_login,
)
from app.integrations.config.count_services import (
    COUNTED_AFTER,
    COUNTS_SETTLE,
    NO_URL,
    NewRelicRegion,
    read_region,
    resolve_service,
)
from app.integrations.config.fields import (
    Duration,
    FilePath,
    HeaderModel,
    HttpModel,
    Model,
    Name,
    Text,
    Url,
    Whole,
    taken_names,
)
from app.integrations.config.http import HttpReader
from app.integrations.config.secret_loader import SecretLoader
from app.prometheus import HttpConfig, Limits
from app.slo import SourceKind
from app.yamldoc import scalars
from app.yamldoc.findings import FieldPath

# Prometheus runs 20 queries at once by default (--query.max-concurrency), and queues the others.
_MOST_AT_ONCE = 64


def _kind(value: Any) -> SourceKind:
    return scalars.read_choice(SourceKind, value, "a kind of source")


class SourceEntryModel(Model):
    """One source."""

    name: Name
    kind: Annotated[SourceKind, PlainValidator(_kind)] = SourceKind.PROMETHEUS
    url: Url | None = None
    external_url: Url | None = None
    http_config: HttpModel | None = None
    headers: dict[str, HeaderModel] = Field(default_factory=dict)
    sigv4: SigV4Model | None = None
    azuread: AzureAdModel | None = None
    google_iam: GoogleIamModel | None = None
    oauth2: OAuth2Model | None = None
    site: Text | None = None
    api_key_file: FilePath | None = None
    api_key_env: Text | None = None
    application_key_file: FilePath | None = None
    application_key_env: Text | None = None
    region: Annotated[NewRelicRegion | None, PlainValidator(read_region)] = None
    account_id: Whole | None = None
    user_key_file: FilePath | None = None
    user_key_env: Text | None = None
    settle: Duration | None = None
    query_offset: Duration | None = None
    concurrency: Whole = Limits().at_once
    timeout: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """One source; what is None is as the settings say. *external_url* is where people graph queries.

    *account* is that of New Relic; *settle* the late-sample grace of a service that counts in intervals.
    """

    name: str
    kind: SourceKind = SourceKind.PROMETHEUS
    http: HttpConfig
    external_url: str
    query_offset: timedelta | None = None
    concurrency: int = Limits().at_once
    timeout: timedelta | None = None
    settle: timedelta | None = None
    account: int = 0


def resolve_sources(
    models: Sequence[SourceEntryModel], *, http: HttpReader, loader: SecretLoader
) -> tuple[SourceConfig, ...]:
    """What the section says; what is wrong with it is noted in the *loader*."""
    loader.findings.extend(taken_names([model.name for model in models], "sources"))
    return tuple(_resolve(model, ("sources", number), http, loader) for number, model in enumerate(models))


def _resolve(model: SourceEntryModel, at: FieldPath, http: HttpReader, loader: SecretLoader) -> SourceConfig:
    durations = {
        "query_offset": (model.query_offset, "1s", "1h"),
        "timeout": (model.timeout, "1s", "5m"),
        "settle": (model.settle, "5m", "1h"),
    }
    loader.check_durations(durations, at)
    if model.concurrency > _MOST_AT_ONCE:
        loader.add_finding((*at, "concurrency"), "is out of range", f"write a number up to {_MOST_AT_ONCE}")
    options = http.options(model.http_config, (*at, "http_config"))
    if model.http_config is not None:
        _refuse_unsupported(model.http_config, (*at, "http_config"), loader)
    headers = {**options.headers, **http.headers(model.headers, (*at, "headers"))}
    service = resolve_service(model, at, loader)
    counts = model.kind is not SourceKind.PROMETHEUS
    return SourceConfig(
        name=model.name,
        kind=model.kind,
        http=replace(_http_config(model, options, {**headers, **service.keys}, at, loader), url=service.url),
        external_url=model.external_url or service.external_url,
        query_offset=model.query_offset or (COUNTED_AFTER if counts else None),
        concurrency=model.concurrency,
        timeout=model.timeout,
        settle=model.settle or (COUNTS_SETTLE if counts else None),
        account=model.account_id or 0,
    )


def _refuse_unsupported(model: HttpModel, at: FieldPath, loader: SecretLoader) -> None:
    for field in ("proxy_url", "proxy_url_file", "proxy_url_env", "proxy_from_environment", "no_proxy"):
        if field in model.model_fields_set:
            loader.add_finding((*at, field), "is not supported for sources", "remove it; sources are asked directly")
    if model.tls_config.server_name is not None:
        loader.add_finding(
            (*at, "tls_config", "server_name"), "is not supported for sources", "write a url with the name to verify"
        )


def _http_config(
    model: SourceEntryModel,
    options: HttpOptions,
    headers: Mapping[str, Secret],
    at: FieldPath,
    loader: SecretLoader,
) -> HttpConfig:
    login, tls = options.login, options.tls
    username = None if login is None else login.username
    file = login.secret.path if login is not None and isinstance(login.secret, FileSecret) else None
    text = None if login is None or file is not None else login.secret.known()
    cloud = cloud_login(
        loader, at, sigv4=model.sigv4, azuread=model.azuread, google_iam=model.google_iam, oauth2=model.oauth2
    )
    if cloud is not None and login is not None:
        loader.add_finding((*at, "http_config"), "logs in beside another way", "write one way to log in")
        cloud = None
    return HttpConfig(
        url=model.url or NO_URL,
        username=username,
        password=None if username is None else text,
        password_file=None if username is None else file,
        bearer_token=text if username is None else None,
        bearer_token_file=file if username is None else None,
        scheme="Bearer" if login is None else login.scheme,
        tls_ca_file=tls.ca_file,
        tls_cert_file=tls.cert_file,
        tls_key_file=tls.key_file,
        tls_insecure_skip_verify=tls.insecure_skip_verify,
        headers={name: value for name, secret in headers.items() if (value := _revealed(secret, name, at, loader))},
        cloud=cloud,
    )


def _revealed(secret: Secret, name: str, at: FieldPath, loader: SecretLoader) -> str | None:
    try:
        return secret.reveal()
    except AttemptError as error:
        loader.add_finding((*at, "headers", name), str(error), "write the path of a file that can be read")
        return None
