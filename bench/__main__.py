"""`python -m bench NAME`: run one benchmark against real servers and print a table.

`PROMETHEUS`, `PROMTOOL` and `VICTORIA_METRICS` choose other binaries. Nothing is left running, and nothing on disk.
"""

from enum import StrEnum
from typing import Annotated

import typer

from bench import accuracy as accuracy_bench
from bench import alert_latency as latency_bench
from bench import backfill as backfill_bench
from bench import backtest as backtest_bench
from bench import cost as cost_bench
from bench import differential as differential_bench
from bench import forecast as forecast_bench
from bench import oracle_bound
from bench import readers as readers_bench
from bench import replicas as replicas_bench
from bench import scale as scale_bench
from bench import simulation as simulation_bench
from bench import stored_days as days_bench
from bench.exporter import Fleet
from bench.simulated_months import BASE, Kind

application = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Services = Annotated[int, typer.Option(help="How many SLOs, of ten series each.")]
OwnNames = Annotated[bool, typer.Option("--own-metric-names/--one-name", help="A metric name for each service.")]
Burning = Annotated[float, typer.Option(help="Share of the SLOs whose burn rate fires an alert.")]
Minutes = Annotated[float, typer.Option(help="How long to measure.")]


class Backend(StrEnum):
    """Where the samples are."""

    PROMETHEUS = "prometheus"
    VICTORIA_METRICS = "victoriametrics"


@application.command()
def days(
    *,
    slis: Annotated[int, typer.Option(help="How many SLIs are written.")] = 200,
    years: Annotated[float, typer.Option(help="How many years of days.")] = 5.0,
) -> None:
    """Bytes that the totals of days take, which reports are made of."""
    raise typer.Exit(0 if days_bench.run(slis=slis, years=years) else 1)


@application.command()
def replicas(
    *,
    services: Services = 1_000,
    replicas: Annotated[str, typer.Option(help="How many replicas, one number after the other.")] = "1,2,4",
    minutes: Minutes = 2.0,
    database_url: Annotated[str, typer.Option(help="An empty database of PostgreSQL.", envvar="SLOBURN_DATABASE_URL")],
) -> None:
    """CPU and memory of replicas that share SLOs, and what they write to PostgreSQL."""
    counts = [int(one) for one in replicas.split(",")]
    replicas_bench.run(services=services, replicas=counts, minutes=minutes, database_url=database_url)


@application.command()
def accuracy(
    *,
    days: Annotated[int, typer.Option(help="Days of history; at least one more than the longest window.")] = 31,
    seed: Annotated[int, typer.Option(help="Another seed makes other traces.")] = 1,
    backend: Annotated[Backend, typer.Option(help="Where the samples are.")] = Backend.PROMETHEUS,
    live_minutes: Annotated[float, typer.Option(help="Also live through so many minutes of ticks.")] = 0.0,
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds of service.")] = None,
) -> None:
    """Errors of budgets against the truth: plain increase, mean of ratios, Sloburn."""
    kinds = tuple(kind or accuracy_bench.ALL_KINDS)
    kept = accuracy_bench.run(days=days, seed=seed, backend=backend, live_minutes=live_minutes, kinds=kinds)
    raise typer.Exit(0 if kept else 1)


@application.command()
def differential(
    *,
    days: Annotated[float, typer.Option(help="Days of the SLO window; at least 0.5.")] = 7.0,
    seed: Annotated[int, typer.Option(help="Another seed makes other samples.")] = 1,
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds of service.")] = None,
) -> None:
    """Budgets of documents of Sloth and Pyrra: by their own rules, by ours, and as counted."""
    rows = differential_bench.run(days=days, seed=seed, kinds=tuple(kind or differential_bench.ALL_KINDS))
    raise typer.Exit(0 if all(row.counted_right for row in rows) else 1)


@application.command()
def cost(
    *,
    services: Services = 50,
    minutes: Minutes = 10.0,
    history_days: Annotated[float, typer.Option(help="Days of history that the servers hold.")] = 31.0,
    own_metric_names: OwnNames = False,
    burning: Burning = Fleet.burning,
    evaluation_interval: Annotated[
        str, typer.Option(help="How often Sloth's rules run: they say nothing, and 1m is Prometheus's default.")
    ] = "1m",
    only: Annotated[list[str] | None, typer.Option(help="sloth, pyrra, sloburn; several times for several.")] = None,
) -> None:
    """CPU above scraping: Sloth's rules, Pyrra's rules, Sloburn."""
    chosen = frozenset(only or ["sloth", "pyrra", "sloburn"])
    cost_bench.run(
        services=services,
        minutes=minutes,
        history_days=history_days,
        own_metric_names=own_metric_names,
        burning=burning,
        only=chosen,
        evaluation_interval=evaluation_interval,
    )


