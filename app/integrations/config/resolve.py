"""What the file means: its parts checked against each other, and turned into what receivers are made of."""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from app.alerting import Route, Routing
from app.changes import DEFAULT_QUERIES, ChangeQuery
from app.delivery.message_receiver import RateLimit
from app.http import probe_file
from app.http.addresses import AddressPolicy
from app.http.request_options import HttpOptions, ProxyOptions
from app.http.secrets import Secret
from app.integrations.alertmanager.config import AlertmanagerModel, AlertmanagerTargets
from app.integrations.config.changes import change_findings, resolve_changes
from app.integrations.config.http import HttpReader
from app.integrations.config.model import FileModel, HeartbeatModel, ReceiverModel, RouteModel
from app.integrations.config.reader import SectionReader
from app.integrations.config.remote_write import resolve_remote_write
from app.integrations.config.reports import report_findings, resolve_reports
from app.integrations.config.secret_loader import SecretLoader
from app.integrations.config.sources import SourceConfig, resolve_sources
from app.integrations.config.tenants import leak_findings, resolve_tenants, tenant_findings
from app.integrations.email.config import EmailModel, resolve_email, resolve_email_proxy
from app.integrations.email.notifier import MailOptions
from app.integrations.pagerduty.config import PagerDutyModel, resolve_pagerduty
from app.integrations.pagerduty.notifier import PagerDutyOptions
from app.integrations.slack.config import SlackModel, resolve_slack
from app.integrations.slack.notifier import SlackBotOptions, SlackWebhookOptions
from app.integrations.webhook.config import WebhookModel, resolve_webhook
from app.integrations.webhook.notifier import WebhookOptions
from app.remote_write import RemoteWriteOptions
from app.reports import ScheduledReport
from app.slo import TENANT_LABEL, Tenant
from app.wording.templates import TemplateProblemError, Templates, compile_template
from app.yamldoc.findings import FieldFinding, FieldPath

ALERTMANAGER = "alertmanager"
"""The name of the receiver that the setting of Alertmanager's URLs makes."""


