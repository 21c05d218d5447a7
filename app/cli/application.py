"""The commands of `sloburn`, in the order in which `--help` lists them."""

from importlib.util import find_spec
from typing import Annotated

import typer

from app.cli.adjust import app as adjust
from app.cli.alerts import app as alerts
from app.cli.audit import audit
from app.cli.backtest import backtest
from app.cli.check import check
from app.cli.console import EXIT_USAGE, fail, output
from app.cli.convert import convert
from app.cli.database import app as database
from app.cli.export import export
from app.cli.gate import GateCommand, canary, gate
from app.cli.notify import app as notify
from app.cli.policy import policy
from app.cli.report import report
from app.cli.rules import rules
from app.cli.serve import serve
from app.cli.status import status
from app.cli.suggest import suggest
from app.cli.token import app as token
from app.metrics import BuildInfo

app = typer.Typer(
    name="sloburn",
    help="SLO error budgets over Prometheus: exact, cheap, and honest about missing data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help: Rich cuts long options at 80 columns and shows types of Python.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def version() -> None:
    """Print the version.

    Example: sloburn version
    """
    build = BuildInfo.current()
    output().print(f"sloburn {build.version} (Python {build.python})")


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """SLO error budgets over Prometheus: exact, cheap, and honest about missing data."""


for command in (serve, check, status, report, rules, policy, convert, suggest, backtest, export, audit, version):
    app.command()(command)
app.command(cls=GateCommand)(gate)
app.command(cls=GateCommand)(canary)
app.add_typer(notify)
app.add_typer(alerts)
app.add_typer(adjust)
app.add_typer(token)
app.add_typer(database)

# The demo is part of the repository and of the image, not of the package.
if find_spec("demo") is not None:
    from demo.cli import app as demo

    app.add_typer(demo, name="demo")
else:

    @app.command("demo", hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def missing_demo() -> None:
        """Say where the demo is.

        Example: sloburn demo
        """
        fail("the demo is not part of the package: run `make demo` in a clone of the repository", code=EXIT_USAGE)


def run_command() -> None:
    """Run the command line."""
    app()