@application.command()
def backfill(*, services: Services = 100, own_metric_names: OwnNames = False) -> None:
    """CPU and time to count 30 days of history, and the size of the store after it."""
    backfill_bench.run(services=services, own_metric_names=own_metric_names)


@application.command()
def backtest(
    *,
    services: Services = 100,
    seed: Annotated[int, typer.Option(help="Another seed makes other incidents.")] = 1,
) -> None:
    """Time and memory of a backtest of 30 days by nine sets of rules."""
    raise typer.Exit(0 if backtest_bench.run(services=services, seed=seed) else 1)


@application.command()
def scale(
    *,
    services: Services = 1_000,
    minutes: Minutes = 10.0,
    own_metric_names: OwnNames = False,
    burning: Burning = Fleet.burning,
) -> None:
    """Ticks, memory and answers of a service with many SLOs."""
    scale_bench.run(services=services, minutes=minutes, own_metric_names=own_metric_names, burning=burning)


@application.command("alert-latency")
def alert_latency(
    *,
    slos: Annotated[int, typer.Option(help="How many SLOs, which break at random moments.")] = 100,
    rounds: Annotated[int, typer.Option(help="How often each of them breaks.")] = 5,
    interval: Annotated[str, typer.Option(help="Sloburn's evaluation interval.")] = "5s",
    offset: Annotated[str, typer.Option(help="Sloburn's query offset.")] = "1s",
    seed: Annotated[int, typer.Option(help="Another seed makes other moments.")] = 1,
) -> None:
    """Seconds from a breach that Prometheus can show to the alert that Alertmanager has taken."""
    kept = latency_bench.run(slos=slos, rounds=rounds, interval=interval, offset=offset, seed=seed)
    raise typer.Exit(0 if kept else 1)


@application.command()
def readers(
    *,
    slos: Annotated[int, typer.Option(help="SLOs, evaluated every five seconds.")] = 300,
    seconds: Annotated[float, typer.Option(help="How long each kind of readers reads.")] = 30.0,
) -> None:
    """What readers at their worst cost evaluation and supervisors, at 1,024 files."""
    raise typer.Exit(0 if readers_bench.run(slos=slos, seconds=seconds) else 1)


@application.command()
def simulation(
    *,
    months: Annotated[int, typer.Option(help="Months at each level of traffic.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed makes other months.")] = 1,
    level: Annotated[list[str] | None, typer.Option(help="Only these levels, such as '1 a minute'.")] = None,
    kind: Annotated[Kind, typer.Option(help="Months that are alike, or each another.")] = Kind.ALIKE,
    base: Annotated[float, typer.Option(help="Burn rate without incidents, of months that are alike.")] = BASE,
    bound: Annotated[bool, typer.Option("--bound", help="What any page could reach where traffic is low.")] = False,
) -> None:
    """Pages on made-up months, from 10 requests an hour to 1,000 a second, with and without the guard."""
    levels = tuple(level or simulation_bench.LEVELS)
    if bound:
        oracle_bound.run(months=months, seed=seed, levels=levels, kind=kind)
    else:
        simulation_bench.run(months=months, seed=seed, levels=levels, kind=kind, base=base)


@application.command()
def forecast(
    *,
    histories: Annotated[int, typer.Option(help="Histories of each kind.")] = 200,
    origins: Annotated[int, typer.Option(help="Times at which each of them is forecast.")] = 8,
    seed: Annotated[int, typer.Option(help="Another seed makes other histories.")] = 1,
    window_days: Annotated[int, typer.Option(help="Days of the SLO window.")] = 30,
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds of history.")] = None,
) -> None:
    """Forecasts of budgets on made-up histories against what came, and against the rates of the last hours."""
    kept = forecast_bench.run(
        histories=histories, origins=origins, seed=seed, kinds=tuple(kind or ()), window_days=window_days
    )
    raise typer.Exit(0 if kept else 1)


if __name__ == "__main__":
    application()
