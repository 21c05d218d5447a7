"""`sloburn demo`: the demo stack, and the switch that breaks its shop."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape

from app.slo import parse_duration
from demo.errors import DemoError
from demo.options import DAYS, DemoOptions
from demo.ports import HOST, Ports
from demo.programs import find_promtool
from demo.switch import ShopSwitch

if TYPE_CHECKING:
    from fastapi import FastAPI

# ruff: noqa: PLC0415  Servers and numpy take a second to import: only the commands that need them wait for it.

app = typer.Typer(no_args_is_help=False, rich_markup_mode=None)
console = Console(highlight=False)

_EXIT_USAGE = 2
_DEFAULT = Ports()
_SHOP = _DEFAULT.url("shop")
_TITLES = {
    "sloburn": "Sloburn",
    "shop": "the shop",
    "pager": "the pager",
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
}


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise typer.BadParameter(f"{text!r} is not a URL: write {_SHOP}")
    return text


ShopUrl = Annotated[str, typer.Option("--shop", help="Where the shop listens.", metavar="URL", parser=_url)]
Service = Annotated[str | None, typer.Argument(metavar="SERVICE", hidden=True)]
ListenHost = Annotated[str, typer.Option("--host", help="Address to listen on.", metavar="ADDRESS")]
ListenPort = Annotated[int, typer.Option("--port", min=1, max=65_535, help="Port to listen on.", metavar="PORT")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Keep all data here; without it nothing is kept.", metavar="DIR")
]
Days = Annotated[float, typer.Option("--days", min=0.05, max=60, help="Days of history to generate.", metavar="DAYS")]
Traffic = Annotated[
    float, typer.Option("--traffic", min=0, help="Requests: 2 is twice as many as usual, 0 none.", metavar="FACTOR")
]


def _ratio(text: str) -> float:
    """A share such as `20%` or `0.2`.

    >>> _ratio("20%"), _ratio("0.2")
    (0.2, 0.2)
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a share: write 20% or 0.2") from error
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"{text!r} must be between 0% and 100%")
    return value


