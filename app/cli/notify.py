"""`sloburn notify`: try a receiver, and see and send again what was given up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from app.alerting import Notice, NoticeStatus, resolve
from app.cli.console import Format, errors, fail, output, print_json
from app.cli.remote import RemoteError, dead_letters, revive_letter
from app.clock import Clock, SystemClock
from app.delivery import MemoryMessages, NoInstruments, Receiver
from app.delivery.outcome import Delivered, Failed, Held, Outcome, Rejected
from app.integrations import DeliveryConfig, NotifierContext, load_config, open_receivers
from app.integrations.config.resolve import ALERTMANAGER, AlertmanagerTargets
from app.settings import Settings, SettingsError, environment, load_settings
from app.slo import Severity, SloId

EXIT_FAILED = 1
EXIT_SETTINGS = 2
_TAKEN = (
    "Alertmanager has taken it; whom it tells, and when, is up to its routes. "
    "The test ends by itself in a few minutes, later than its usual group_wait of 30 s."
)

app = typer.Typer(
    name="notify",
    help="Try a receiver; see and send again what was given up.\n\nExample: sloburn notify test oncall",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The name of a receiver in the configuration.", metavar="RECEIVER")]
ConfigOption = Annotated[
    str | None, typer.Option("--config", help="The file of receivers and routes.", metavar="FILE", show_default=False)
]
SeverityOption = Annotated[Severity, typer.Option("--severity", help="What the test pretends to be.")]
UrlOption = Annotated[str, typer.Option("--url", help="Where the service listens.", metavar="URL")]
TokenOption = Annotated[
    str | None, typer.Option("--token-file", help="File with the API token.", metavar="FILE", show_default=False)
]
FormatOption = Annotated[Format, typer.Option("--format", help="For people or for machines.")]


@app.command("test")
def try_receiver(name: Name, *, config: ConfigOption = None, severity: SeverityOption = Severity.TICKET) -> None:
    """Send a test notification and its end to one receiver, and print what became of them.

    Alertmanager tells nobody of what is over before its group_wait: a test fires there for some minutes, and then ends
    by itself.

    Exit code 0: the receiver has taken everything; 1: it has not; 2: the configuration cannot be used.

    Example: sloburn notify test oncall --severity page
    """
    settings = _settings({} if config is None else {"config": config})
    loaded = load_config(settings.config_file, environment=environment(), alertmanager_urls=settings.alertmanager_urls)
    if loaded.errors:
        fail("\n".join(map(str, loaded.errors)), code=EXIT_SETTINGS)
    if name not in loaded.config.names:
        fail(_nobody(name, loaded.config.names), code=EXIT_SETTINGS)
    only = replace(
        loaded.config,
        receivers=tuple(one for one in loaded.config.receivers if one.name == name),
        heartbeat=None,
        watchdog=None,
    )
    by_alertmanager = isinstance(only.receivers[0].target, AlertmanagerTargets)
    outcomes = asyncio.run(_try(only, settings, severity, ends=not by_alertmanager))
    for said, outcome in zip(("firing", "resolved"), outcomes, strict=False):
        taken = isinstance(outcome, Delivered) and by_alertmanager
        output().print(f"{name}: {said}: {_TAKEN if taken else _words(outcome)}", markup=False, soft_wrap=True)
    if not all(isinstance(outcome, Delivered) for outcome in outcomes):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def dead(*, url: UrlOption = "http://127.0.0.1:9720", format: FormatOption = Format.TEXT) -> None:  # noqa: A002  the contract's name
    """List the notifications that a running service has given up, newest first.

    Example: sloburn notify dead --url http://localhost:9720
    """
    try:
        letters = dead_letters(url)
    except RemoteError as error:
        fail(str(error))
    if format is Format.JSON:
        print_json({"items": letters})
        return
    for letter in letters:
        line = "{id}  {ended_at}  {receiver}  {alert}  {status}  {error}".format(**letter)
        output().print(line, markup=False, soft_wrap=True)
    if not letters:
        errors().print("nothing was given up")


@app.command()
def revive(
    number: Annotated[int, typer.Argument(help="The id that `notify dead` shows.", metavar="ID")],
    *,
    url: UrlOption = "http://127.0.0.1:9720",
    token_file: TokenOption = None,
) -> None:
    """Let a running service try a notification again that it has given up.

    The token is that of SLOBURN_API_TOKEN, or in a file.

    Example: sloburn notify revive 42
    """
    settings = _settings({} if token_file is None else {"api_token_file": token_file})
    token = settings.api_token.get_secret_value() if settings.api_token is not None else ""
    try:
        revive_letter(url, number, token=token)
    except RemoteError as error:
        fail(str(error))
    output().print(f"{number} is tried again", markup=False)


def _nobody(name: str, known: Sequence[str]) -> str:
    others = f"there are: {', '.join(known)}" if known else "there are none"
    remedy = "set SLOBURN_ALERTMANAGER_URLS, or write it" if name == ALERTMANAGER else "write it"
    return f"there is no receiver {name}; {others}. To have it, {remedy} into config/sloburn.yaml"


async def _try(config: DeliveryConfig, settings: Settings, severity: Severity, *, ends: bool) -> list[Outcome]:
    clock = SystemClock()
    context = NotifierContext(
        external_url=settings.public_url,
        interval=settings.evaluation_interval,
        clock=clock,
        instruments=NoInstruments(),
        messages=MemoryMessages(),
    )
    opened = open_receivers(config, context, is_healthy=lambda: True)
    try:
        notice = _notice(clock, severity)
        told = (notice, resolve(notice, at=clock.now())) if ends else (notice,)
        return [outcome async for outcome in _tell(opened.receivers[0], told, clock)]
    finally:
        await opened.aclose()


async def _tell(receiver: Receiver, notices: Sequence[Notice], clock: Clock) -> AsyncIterator[Outcome]:
    for notice in notices:
        (outcome,) = await receiver.deliver([notice], at=clock.now())
        yield outcome
        if not isinstance(outcome, Delivered):
            return


def _notice(clock: Clock, severity: Severity) -> Notice:
    at = clock.now()
    return Notice(
        status=NoticeStatus.FIRING,
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
        case Held(until=until):
            return f"held until {until:%H:%M:%S} UTC"


def _settings(overrides: dict[str, object]) -> Settings:
    try:
        return load_settings(overrides)
    except SettingsError as error:
        fail(str(error), code=EXIT_SETTINGS)