Section = PagerDutyModel | SlackModel | WebhookModel | EmailModel | AlertmanagerModel
Target = PagerDutyOptions | SlackWebhookOptions | SlackBotOptions | WebhookOptions | MailOptions | AlertmanagerTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """One receiver."""

    name: str
    target: Target
    rate_limit: RateLimit = field(default_factory=RateLimit)
    timeout: timedelta = timedelta(seconds=10)
    templates: Templates = field(default_factory=Templates)
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatConfig:
    """A URL to call again and again."""

    url: Secret
    every: timedelta
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogConfig:
    """An alert that fires for as long as we work."""

    receiver: str
    alertname: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryConfig:
    """Receivers, routes, and what belongs to all of them."""

    receivers: tuple[ReceiverConfig, ...] = ()
    routing: Routing = field(default_factory=Routing)
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    ca_file: Path | None = None
    heartbeat: HeartbeatConfig | None = None
    watchdog: WatchdogConfig | None = None
    http: HttpOptions = field(default_factory=HttpOptions)
    """For receivers without `http_config`: the proxy of all."""
    remote_write: tuple[RemoteWriteOptions, ...] = ()
    reports: tuple[ScheduledReport, ...] = ()
    changes: tuple[ChangeQuery, ...] = DEFAULT_QUERIES
    sources: tuple[SourceConfig, ...] = ()
    tenants: tuple[Tenant, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all receivers."""
        return tuple(receiver.name for receiver in self.receivers)

    @property
    def alertmanager_url(self) -> str | None:
        """The first Alertmanager of all, without credentials; None if there is none."""
        targets = (one.target for one in self.receivers if isinstance(one.target, AlertmanagerTargets))
        url = next((url for target in targets for url in target.urls), None)
        if url is None:
            return None
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def with_alertmanagers(self, urls: Sequence[str]) -> "DeliveryConfig":
        """With the Alertmanagers of the setting; they get every alert unless a route or the default names them."""
        if not urls:
            return self
        added = ReceiverConfig(name=ALERTMANAGER, target=AlertmanagerTargets(urls=tuple(urls)), http=self.http)
        named = {name for route in self.routing.routes for name in route.receivers} | {*self.routing.default}
        # As with Prometheus, alerts go to the Alertmanagers of the setting without any route.
        always = () if ALERTMANAGER in named else (ALERTMANAGER,)
        return replace(self, receivers=(*self.receivers, added), routing=replace(self.routing, always=always))


def resolve_config(
    model: FileModel, *, loader: SecretLoader, alertmanager_urls: Sequence[str]
) -> tuple[DeliveryConfig, list[FieldFinding]]:
    """The configuration of the file, and its errors; usable only if there are none."""
    proxy = HttpReader(loader, ProxyOptions()).proxy_of(model.outgoing, ("outgoing",))
    reader = _Reader(loader, HttpReader(loader, proxy))
    receivers = [reader.receiver(one, ("receivers", number)) for number, one in enumerate(model.receivers)]
    config = DeliveryConfig(
        receivers=tuple(found for found in receivers if found is not None),
        routing=_routing(model),
        policy=AddressPolicy(allowed=model.outgoing.allow),
        ca_file=reader.certificates(model.outgoing.ca_file, ("outgoing", "ca_file")),
        http=HttpOptions(proxy=proxy),
        heartbeat=reader.heartbeat(model.heartbeat) if model.heartbeat is not None else None,
        reports=resolve_reports(model.reports),
        changes=resolve_changes(model.changes),
        sources=resolve_sources(model.sources, http=HttpReader(loader, ProxyOptions()), loader=loader),
        tenants=resolve_tenants(model.tenants, loader=loader),
        remote_write=resolve_remote_write(model.remote_write, http=reader.http, loader=loader),
        watchdog=(
            WatchdogConfig(
                receiver=model.watchdog.receiver,
                alertname=model.watchdog.alertname,
                labels=tuple(sorted(model.watchdog.labels.items())),
            )
            if model.watchdog is not None
            else None
        ),
    ).with_alertmanagers(alertmanager_urls)
    of_tenants = tenant_findings(
        model.tenants, sources=[one.name for one in model.sources], receivers=config.names, loader=loader
    )
    leaks = leak_findings(
        model.tenants,
        fallbacks=[(n, one.name, one.fallback) for n, one in enumerate(model.receivers) if one.fallback is not None],
        reports=[(n, one.receivers, one.labels.get(TENANT_LABEL)) for n, one in enumerate(model.reports)],
    )
    return config, [
        *loader.findings,
        *_findings(model, set_by_setting=bool(alertmanager_urls)),
        *of_tenants,
        *leaks,
    ]


@dataclass(frozen=True, slots=True)
class _Reader(SectionReader):
    """Reads receivers and what belongs to all of them."""

    def receiver(self, model: ReceiverModel, at: FieldPath) -> ReceiverConfig | None:
        sections = (model.pagerduty, model.slack, model.webhook, model.email, model.alertmanager)
        given = [section for section in sections if section is not None]
        if len(given) != 1:
            problem = "names no service" if not given else "names more than one service"
            self.loader.add_finding(at, problem, "write one of pagerduty, slack, webhook, email and alertmanager")
            return None
        target, http = self._target(given[0], at)
        if target is None:
            return None
        return ReceiverConfig(
            name=model.name,
            target=target,
            rate_limit=RateLimit(per_minute=model.per_minute) if model.per_minute is not None else RateLimit(),
            timeout=self._timeout(model.timeout, at),
            templates=self._templates(model, at),
            http=http,
        )

    def heartbeat(self, model: HeartbeatModel) -> HeartbeatConfig | None:
        url = self.url(model.url, model.url_file, model.url_env, ("heartbeat",))
        http = self.http.options(model.http_config, ("heartbeat", "http_config"))
        headers = self.http.headers(model.headers, ("heartbeat", "headers"))
        http = replace(http, headers={**http.headers, **headers})
        return None if url is None else HeartbeatConfig(url=url, every=model.every, http=http)

    def certificates(self, path: Path | None, at: FieldPath) -> Path | None:
        if path is None:
            return None
        found = self.loader.path(path)
        try:
            probe_file(found)
            # Loading is the check: the file may exist and hold no certificate.
            ssl.create_default_context(cafile=found)
        except OSError as error:
            why = f"there is no file {found}" if isinstance(error, FileNotFoundError) else f"{found}: {error}"
            self.loader.add_finding(at, why, "write the path of a file with certificates")
        return found

    def _target(self, section: Section, at: FieldPath) -> tuple[Target | None, HttpOptions]:
        """What the notifier of one service is made of, and how its requests are sent."""
        match section:
            case PagerDutyModel():
                at = (*at, "pagerduty")
                target: Target | None = resolve_pagerduty(section, at, self)
            case SlackModel():
                at = (*at, "slack")
                target = resolve_slack(section, at, self)
            case WebhookModel():
                at = (*at, "webhook")
                target = resolve_webhook(section, at, self)
            case EmailModel():
                at = (*at, "email")
                return resolve_email(section, at, self), resolve_email_proxy(section, at, self)
            case _:
                at = (*at, "alertmanager")
                target = AlertmanagerTargets(urls=section.urls)
        return target, self.http.options(section.http_config, (*at, "http_config"))

    def _timeout(self, timeout: timedelta | None, at: FieldPath) -> timedelta:
        if timeout is None:
            return timedelta(seconds=10)
        # The lease of an entry is 30 s: a longer attempt could outlive it, and another process would send a second
        # time.
        if not timedelta(seconds=1) <= timeout <= timedelta(seconds=15):
            self.loader.add_finding((*at, "timeout"), "is out of range", "write a duration from 1s to 15s")
        return timeout

    def _templates(self, model: ReceiverModel, at: FieldPath) -> Templates:
        for name in ("summary", "description"):
            text = getattr(model.templates, name)
            try:
                compile_template(text or "")
            except TemplateProblemError as error:
                self.loader.add_finding((*at, "templates", name), str(error), "see docs/receivers.md")
        return Templates(summary=model.templates.summary, description=model.templates.description)


def _routing(model: FileModel) -> Routing:
    everyone = tuple(receiver.name for receiver in model.receivers)
    default = model.default if model.default is not None else everyone
    routes = tuple(_route(route) for route in model.routes)
    routed = {*default, *(name for route in routes for name in route.receivers)}
    # Fallbacks, and receivers of routes before a reload: they may have alerts that are still to be resolved there.
    unrouted = tuple(name for name in everyone if name not in routed)
    fallbacks = {receiver.name: receiver.fallback for receiver in model.receivers if receiver.fallback is not None}
    after = {one.name: one.fallback_after for one in model.receivers if one.fallback_after is not None}
    return Routing(
        routes=routes,
        default=default,
        unrouted=unrouted,
        fallbacks=fallbacks,
        fallback_after=after,
        tenants={tenant.name: tenant.receivers for tenant in model.tenants},
    )


def _route(model: RouteModel) -> Route:
    return Route(
        receivers=model.receivers,
        severities=frozenset({model.match.severity} if model.match.severity is not None else ()),
        services=model.match.service,
        labels=tuple(sorted(model.match.labels.items())),
        goes_on=model.goes_on,
    )


def _findings(model: FileModel, *, set_by_setting: bool) -> Iterator[FieldFinding]:
    known = [receiver.name for receiver in model.receivers]
    if set_by_setting:
        known.insert(0, ALERTMANAGER)
    for number, receiver in enumerate(model.receivers):
        at: FieldPath = ("receivers", number)
        if receiver.name in known[: known.index(receiver.name)] or known.count(receiver.name) > 1:
            yield FieldFinding((*at, "name"), f"the name {receiver.name} is taken", "write another name")
        yield from _fallback_after(receiver, (*at, "fallback_after"))
        if receiver.fallback is not None:
            yield from _unknown([receiver.fallback], known, (*at, "fallback"), listed=False)
            if _turns_back(receiver, model.receivers):
                yield FieldFinding((*at, "fallback"), "leads back to the receiver itself", "end the chain of fallbacks")
    for number, route in enumerate(model.routes):
        yield from _unknown(route.receivers, known, ("routes", number, "receivers"))
    yield from _unknown(model.default or (), known, ("default",))
    able = [one.name for one in model.receivers if one.email or one.slack or one.webhook]
    yield from change_findings(model.changes or ())
    yield from report_findings(model.reports, able=able, known=known)
    # Without routes every receiver gets everything; with routes, an alert that none matches would be lost in silence.
    if model.routes and model.default is None:
        yield FieldFinding(("default",), "is missing", "write default: and the receivers of what no route matches")
    if model.watchdog is not None:
        yield from _watchdog(model, known, model.watchdog.receiver, set_by_setting=set_by_setting)


def _fallback_after(receiver: ReceiverModel, at: FieldPath) -> Iterator[FieldFinding]:
    after = receiver.fallback_after
    if after is None:
        return
    if receiver.fallback is None:
        yield FieldFinding(at, "has no effect without fallback", "add fallback, or leave it out")
    elif not timedelta(seconds=10) <= after <= timedelta(hours=24):
        yield FieldFinding(at, "is out of range", "write a duration from 10s to 24h")


def _watchdog(model: FileModel, known: Sequence[str], name: str, *, set_by_setting: bool) -> Iterator[FieldFinding]:
    at: FieldPath = ("watchdog", "receiver")
    yield from _unknown([name], known, at, listed=False)
    able = {one.name for one in model.receivers if one.alertmanager is not None}
    # A watchdog is an alert that fires all the time, which only Alertmanager knows how to route and to keep quiet
    # about.
    if name in known and name not in able | ({ALERTMANAGER} if set_by_setting else set()):
        yield FieldFinding(at, f"{name} is no Alertmanager", "write a receiver that is, or use heartbeat instead")


def _unknown(
    names: Sequence[str], known: Sequence[str], at: FieldPath, *, listed: bool = True
) -> Iterator[FieldFinding]:
    for number, name in enumerate(names):
        if name not in known:
            where: FieldPath = (*at, number) if listed else at
            remedy = f"write one of {', '.join(known)}" if known else "add it to receivers"
            yield FieldFinding(where, f"there is no receiver {name}", remedy)


def _turns_back(start: ReceiverModel, receivers: Sequence[ReceiverModel]) -> bool:
    onward = {receiver.name: receiver.fallback for receiver in receivers}
    seen, name = {start.name}, start.fallback
    while name is not None:
        if name in seen:
            return True
        seen.add(name)
        name = onward.get(name)
    return False