def _seconds(text: str) -> float:
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _port(part: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{part}-port", min=1, max=65_535, help=f"Port of {_TITLES[part]}.", metavar="PORT"
    )
    return option


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Run a demo shop and break it.

    Without a command, the demo runs until Ctrl-C: a shop with a month of history, Prometheus, Alertmanager, a pager and
    Sloburn, on loopback.

    Example: sloburn demo
    """
    if context.invoked_subcommand is None:
        _run(DemoOptions())


@app.command()
def up(
    *,
    data: Data = None,
    days: Days = DAYS,
    traffic: Traffic = 1.0,
    sloburn_port: Annotated[int, _port("sloburn")] = _DEFAULT.sloburn,
    shop_port: Annotated[int, _port("shop")] = _DEFAULT.shop,
    pager_port: Annotated[int, _port("pager")] = _DEFAULT.pager,
    prometheus_port: Annotated[int, _port("prometheus")] = _DEFAULT.prometheus,
    alertmanager_port: Annotated[int, _port("alertmanager")] = _DEFAULT.alertmanager,
) -> None:
    """Run the demo until Ctrl-C, with options.

    Example: sloburn demo up --prometheus-port 9099 --data demo-data
    """
    ports = Ports(
        sloburn=sloburn_port,
        shop=shop_port,
        pager=pager_port,
        prometheus=prometheus_port,
        alertmanager=alertmanager_port,
    )
    _run(DemoOptions(ports=ports, data=data, days=days, traffic=traffic))


@app.command("break")
def break_(
    service: Annotated[str, typer.Argument(metavar="SERVICE", hidden=True)] = "checkout",
    errors: Annotated[
        str, typer.Option(metavar="SHARE", help="Share of its requests that fail, on one route first.")
    ] = "20%",
    latency: Annotated[str, typer.Option(metavar="DURATION", help="Added to every answer.")] = "0s",
    duration: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long it stays broken.")] = "10m",
    shop: ShopUrl = _SHOP,
) -> None:
    """Break a service of the shop.

    SERVICE is catalog, search, cart, checkout (the default) or reports. Its last route fails first, such as
    /checkout/payment, so that the alert names it as top contributor.

    Example: sloburn demo break checkout --errors 20% --latency 2s --for 10m
    """
    share, lasts = _ratio(errors), _seconds(duration)
    slower = 0.0 if latency in {"0", "0s"} else _seconds(latency)
    try:
        broken = ShopSwitch(shop).break_service(service, errors=share, latency_seconds=slower, for_seconds=lasts)
    except DemoError as error:
        raise _failure(error) from error
    _print_breakages(broken)


@app.command()
def mend(service: Service = None, shop: ShopUrl = _SHOP) -> None:
    """Mend a service of the shop, or all.

    SERVICE is catalog, search, cart, checkout or reports; all of them without it.

    Example: sloburn demo mend checkout
    """
    try:
        mended = ShopSwitch(shop).mend(service)
    except DemoError as error:
        raise _failure(error) from error
    over = "Nothing is broken: what was broken for a time is good again after it."
    console.print(f"Mended: {', '.join(mended)}." if mended else over)


@app.command()
def status(shop: ShopUrl = _SHOP) -> None:
    """Show what is broken, and for how long.

    Example: sloburn demo status
    """
    try:
        _print_breakages(ShopSwitch(shop).breakages())
    except DemoError as error:
        raise _failure(error) from error


@app.command()
def history(
    directory: Annotated[Path, typer.Argument(metavar="DIR", hidden=True)],
    days: Days = DAYS,
) -> None:
    """Import the history of the shop into a Prometheus.

    DIR is the storage of a Prometheus that has not been started yet. Where the history is already there, nothing is
    done; an import that was interrupted is started again.

    Example: sloburn demo history data/prometheus
    """
    from demo.history import Scrapes
    from demo.tsdb_blocks import import_history

    try:
        imported = import_history(directory, Scrapes.until(int(time.time()), days=days), promtool=find_promtool())
    except (DemoError, OSError) as error:
        raise _failure(error) from error
    text = f"{days:g} days of history are in {directory}." if imported else f"The history is already in {directory}."
    console.print(text, soft_wrap=True)


@app.command("shop")
def serve_shop(host: ListenHost = HOST, port: ListenPort = _DEFAULT.shop, traffic: Traffic = 1.0) -> None:
    """Run the shop alone.

    Example: sloburn demo shop --host 0.0.0.0
    """
    from demo.shop import create_shop

    _serve(create_shop(traffic=traffic), host, port)


@app.command("pager")
def serve_pager(host: ListenHost = HOST, port: ListenPort = _DEFAULT.pager) -> None:
    """Run the pager alone.

    It prints the notifications that Alertmanager posts to /notify.

    Example: sloburn demo pager
    """
    from demo.pager import create_pager

    _serve(create_pager(console), host, port)


def _serve(application: "FastAPI", host: str, port: int) -> None:
    import uvicorn

    uvicorn.run(application, host=host, port=port, log_level="warning", access_log=False)


def _run(options: DemoOptions) -> None:
    from demo.stack import run

    try:
        run(options, console)
    except (DemoError, OSError) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> typer.Exit:
    Console(stderr=True, highlight=False).print(f"[red]demo:[/] {escape(str(error))}", soft_wrap=True)
    return typer.Exit(error.exit_code if isinstance(error, DemoError) else _EXIT_USAGE)


def _print_breakages(broken: dict[str, dict[str, float]]) -> None:
    if not broken:
        console.print("Nothing is broken.")
    for service, fault in broken.items():
        console.print(
            f"{service} is broken for {fault['seconds_left']:.0f} s more: "
            f"{fault['errors'] * 100:g}% errors, {fault['latency_seconds']:g} s slower."
        )
