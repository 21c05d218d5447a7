"""Every setting with its default and its meaning."""

import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, PrivateAttr, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.access import EVERYBODY, AccessScope, AccessScopes
from app.prometheus import HttpConfig, Limits, PartialPolicy
from app.settings.masking import shown, without_password
from app.settings.values import (
    check_file,
    duration_between,
    file_text,
    parse_database_url,
    parse_header_name,
    parse_headers,
    parse_history,
    parse_host_names,
    parse_http_url,
    parse_http_urls,
    parse_interval,
    parse_kubernetes_kinds,
    parse_listen_address,
    parse_namespaces,
    parse_networks,
    parse_roles,
    parse_watch_interval,
    parsed,
)
from app.slo import MetricNames

PREFIX = "SLOBURN_"
DOTENV = Path(".env")
# Of the evaluation interval, for a query: the rest of it is for counting, judging and the commit.
_SHARE_OF_INTERVAL = 0.8
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})
T = TypeVar("T")
# Secrets that may be in a file instead: `SLOBURN_API_TOKEN_FILE`.
_TWINS = ("database_url", "api_token", "events_token", "report_link_secret")


class LogFormat(StrEnum):
    """How log lines are written: for people, or for machines."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important lines that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Url = Annotated[str, parsed(parse_http_url)]


class Settings(BaseSettings):
    """Everything that can be set; each field is `SLOBURN_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOTENV,
        env_file_encoding="utf-8",
        # `SLOBURN_API_TOKEN=` in a compose file is the same as leaving it out.
        env_ignore_empty=True,
        # A `.env` has variables of other programs too; those that only begin like ours are warnings.
        extra="ignore",
        frozen=True,
        # Errors are printed and logged, and the input may be a secret.
        hide_input_in_errors=True,
    )

    prometheus_url: Url = Field(
        "http://localhost:9090",
        description="URL of Prometheus or a compatible server (Mimir, Thanos, VictoriaMetrics).",
    )
    prometheus_external_url: Url | None = Field(
        None, description="URL of Prometheus for people, to graph queries; by default `SLOBURN_PROMETHEUS_URL`."
    )
    prometheus_username: str | None = Field(None, description="User for basic authentication.")
    prometheus_password: SecretStr | None = Field(None, description="Password for basic authentication.")
    prometheus_password_file: Path | None = Field(
        None, description="File with the password; read again when it changes."
    )
    prometheus_bearer_token: SecretStr | None = Field(None, description="Bearer token to log in with.")
    prometheus_bearer_token_file: Path | None = Field(
        None, description="File with the bearer token; read again when it changes."
    )
    prometheus_tls_ca_file: Path | None = Field(
        None, description="CA certificates to trust instead of those of the system."
    )
    prometheus_tls_cert_file: Path | None = Field(None, description="Client certificate.")
    prometheus_tls_key_file: Path | None = Field(None, description="Key of the client certificate.")
    prometheus_tls_insecure_skip_verify: bool = Field(
        default=False, description="Do not verify the certificate of the server."
    )
    prometheus_headers: Annotated[Mapping[str, SecretStr], NoDecode, parsed(parse_headers)] = Field(
        default_factory=dict, description="Headers for every request: `X-Scope-OrgID=team-a,...`, or a JSON object."
    )
    prometheus_timeout: Annotated[timedelta, duration_between("1s", "5m")] = Field(
        timedelta(seconds=10),
        description="Timeout of one query; at most 0.8 of the evaluation interval is used.",
    )
    prometheus_partial: PartialPolicy = Field(
        PartialPolicy.PROVISIONAL,
        description="What to do with answers that warn of missing data: `provisional`, `accept` or `reject`.",
    )
    specs: Path = Field(Path("config/slos"), description="SLO documents: a folder or a file.")
    default_window: Annotated[timedelta, duration_between("1h", "90d")] = Field(
        timedelta(days=30), description="SLO window of documents that have none, such as those of Sloth: `1h` to `90d`."
    )
    watch_interval: Annotated[timedelta, parsed(parse_watch_interval)] = Field(
        timedelta(seconds=10),
        description="How often to look whether documents or receivers have changed, to reload them: `1s` to `1h`, "
        "or `off`.",
    )
    kubernetes_kinds: Annotated[tuple[str, ...], NoDecode, parsed(parse_kubernetes_kinds)] = Field(
        (),
        description="Objects of Kubernetes to read SLO documents from: some of `configmaps`, `slodocuments`, `sloth` "
        "and `pyrra`, separated by commas; none: Kubernetes is not asked.",
    )
    kubernetes_namespaces: Annotated[tuple[str, ...], NoDecode, parsed(parse_namespaces)] = Field(
        (), description="Namespaces of these objects, separated by commas; none: all of them."
    )
    kubernetes_label: str = Field(
        "sloburn.dev/documents=true", description="Label selector of the ConfigMaps that hold documents."
    )
    kubernetes_url: Url | None = Field(
        None, description="URL of the API server of Kubernetes; by default that of the pod's cluster."
    )
    kubernetes_token_file: Path | None = Field(
        None, description="File with the token for that server, read for each request; by default that of the pod."
    )
    kubernetes_ca_file: Path | None = Field(
        None, description="CA certificates of that server; by default those of the pod."
    )
    database_url: Annotated[str, parsed(parse_database_url)] = Field(
        "sqlite:///data/sloburn.db",
        description="Database of counts and alerts: `sqlite:///FILE` or `postgresql+psycopg://USER@HOST/NAME`.",
        repr=False,
    )
    database_url_file: Path | None = Field(
        None, description="File with the URL of the database, where that holds a password."
    )
    listen_address: Annotated[str, parsed(parse_listen_address)] = Field(
        "127.0.0.1:9720", description="Address to listen on; `:9720` is every address."
    )
    external_url: Url | None = Field(
        None, description="URL of this service in links; its path is the prefix of every page."
    )
    api_token: SecretStr | None = Field(
        None,
        description="Bearer token that allows everything; `sloburn token create` makes others that allow less.",
    )
    api_token_file: Path | None = Field(None, description="File with the API token.")
    events_token: SecretStr | None = Field(
        None,
        description="Token by which tools report changes, and secret of the webhooks of GitHub and GitLab; it allows "
        "nothing else.",
    )
    events_token_file: Path | None = Field(None, description="File with the token of events.")
    anonymous_read: bool = Field(
        default=True,
        description="Whether everybody who reaches the port may read; if not, reading needs a token or a sign-in.",
    )
    anonymous_metrics: bool | None = Field(
        None, description="The same for `/metrics` alone; by default as `SLOBURN_ANONYMOUS_READ`."
    )
    token_failures_per_minute: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Tokens that are not accepted, from one address, before more are answered 429.",
    )
    changes_per_minute: int = Field(
        300, ge=1, le=1_000_000, description="Changes of one identity, before more are answered 429."
    )
    forward_auth_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, parsed(parse_networks)] = Field(
        (),
        description="Networks of a proxy with a login, such as `10.0.0.7/32`, whose headers say who asks; none: no "
        "header is accepted.",
    )
    forward_auth_user_header: Annotated[str, parsed(parse_header_name)] = Field(
        "X-Forwarded-Email", description="Header in which that proxy names who asks."
    )
    forward_auth_groups_header: Annotated[str, parsed(parse_header_name)] = Field(
        "X-Forwarded-Groups", description="Header in which that proxy lists the groups."
    )
    forward_auth_roles: Annotated[Mapping[str, AccessScopes], NoDecode, parsed(parse_roles)] = Field(
        default_factory=lambda: {EVERYBODY: frozenset({AccessScope.READ})},
        description="Scopes of groups: `sre=admin,developers=read+adjust`, or a JSON object; `*` is everybody whom the "
        "proxy lets through, or who has a JWT.",
    )
    jwt_jwks_url: Url | None = Field(
        None, description="Keys of an identity provider, as a JSON Web Key Set: JWTs that it has signed are accepted."
    )
    jwt_issuer: str | None = Field(None, description="Who must have issued these JWTs (`iss`).")
    jwt_audience: str | None = Field(None, description="Whom these JWTs must be for (`aud`), as the id of a client.")
    jwt_user_claim: str = Field("email", description="Claim of a JWT that names who asks; `sub` where it has none.")
    jwt_groups_claim: str = Field("groups", description="Claim of a JWT that lists the groups.")
    report_link_secret: SecretStr | None = Field(
        None, description="Secret that links in sent reports are signed with, so that they work without a login."
    )
    report_link_secret_file: Path | None = Field(None, description="File with the secret of links in reports.")
    metric_names: MetricNames = Field(
        MetricNames.SLOBURN,
        description="`sloth` exposes the SLOs on `/metrics` under the names of Sloth's rules too, else `sloburn`.",
    )
    evaluation_interval: Annotated[timedelta, parsed(parse_interval)] = Field(
        timedelta(seconds=30), description="Length of a slot, and time between two evaluations: `5s` to `5m`."
    )
    query_offset: Annotated[timedelta, duration_between("0s", "1h")] = Field(
        timedelta(seconds=5), description="How long after its end a slot is queried, up to 1h; more for remote write."
    )
    settle: Annotated[timedelta, duration_between("0s", "1h")] = Field(
        timedelta(minutes=5),
        description="Late-sample grace: how late samples may be and still count in their slot; up to 1h.",
    )
    backfill: Annotated[timedelta | None, parsed(parse_history)] = Field(
        None, description="History to backfill for a new SLI: `full`, `off`, or a duration such as `7d`."
    )
    recover: bool = Field(
        default=False, description="Rename a damaged database, start with a new one and backfill it from Prometheus."
    )
    alertmanager_urls: Annotated[tuple[Url, ...], NoDecode, parsed(parse_http_urls)] = Field(
        (), description="Alertmanagers, each of which gets every alert: separated by commas or spaces, or a JSON list."
    )
    alertmanager_external_url: Url | None = Field(
        None, description="URL of Alertmanager for people, to silence alerts; by default the first that gets alerts."
    )
    config: Path = Field(
        Path("config/sloburn.yaml"),
        description="File of receivers and routes; only the default one may be missing.",
    )
    mcp: bool = Field(default=False, description="Serve SLOs to assistants by the Model Context Protocol at `/mcp`.")
    mcp_hosts: Annotated[tuple[str, ...], NoDecode, parsed(parse_host_names)] = Field(
        (),
        description="Further names by which clients of `/mcp` may reach this service, besides those of its URLs: "
        "separated by commas or spaces, or a JSON list.",
    )
    log_format: LogFormat = Field(LogFormat.TEXT, description="`text` for people, `json` for machines.")
    log_level: LogLevel = Field(LogLevel.INFO, description="`debug`, `info`, `warning` or `error`.")

    _warnings: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="before")
    @classmethod
    def _read_twins(cls, values: Any) -> Any:
        found = dict(values)
        for name in _TWINS:
            path = found.get(f"{name}_file")
            if path is not None and name in found:
                raise ValueError(f"{variable(name)}: given together with {variable(name)}_FILE; leave one out")
            if path is not None:
                found[name] = _checked(f"{name}_file", file_text, Path(path))
        return found

    @model_validator(mode="after")
    def _make_sense_together(self) -> "Settings":
        ways = [
            name
            for name in ("password", "password_file", "bearer_token", "bearer_token_file")
            if getattr(self, f"prometheus_{name}") is not None
        ]
        if len(ways) > 1:
            raise ValueError(f"{variable(f'prometheus_{ways[0]}')}: given together with {ways[1]}; leave one out")
        if self.prometheus_username is None and ways and ways[0].startswith("password"):
            raise ValueError(f"{variable('prometheus_username')}: missing beside a password; add the user's name")
        if self.prometheus_username is not None and ways and ways[0].startswith("bearer"):
            raise ValueError(f"{variable('prometheus_username')}: given together with a bearer token; leave one out")
        if self.prometheus_tls_key_file is not None and self.prometheus_tls_cert_file is None:
            raise ValueError(f"{variable('prometheus_tls_cert_file')}: missing beside a key; add the certificate")
        self._check_who_asks()
        for name in type(self).model_fields:
            path = getattr(self, name)
            if not isinstance(path, Path):
                continue
            if name.startswith("prometheus_tls_") or name == "kubernetes_ca_file":
                _checked(name, check_file, path)
            elif name.startswith("prometheus_") or name == "kubernetes_token_file":
                _checked(name, file_text, path)
        return self

    def _check_who_asks(self) -> None:
        """Refuse settings of identities that have no effect, or let in more people than intended."""
        names_people = {"forward_auth_roles", "forward_auth_user_header"} & self.model_fields_set
        if names_people and not self.forward_auth_networks and self.jwt_jwks_url is None:
            raise ValueError(f"{variable('forward_auth_networks')}: missing; write the network of the proxy")
        signed = {name: getattr(self, name) for name in ("jwt_jwks_url", "jwt_issuer", "jwt_audience")}
        missing = [name for name, given in signed.items() if not given]
        # A token for another service must not open this one.
        if missing and len(missing) < len(signed):
            raise ValueError(f"{variable(missing[0])}: missing beside other settings of JWTs; write all three")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Variables that begin like settings and are not."""
        return self._warnings

    @property
    def listen_host(self) -> str:
        """The host to bind; empty for every address."""
        return self.listen_address.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        """The port to bind; 0 for any free one."""
        return int(self.listen_address.rpartition(":")[2])

    @property
    def public_url(self) -> str:
        """How people reach the service: `external_url`, else as it listens."""
        if self.external_url is not None:
            return self.external_url
        # No link leads to 0.0.0.0.
        host = socket.gethostname() if self.listen_host in _WILDCARDS else self.listen_address.rpartition(":")[0]
        return f"http://{host}:{self.listen_port}"

    @property
    def config_file(self) -> Path | None:
        """The file of receivers and routes; None if there is none and none was asked for."""
        asked = "config" in self.model_fields_set
        return self.config if asked or self.config.is_file() else None

    def prometheus_http(self) -> HttpConfig:
        """How to reach Prometheus."""
        password, token = self.prometheus_password, self.prometheus_bearer_token
        return HttpConfig(
            url=self.prometheus_url,
            username=self.prometheus_username,
            password=password.get_secret_value() if password else None,
            password_file=self.prometheus_password_file,
            bearer_token=token.get_secret_value() if token else None,
            bearer_token_file=self.prometheus_bearer_token_file,
            tls_ca_file=self.prometheus_tls_ca_file,
            tls_cert_file=self.prometheus_tls_cert_file,
            tls_key_file=self.prometheus_tls_key_file,
            tls_insecure_skip_verify=self.prometheus_tls_insecure_skip_verify,
            headers={name: value.get_secret_value() for name, value in self.prometheus_headers.items()},
        )

    def prometheus_limits(self) -> Limits:
        """What a query may take; one that outlasts its slot would delay the next."""
        return Limits(timeout=self.within_slot(self.prometheus_timeout))

    def within_slot(self, timeout: timedelta) -> timedelta:
        """The timeout of a query, or what of a slot there is for queries."""
        return min(timeout, self.evaluation_interval * _SHARE_OF_INTERVAL)

    def masked(self) -> dict[str, str]:
        """Every setting as text, with secrets masked; empty where nothing is set."""
        texts = {name: shown(getattr(self, name)) for name in type(self).model_fields}
        texts["database_url"] = without_password(self.database_url)
        if not self.watch_interval:
            texts["watch_interval"] = "off"
        if not self.backfill:
            texts["backfill"] = "full" if self.backfill is None else "off"
        return texts


def variable(name: str) -> str:
    """The environment variable of a field."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """The flag of a field."""
    return f"--{name.replace('_', '-')}"


def _checked(name: str, read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except ValueError as error:
        raise ValueError(f"{variable(name)}: {error}") from None
