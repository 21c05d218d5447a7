"""`sloburn notify`: try a receiver, and see and send again what was given up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from app.alerting import Notification, NotificationStatus, resolve
from app.cli.config_file import sound_config
from app.cli.configuration import TokenOption, api_token, settings_for
from app.cli.console import EXIT_FAILED, EXIT_USAGE, Format, FormatOption, choice_of, fail, output, print_items
from app.cli.remote import DEFAULT_URL, RemoteError, Url, fetch_dead_letters, retry_dead_letter
from app.clock import Clock, SystemClock
from app.delivery import MemoryMessageRefs, NoInstruments, Receiver
from app.delivery.outcome import Deferred, Delivered, Failed, Outcome, Rejected
from app.integrations import DeliveryConfig, NotifierContext, open_receivers
from app.integrations.alertmanager.config import AlertmanagerTargets
from app.integrations.config.resolve import ALERTMANAGER
from app.settings import Settings
from app.slo import Severity, SloId

_ACCEPTED = (
    "accepted; that does not mean delivered: routing and group_wait of Alertmanager still apply. "
    "The test resolves by itself in a few minutes, which is after the usual group_wait of 30 s."
)

app = typer.Typer(
    name="notify",
    help="Try a receiver; list and retry dead letters.\n\nExample: sloburn notify test oncall",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="RECEIVER", hidden=True)]
ConfigOption = Annotated[
    str | None, typer.Option("--config", help="The file of receivers and routes.", metavar="FILE", show_default=False)
]
SeverityOption = Annotated[
    Severity,
    typer.Option("--severity", help="Severity of the test.", metavar="<page|ticket>", parser=choice_of(Severity)),
]


def _letter_id(text: str) -> int:
    if not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is not an ID: write a number that `sloburn notify dead` shows")
    return int(text)


@app.command("test")
def try_receiver(name: Name, *, config: ConfigOption = None, severity: SeverityOption = Severity.TICKET) -> None:
    """Send a test notification to one receiver.

    RECEIVER is the name of a receiver of the configuration. A firing and a resolved notification are sent, and the
    answer to each is printed. An Alertmanager gets the firing one only: it drops alerts that resolve within its
    group_wait. The test resolves there by itself after some minutes.

    Exit code 0: the receiver accepted everything; 1: it did not; 2: the configuration cannot be used.

    Example: sloburn notify test oncall --severity page
    """
    settings = settings_for({"config": config})
    known = sound_config(settings)
    if name not in known.names:
        fail(_unknown_receiver(name, known.names, settings.config), code=EXIT_USAGE)
    only = replace(
        known,
        receivers=tuple(one for one in known.receivers if one.name == name),
        heartbeat=None,
        watchdog=None,
    )
    by_alertmanager = isinstance(only.receivers[0].target, AlertmanagerTargets)
    outcomes = asyncio.run(_try(only, settings, severity, ends=not by_alertmanager))
    for said, outcome in zip(("firing", "resolved"), outcomes, strict=False):
        taken = isinstance(outcome, Delivered) and by_alertmanager
        output().print(f"{name}: {said}: {_ACCEPTED if taken else _words(outcome)}", markup=False, soft_wrap=True)
    if not all(isinstance(outcome, Delivered) for outcome in outcomes):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def dead(*, url: Url = DEFAULT_URL, format: FormatOption = Format.TEXT) -> None:  # noqa: A002  the contract's name
    """List the dead letters of a running service.

    Dead letters are notifications that were given up; the newest comes first.

    Example: sloburn notify dead --url http://localhost:9720
    """
    try:
        letters = list(fetch_dead_letters(url))
    except RemoteError as error:
        fail(str(error))
    line = "{id}  {ended_at}  {receiver}  {alert}  {status}  {error}".format_map
    print_items(letters, format, line=line, none="nothing was given up")


@app.command()
def retry(
    number: Annotated[int, typer.Argument(metavar="ID", hidden=True, parser=_letter_id)],
    *,
    url: Url = DEFAULT_URL,
    token_file: TokenOption = None,
) -> None:
    """Retry a dead letter of a running service.

    ID is the one that `notify dead` shows. This needs the API token: that of SLOBURN_API_TOKEN, or one in a file.

    Example: sloburn notify retry 42
    """
    token = api_token(token_file)
    try:
        retry_dead_letter(url, number, token=token)
    except RemoteError as error:
        fail(str(error))
    output().print(f"{number} is tried again", markup=False)


def _unknown_receiver(name: str, known: Sequence[str], file: Path) -> str:
    others = f"receivers are: {', '.join(known)}; use one of them, or" if known else "there are none:"
    remedy = "set SLOBURN_ALERTMANAGER_URLS, or add it" if name == ALERTMANAGER else "add it"
    return f"there is no receiver {name}; {others} {remedy} to {file}"


async def _try(config: DeliveryConfig, settings: Settings, severity: Severity, *, ends: bool) -> list[Outcome]:
    clock = SystemClock()
    context = NotifierContext(
        external_url=settings.public_url,
        interval=settings.evaluation_interval,
        clock=clock,
        instruments=NoInstruments(),
        message_refs=MemoryMessageRefs(),
    )
    opened = open_receivers(config, context, is_healthy=lambda: True)
    try:
        notification = _notification(clock, severity)
        notifications = (notification, resolve(notification, at=clock.now())) if ends else (notification,)
        return [outcome async for outcome in _tell(opened.receivers[0], notifications, clock)]
    finally:
        await opened.aclose()


async def _tell(receiver: Receiver, notifications: Sequence[Notification], clock: Clock) -> AsyncIterator[Outcome]:
    for notification in notifications:
        (outcome,) = await receiver.deliver([notification], at=clock.now())
        yield outcome
        if not isinstance(outcome, Delivered):
            return


def _notification(clock: Clock, severity: Severity) -> Notification:
    at = clock.now()
    return Notification(
        status=NotificationStatus.FIRING,
        slo=SloId("sloburn-test"),
        severity=severity,
        incident=f"test-{at.timestamp():.0f}",
        alertname="SloburnTest",
        service="sloburn",
        name="test",
        objective=0.999,
        window="30d",
        period_seconds=timedelta(days=30).total_seconds(),
        starts_at=at,
        at=at,
        annotations=(
            ("description", "If you can read this, the receiver works. Nothing is wrong."),
            ("summary", "A test of this receiver by `sloburn notify test`"),
        ),
    )


def _words(outcome: Outcome) -> str:
    match outcome:
        case Delivered():
            return "delivered"
        case Rejected(detail=detail):
            return f"refused for good: {detail}"
        case Failed(reason=reason, detail=detail):
            return f"failed ({reason}): {detail}"
        case Deferred(until=until):
            return f"held until {until:%H:%M:%S} UTC"
