"""The structure of the whole file; each service's section is in its own folder."""

import ipaddress
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.http.addresses import IpNetwork
from app.integrations.alertmanager.config import AlertmanagerModel
from app.integrations.config.changes import ChangeQueryModel
from app.integrations.config.fields import (
    Duration,
    FilePath,
    HeaderModel,
    HttpModel,
    LabelName,
    Model,
    Name,
    OneOrMore,
    ProxyModel,
    Text,
    Url,
    Whole,
    YesOrNo,
)
from app.integrations.config.remote_write import RemoteWriteReceiverModel
from app.integrations.config.reports import ScheduledReportModel
from app.integrations.config.sources import SourceEntryModel
from app.integrations.config.tenants import TenantModel
from app.integrations.email.config import EmailModel
from app.integrations.pagerduty.config import PagerDutyModel
from app.integrations.slack.config import SlackModel
from app.integrations.webhook.config import WebhookModel
from app.slo import Severity
from app.yamldoc import scalars
from app.yamldoc.scalars import refuse


def _severity(value: Any) -> Severity:
    return scalars.read_choice(Severity, value, "a severity")


def _network(value: Any) -> IpNetwork:
    try:
        return ipaddress.ip_network(scalars.read_text(value))
    except ValueError:
        raise refuse(f"{value!r} is not a network", "write one such as 10.0.0.0/8") from None


class TemplatesModel(Model):
    """The receiver's own texts, in Jinja2."""

    summary: Text | None = None
    description: Text | None = None


class ReceiverModel(Model):
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
    fallback_after: Duration | None = None
    templates: TemplatesModel = Field(default_factory=TemplatesModel)


class MatchModel(Model):
    """What an alert must be like; each key that is given must match."""

    severity: Annotated[Severity | None, PlainValidator(_severity)] = None
    service: OneOrMore = ()
    labels: dict[LabelName, OneOrMore] = Field(default_factory=dict)


class RouteModel(Model):
    """The receivers of alerts that match."""

    match: MatchModel = Field(default_factory=MatchModel)
    receivers: tuple[Name, ...] = Field(min_length=1)
    goes_on: YesOrNo = Field(default=False, alias="continue")


class OutgoingModel(ProxyModel):
    """What holds for all requests to receivers."""

    allow: tuple[Annotated[IpNetwork, PlainValidator(_network)], ...] = ()
    ca_file: FilePath | None = None


class HeartbeatModel(Model):
    """A URL that is called for as long as evaluation is healthy."""

    url: Url | None = None
    url_file: FilePath | None = None
    url_env: Text | None = None
    every: Duration = timedelta(minutes=1)
    headers: dict[Text, HeaderModel] = Field(default_factory=dict)
    http_config: HttpModel | None = None


class WatchdogModel(Model):
    """An alert that always fires for as long as evaluation is healthy."""

    receiver: Name
    alertname: Text = "Watchdog"
    labels: dict[LabelName, Text] = Field(default_factory=dict)


class FileModel(Model):
    """The whole file."""

    receivers: tuple[ReceiverModel, ...] = ()
    routes: tuple[RouteModel, ...] = ()
    default: tuple[Name, ...] | None = None
    outgoing: OutgoingModel = Field(default_factory=OutgoingModel)
    heartbeat: HeartbeatModel | None = None
    watchdog: WatchdogModel | None = None
    remote_write: tuple[RemoteWriteReceiverModel, ...] = ()
    reports: tuple[ScheduledReportModel, ...] = ()
    changes: tuple[ChangeQueryModel, ...] | None = None
    sources: tuple[SourceEntryModel, ...] = ()
    tenants: tuple[TenantModel, ...] = ()
