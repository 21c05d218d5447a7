"""The structure of the file: unknown keys are errors, and secrets are named, never written."""

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

from app.http.addresses import IpNetwork
from app.integrations.email.mime import parse_mailbox
from app.integrations.email.notifier import Encryption
from app.integrations.pagerduty.notifier import URL as PAGERDUTY_URL
from app.integrations.slack.notifier import API as SLACK_API
from app.slo import Severity
from app.yamldoc import scalars
from app.yamldoc.scalars import refuse
from app.yamldoc.tree import BooleanText, NumberText


def _url(value: Any) -> str:
    text = scalars.read_text(value)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(map(str.isspace, text))
        parts.port  # noqa: B018  raises if it is none
    except ValueError:
        valid = False
        parts = urlsplit("")
    if not valid:
        raise refuse("is not an http or https URL", "write something like https://example.org/hook")
    if "@" in parts.netloc:
        raise refuse("holds a user or a password", "write it without them, and keep secrets in a file")
    return text


def _whole(value: Any) -> int:
    text = str(value)
    if not isinstance(value, NumberText) or not text.isdecimal() or int(text) < 1:
        raise refuse("is not a whole number above zero", "write a number such as 20")
    return int(text)


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, BooleanText):
        raise refuse("is neither true nor false", "write true or false")
    return value.lower() == "true"


def _duration(value: Any) -> timedelta:
    return scalars.read_duration(value)


def _severity(value: Any) -> Severity:
    try:
        return Severity(scalars.read_text(value))
    except ValueError:
        raise refuse(f"{value!r} is no severity", "write page or ticket") from None


def _encryption(value: Any) -> Encryption:
    try:
        return Encryption(scalars.read_text(value).lower())
    except ValueError:
        raise refuse(f"{value!r} is no encryption", "write starttls, tls or off") from None


def _mail_address(value: Any) -> str:
    text = scalars.read_text(value)
    try:
        parse_mailbox(text)
    except ValueError as error:
        raise refuse(str(error), "write someone@example.org, or Name <someone@example.org>") from None
    return text


def _network(value: Any) -> IpNetwork:
    try:
        return ipaddress.ip_network(scalars.read_text(value))
    except ValueError:
        raise refuse(f"{value!r} is no network", "write something like 10.0.0.0/8") from None


