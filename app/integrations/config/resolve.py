"""What the file means: its parts checked against each other, and turned into what receivers are made of."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from app.alerting import Route, Routing
from app.delivery.message_receiver import RateLimit
from app.http import probe_file
from app.http.addresses import AddressPolicy
from app.http.request_options import HttpOptions, ProxyOptions
from app.http.secrets import FixedSecret, Secret
from app.integrations.config.http import HttpReader
from app.integrations.config.model import (
    AlertmanagerModel,
    ConfigModel,
    EmailModel,
    HeartbeatModel,
    PagerDutyModel,
    ReceiverModel,
    RouteModel,
    SlackModel,
    WebhookModel,
)
from app.integrations.config.secret_loader import SecretLoader
from app.integrations.email.notifier import MailOptions
from app.integrations.pagerduty.notifier import PagerDutyOptions
from app.integrations.slack.notifier import SlackBotOptions
from app.integrations.webhook.notifier import WebhookOptions
from app.wording.templates import TemplateProblemError, Templates, compile_template
from app.yamldoc.findings import FieldFinding, FieldPath

ALERTMANAGER = "alertmanager"
"""The name of the receiver that the setting of Alertmanager's URLs makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackWebhookOptions:
    """The URL of an incoming webhook."""

    url: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerTargets:
    """Every Alertmanager of a cluster."""

    urls: tuple[str, ...]


Target = PagerDutyOptions | SlackWebhookOptions | SlackBotOptions | WebhookOptions | MailOptions | AlertmanagerTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """One receiver: its *fallback* is told of what it never takes."""

    name: str
    target: Target
    rate_limit: RateLimit = field(default_factory=RateLimit)
    timeout: timedelta = timedelta(seconds=10)
    fallback: str | None = None
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
    """Who is told, of what, and how."""

    receivers: tuple[ReceiverConfig, ...] = ()
    routing: Routing = field(default_factory=Routing)
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    ca_file: Path | None = None
    heartbeat: HeartbeatConfig | None = None
    watchdog: WatchdogConfig | None = None
    http: HttpOptions = field(default_factory=HttpOptions)
    """For whoever has no `http_config`: the proxy of all."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all receivers."""
        return tuple(receiver.name for receiver in self.receivers)

    @property
    def fallbacks(self) -> Mapping[str, str]:
        """By receiver, who is told of what it never takes."""
        return {one.name: one.fallback for one in self.receivers if one.fallback is not None}

    def with_alertmanagers(self, urls: Sequence[str]) -> "DeliveryConfig":
        """With the Alertmanagers of the setting; they get every alert unless a route or the default names them."""
        if not urls:
            return self
        added = ReceiverConfig(name=ALERTMANAGER, target=AlertmanagerTargets(urls=tuple(urls)), http=self.http)
        named = {name for route in self.routing.routes for name in route.receivers} | {*self.routing.default}
        always = () if ALERTMANAGER in named else (ALERTMANAGER,)
        return replace(self, receivers=(*self.receivers, added), routing=replace(self.routing, always=always))


def resolve_config(
    model: ConfigModel, *, loader: SecretLoader, alertmanager_urls: Sequence[str]
) -> tuple[DeliveryConfig, list[FieldFinding]]:
    """What the file says, and what is wrong with it; the former is usable only if nothing is."""
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
    return config, [*loader.findings, *_findings(model, set_by_setting=bool(alertmanager_urls))]


