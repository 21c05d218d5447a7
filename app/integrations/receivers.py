"""From the configuration to receivers that work: the one place that knows all integrations."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.clock import Clock
from app.delivery.message_receiver import MessageReceiver
from app.delivery.notifier import Notifier
from app.delivery.ports import DeliveryInstruments, MessageRefs, Receiver
from app.delivery.template_log import log_template_error
from app.http.client import CheckedClient, ClientOptions
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.cluster import Alertmanager, AlertmanagerOptions
from app.integrations.alertmanager.config import AlertmanagerTargets
from app.integrations.alertmanager.given_up import GivenUp, GivenUpAlert
from app.integrations.alertmanager.refire import RefiringPeer
from app.integrations.alertmanager.silences import SilencedCluster
from app.integrations.alertmanager.watchdog import Watchdog, WatchdogOptions
from app.integrations.config import DeliveryConfig, ReceiverConfig
from app.integrations.email.notifier import Mail, MailOptions
from app.integrations.heartbeat import Heartbeat, IsHealthy
from app.integrations.pagerduty.notifier import PagerDuty, PagerDutyOptions
from app.integrations.resend_loop import Reasserter
from app.integrations.slack.notifier import SlackBot, SlackBotOptions, SlackWebhook, SlackWebhookOptions
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from app.wording.messages import MessageWriter

# As Prometheus's `resend-delay`: Alertmanager resolves an alert that it has not been sent for four times as long.
_RESEND = timedelta(minutes=1)
# As for alerts: three repetitions may be lost.
_LIFETIME_IN_RESENDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierContext:
    """What all notifiers need; *external_url* is our address for people, *given_up* reads what was given up."""

    external_url: str
    interval: timedelta
    clock: Clock
    instruments: DeliveryInstruments
    message_refs: MessageRefs
    given_up: GivenUp | None = None

    @property
    def lifetime(self) -> timedelta:
        """How long an alert of our own lasts after the last word."""
        return _LIFETIME_IN_RESENDS * max(self.interval, _RESEND)


@dataclass(slots=True, kw_only=True)
class Receivers:
    """The receivers, and what belongs to them; closed by the caller of `open_receivers`."""

    receivers: list[Receiver] = field(default_factory=list)
    reasserters: list[tuple[str, Reasserter]] = field(default_factory=list)
    heartbeat: Heartbeat | None = None
    clusters: list[SilencedCluster] = field(default_factory=list)
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    @property
    def clock_skews(self) -> Mapping[str, float]:
        """Seconds that the clock of each Alertmanager is ahead of ours, as of its newest answer."""
        return {
            reasserter.name: reasserter.skew
            for _, reasserter in self.reasserters
            if isinstance(reasserter, RefiringPeer)
        }

    async def aclose(self) -> None:
        """Cancel requests under way and close all connections."""
        for close in self.closing:
            await close()


def open_receivers(config: DeliveryConfig, context: NotifierContext, *, is_healthy: IsHealthy) -> Receivers:
    """All receivers of the configuration; *is_healthy* says whether slots are evaluated and kept."""
    found = Receivers()
    outgoing = ClientOptions(policy=config.policy, ca_file=config.ca_file, http=config.http)
    for receiver in config.receivers:
        _add(found, receiver, outgoing, context)
    if len(found.clusters) == 1:
        # "In Alertmanager" says it all.
        found.clusters[0].name = ""
    if config.heartbeat is not None:
        sender = CheckedClient(replace(outgoing, http=config.heartbeat.http))
        found.heartbeat = Heartbeat(
            config.heartbeat.url, every=config.heartbeat.every, outgoing=sender, is_healthy=is_healthy
        )
        found.closing.append(found.heartbeat.aclose)
    for watchdog in _watchdogs(config, outgoing, context, is_healthy):
        found.reasserters.append((watchdog.name, watchdog))
        found.closing.append(watchdog.aclose)
    return found


def _add(found: Receivers, config: ReceiverConfig, outgoing: ClientOptions, context: NotifierContext) -> None:
    outgoing = replace(outgoing, http=config.http)
    if isinstance(config.target, AlertmanagerTargets):
        alertmanager = _alertmanager(config, config.target.urls, outgoing, context)
        found.receivers.append(alertmanager)
        found.reasserters += ((config.name, peer) for peer in alertmanager.peers)
        found.closing.append(alertmanager.aclose)
        for alarm in _alarms(config.target.urls, outgoing, context):
            found.reasserters.append((alarm.name, alarm))
            found.closing.append(alarm.aclose)
        apis = [_api(url, outgoing, context) for url in config.target.urls]
        found.clusters.append(SilencedCluster(config.name, apis))
        found.closing += (api.aclose for api in apis)
        return
    direct = MessageReceiver(
        config.name,
        _notifier(config, replace(outgoing, deadline=config.timeout), context),
        message_refs=context.message_refs,
        instruments=context.instruments,
        rate_limit=config.rate_limit,
    )
    found.receivers.append(direct)
    found.closing.append(direct.aclose)


def _alertmanager(
    config: ReceiverConfig, urls: Sequence[str], outgoing: ClientOptions, context: NotifierContext
) -> Alertmanager:
    options = AlertmanagerOptions(
        urls=tuple(urls),
        external_url=context.external_url,
        interval=context.interval,
        outgoing=replace(outgoing, deadline=config.timeout),
        name=config.name,
        templates=config.templates,
    )
    return Alertmanager(options, clock=context.clock, instruments=context.instruments)


def _alarms(urls: Sequence[str], outgoing: ClientOptions, context: NotifierContext) -> list[GivenUpAlert]:
    if context.given_up is None:
        return []
    return [
        GivenUpAlert(
            _api(url, outgoing, context),
            context.given_up,
            external_url=context.external_url,
            lifetime=context.lifetime,
        )
        for url in urls
    ]


def _notifier(config: ReceiverConfig, outgoing: ClientOptions, context: NotifierContext) -> Notifier:
    writer = MessageWriter(external_url=context.external_url, templates=config.templates, report=log_template_error)
    match config.target:
        case PagerDutyOptions() as target:
            return PagerDuty(target, outgoing=CheckedClient(outgoing), writer=writer)
        case SlackWebhookOptions(url=url):
            return SlackWebhook(url, outgoing=CheckedClient(outgoing), writer=writer)
        case SlackBotOptions() as target:
            return SlackBot(target, outgoing=CheckedClient(outgoing), writer=writer)
        case WebhookOptions() as target:
            return Webhook(config.name, target, outgoing=CheckedClient(outgoing), writer=writer, clock=context.clock)
        case MailOptions() as target:
            return Mail(target, outgoing=outgoing, writer=writer, clock=context.clock)
        case AlertmanagerTargets():
            raise ValueError("Alertmanagers have a receiver of their own")


def _watchdogs(
    config: DeliveryConfig, outgoing: ClientOptions, context: NotifierContext, is_healthy: IsHealthy
) -> list[Watchdog]:
    if config.watchdog is None:
        return []
    options = WatchdogOptions(
        alertname=config.watchdog.alertname,
        labels=config.watchdog.labels,
        external_url=context.external_url,
        lifetime=context.lifetime,
    )
    receiver = next(one for one in config.receivers if one.name == config.watchdog.receiver)
    urls = receiver.target.urls if isinstance(receiver.target, AlertmanagerTargets) else ()
    outgoing = replace(outgoing, http=receiver.http)
    return [Watchdog(_api(url, outgoing, context), options, is_healthy=is_healthy) for url in urls]


def _api(url: str, outgoing: ClientOptions, context: NotifierContext) -> AlertmanagerApi:
    return AlertmanagerApi(url, clock=context.clock, instruments=context.instruments, outgoing=outgoing)