def _list_or_one(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise refuse("is empty", "write at least one value, or remove the key")
    return tuple(scalars.read_text(item) for item in items)


def _no_proxy(value: Any) -> tuple[str, ...]:
    entries = (entry.strip() for text in _list_or_one(value) for entry in text.split(","))
    return tuple(entry for entry in entries if entry)


Text = Annotated[str, PlainValidator(scalars.read_text)]
Name = Annotated[str, PlainValidator(scalars.read_name)]
LabelName = Annotated[str, PlainValidator(scalars.read_label_name)]
Url = Annotated[str, PlainValidator(_url)]
Whole = Annotated[int, PlainValidator(_whole)]
YesOrNo = Annotated[bool, PlainValidator(_yes_or_no)]
Duration = Annotated[timedelta, PlainValidator(_duration)]
MailAddress = Annotated[str, PlainValidator(_mail_address)]
FilePath = Annotated[Path, PlainValidator(lambda value: Path(scalars.read_text(value)))]
OneOrMore = Annotated[tuple[str, ...], PlainValidator(_list_or_one)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeaderModel(_Model):
    """A further header: a plain value, or a secret in a file or in the environment."""

    value: Text | None = None
    file: FilePath | None = None
    env: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, given: Any) -> Any:
        return {"value": given} if isinstance(given, str) else given


class BasicAuthModel(_Model):
    """A user and a password."""

    username: Text
    password_file: FilePath | None = None
    password_env: Text | None = None


class AuthorizationModel(_Model):
    """A token and its scheme."""

    type: Text = "Bearer"
    credentials_file: FilePath | None = None
    credentials_env: Text | None = None


class TlsModel(_Model):
    """Whose certificates are trusted, and which is shown."""

    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    server_name: Text | None = None
    insecure_skip_verify: YesOrNo = False


class ProxyModel(_Model):
    """Which way requests go."""

    proxy_url: Url | None = None
    proxy_url_file: FilePath | None = None
    proxy_url_env: Text | None = None
    proxy_from_environment: YesOrNo = False
    no_proxy: Annotated[tuple[str, ...], PlainValidator(_no_proxy)] = ()


class HttpModel(ProxyModel):
    """How requests log in, what they carry, and which way they go."""

    basic_auth: BasicAuthModel | None = None
    authorization: AuthorizationModel | None = None
    tls_config: TlsModel = Field(default_factory=TlsModel)
    headers: dict[Text, HeaderModel] = Field(default_factory=dict)


class PagerDutyModel(_Model):
    """PagerDuty's Events API v2."""

    routing_key_file: FilePath | None = None
    routing_key_env: Text | None = None
    url: Url = PAGERDUTY_URL
    http_config: HttpModel | None = None


class SlackModel(_Model):
    """An incoming webhook, or a bot and a channel."""

    webhook_url_file: FilePath | None = None
    webhook_url_env: Text | None = None
    bot_token_file: FilePath | None = None
    bot_token_env: Text | None = None
    channel: Text | None = None
    api: Url = SLACK_API
    http_config: HttpModel | None = None


class WebhookModel(_Model):
    """A URL that gets Alertmanager's JSON."""

    url: Url | None = None
    url_file: FilePath | None = None
    url_env: Text | None = None
    secret_file: FilePath | None = None
    secret_env: Text | None = None
    headers: dict[Text, HeaderModel] = Field(default_factory=dict)
    http_config: HttpModel | None = None


class EmailModel(_Model):
    """A mail server, and who is written to."""

    host: Text
    port: Whole | None = None
    encryption: Annotated[Encryption, PlainValidator(_encryption)] = Encryption.STARTTLS
    sender: MailAddress = Field(alias="from")
    to: tuple[MailAddress, ...] = Field(min_length=1)
    username: Text | None = None
    password_file: FilePath | None = None
    password_env: Text | None = None
    proxy_url: Url | None = None
    proxy_url_file: FilePath | None = None
    proxy_url_env: Text | None = None


class AlertmanagerModel(_Model):
    """Every Alertmanager of a cluster."""

    urls: tuple[Url, ...] = Field(min_length=1)
    http_config: HttpModel | None = None


class TemplatesModel(_Model):
    """MessageText of one's own, in Jinja2."""

    summary: Text | None = None
    description: Text | None = None


class ReceiverModel(_Model):
    """A name and exactly one service."""

    name: Name
    pagerduty: PagerDutyModel | None = None
    slack: SlackModel | None = None
    webhook: WebhookModel | None = None
    email: EmailModel | None = None
    alertmanager: AlertmanagerModel | None = None
    per_minute: Whole | None = None
    timeout: Duration | None = None
    fallback: Name | None = None
    templates: TemplatesModel = Field(default_factory=TemplatesModel)


class MatchModel(_Model):
    """What an alert must be like; each key that is given must match."""

    severity: Annotated[Severity | None, PlainValidator(_severity)] = None
    service: OneOrMore = ()
    labels: dict[LabelName, OneOrMore] = Field(default_factory=dict)


class RouteModel(_Model):
    """Who is told of alerts that match."""

    match: MatchModel = Field(default_factory=MatchModel)
    receivers: tuple[Name, ...] = Field(min_length=1)
    goes_on: YesOrNo = Field(default=False, alias="continue")


class OutgoingModel(ProxyModel):
    """What holds for all requests to receivers."""

    allow: tuple[Annotated[IpNetwork, PlainValidator(_network)], ...] = ()
    ca_file: FilePath | None = None


class HeartbeatModel(_Model):
    """A URL that is called for as long as ticks do their work."""

    url: Url | None = None
    url_file: FilePath | None = None
    url_env: Text | None = None
    every: Duration = timedelta(minutes=1)
    headers: dict[Text, HeaderModel] = Field(default_factory=dict)
    http_config: HttpModel | None = None


class WatchdogModel(_Model):
    """An alert that always fires for as long as ticks do their work."""

    receiver: Name
    alertname: Text = "Watchdog"
    labels: dict[LabelName, Text] = Field(default_factory=dict)


class ConfigModel(_Model):
    """The whole file."""

    receivers: tuple[ReceiverModel, ...] = ()
    routes: tuple[RouteModel, ...] = ()
    default: tuple[Name, ...] | None = None
    outgoing: OutgoingModel = Field(default_factory=OutgoingModel)
    heartbeat: HeartbeatModel | None = None
    watchdog: WatchdogModel | None = None