@dataclass(frozen=True, slots=True)
class _Reader:
    loader: SecretLoader
    http: HttpReader

    def receiver(self, model: ReceiverModel, at: FieldPath) -> ReceiverConfig | None:
        kinds = (model.pagerduty, model.slack, model.webhook, model.email, model.alertmanager)
        given = [kind for kind in kinds if kind is not None]
        if len(given) != 1:
            problem = "names no service" if not given else "names more than one service"
            self.loader.add_finding(at, problem, "write one of pagerduty, slack, webhook, email and alertmanager")
            return None
        target = self._target(given[0], at)
        if target is None:
            return None
        return ReceiverConfig(
            name=model.name,
            target=target,
            rate_limit=RateLimit(per_minute=model.per_minute) if model.per_minute is not None else RateLimit(),
            timeout=self._timeout(model.timeout, at),
            fallback=model.fallback,
            templates=self._templates(model, at),
            http=self._http_of(given[0], at),
        )

    def heartbeat(self, model: HeartbeatModel) -> HeartbeatConfig | None:
        url = self._url(model.url, model.url_file, model.url_env, ("heartbeat",))
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
            ssl.create_default_context(cafile=found)
        except OSError as error:
            why = f"there is no file {found}" if isinstance(error, FileNotFoundError) else f"{found}: {error}"
            self.loader.add_finding(at, why, "write the path of a file with certificates")
        return found

    def _http_of(
        self, model: PagerDutyModel | SlackModel | WebhookModel | EmailModel | AlertmanagerModel, at: FieldPath
    ) -> HttpOptions:
        match model:
            case EmailModel():
                at = (*at, "email")
                proxy = self.http.proxy_url(model.proxy_url, model.proxy_url_file, model.proxy_url_env, at)
                if proxy is not None and (proxy.known() or "").startswith("https:"):
                    self.loader.add_finding((*at, "proxy_url"), "must be an http proxy", "write http://proxy:3128")
                return HttpOptions(proxy=ProxyOptions(http=proxy, https=proxy))
            case PagerDutyModel():
                return self.http.options(model.http_config, (*at, "pagerduty", "http_config"))
            case SlackModel():
                return self.http.options(model.http_config, (*at, "slack", "http_config"))
            case WebhookModel():
                return self.http.options(model.http_config, (*at, "webhook", "http_config"))
            case AlertmanagerModel():
                return self.http.options(model.http_config, (*at, "alertmanager", "http_config"))

    def _target(
        self, model: PagerDutyModel | SlackModel | WebhookModel | EmailModel | AlertmanagerModel, at: FieldPath
    ) -> Target | None:
        match model:
            case PagerDutyModel():
                key = self.loader.secret(
                    model.routing_key_file, model.routing_key_env, (*at, "pagerduty"), "routing_key"
                )
                return None if key is None else PagerDutyOptions(routing_key=key, url=model.url)
            case SlackModel():
                return self._slack(model, (*at, "slack"))
            case WebhookModel():
                return self._webhook(model, (*at, "webhook"))
            case EmailModel():
                return self._email(model, (*at, "email"))
            case AlertmanagerModel():
                return AlertmanagerTargets(urls=model.urls)

    def _slack(self, model: SlackModel, at: FieldPath) -> SlackWebhookOptions | SlackBotOptions | None:
        by_hook = model.webhook_url_file or model.webhook_url_env
        by_bot = model.bot_token_file or model.bot_token_env
        if bool(by_hook) == bool(by_bot):
            problem = "has both a webhook and a bot" if by_hook else "has neither a webhook nor a bot"
            self.loader.add_finding(at, problem, "write webhook_url_file, or bot_token_file and channel")
            return None
        if by_hook:
            url = self.loader.secret(model.webhook_url_file, model.webhook_url_env, at, "webhook_url")
            return None if url is None else SlackWebhookOptions(url=url)
        token = self.http.sendable(self.loader.secret(model.bot_token_file, model.bot_token_env, at, "bot_token"), at)
        if model.channel is None:
            self.loader.add_finding((*at, "channel"), "is missing", 'write channel: "#alerts", or the id of a channel')
            return None
        return None if token is None else SlackBotOptions(token=token, channel=model.channel, api=model.api)

    def _webhook(self, model: WebhookModel, at: FieldPath) -> WebhookOptions | None:
        url = self._url(model.url, model.url_file, model.url_env, at)
        signed = model.secret_file is not None or model.secret_env is not None
        headers = self.http.headers(model.headers, (*at, "headers"))
        return (
            None
            if url is None
            else WebhookOptions(
                url=url,
                secret=self.loader.secret(model.secret_file, model.secret_env, at, "secret") if signed else None,
                headers=headers,
            )
        )

    def _email(self, model: EmailModel, at: FieldPath) -> MailOptions:
        secret = model.password_file is not None or model.password_env is not None
        if (model.username is not None) is not secret:
            missing = "password_file" if model.username is not None else "username"
            self.loader.add_finding((*at, missing), "is missing", "write both username and password_file, or neither")
        return MailOptions(
            sender=model.sender,
            to=model.to,
            host=model.host,
            port=model.port,
            encryption=model.encryption,
            username=model.username,
            password=self.loader.secret(model.password_file, model.password_env, at, "password") if secret else None,
        )

    def _url(self, url: str | None, file: Path | None, env: str | None, at: FieldPath) -> Secret | None:
        if url is not None and file is None and env is None:
            return FixedSecret(url)
        if url is not None:
            self.loader.add_finding((*at, "url"), "is given twice", "write one of url, url_file and url_env")
            return None
        return self.loader.secret(file, env, at, "url", plain=True)

    def _timeout(self, timeout: timedelta | None, at: FieldPath) -> timedelta:
        if timeout is None:
            return timedelta(seconds=10)
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


def _routing(model: ConfigModel) -> Routing:
    everybody = tuple(receiver.name for receiver in model.receivers)
    default = model.default if model.default is not None else everybody
    routes = tuple(_route(route) for route in model.routes)
    routed = {*default, *(name for route in routes for name in route.receivers)}
    unrouted = tuple(name for name in everybody if name not in routed)
    return Routing(routes=routes, default=default, unrouted=unrouted)


def _route(model: RouteModel) -> Route:
    return Route(
        receivers=model.receivers,
        severities=frozenset({model.match.severity} if model.match.severity is not None else ()),
        services=model.match.service,
        labels=tuple(sorted(model.match.labels.items())),
        goes_on=model.goes_on,
    )


def _findings(model: ConfigModel, *, set_by_setting: bool) -> Iterator[FieldFinding]:
    known = [receiver.name for receiver in model.receivers]
    if set_by_setting:
        known.insert(0, ALERTMANAGER)
    for number, receiver in enumerate(model.receivers):
        at: FieldPath = ("receivers", number)
        if receiver.name in known[: known.index(receiver.name)] or known.count(receiver.name) > 1:
            yield FieldFinding((*at, "name"), f"the name {receiver.name} is taken", "write another name")
        if receiver.fallback is not None:
            yield from _unknown([receiver.fallback], known, (*at, "fallback"), listed=False)
            if _turns_back(receiver, model.receivers):
                yield FieldFinding((*at, "fallback"), "leads back to the receiver itself", "end the chain of fallbacks")
    for number, route in enumerate(model.routes):
        yield from _unknown(route.receivers, known, ("routes", number, "receivers"))
    yield from _unknown(model.default or (), known, ("default",))
    if model.routes and model.default is None:
        yield FieldFinding(("default",), "is missing", "write default: and the receivers of what no route matches")
    if model.watchdog is not None:
        yield from _watchdog(model, known, model.watchdog.receiver, set_by_setting=set_by_setting)


def _watchdog(model: ConfigModel, known: Sequence[str], name: str, *, set_by_setting: bool) -> Iterator[FieldFinding]:
    at: FieldPath = ("watchdog", "receiver")
    yield from _unknown([name], known, at, listed=False)
    able = {one.name for one in model.receivers if one.alertmanager is not None}
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
