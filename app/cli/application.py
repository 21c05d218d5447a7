"""The commands of `sloburn`, in the order in which `--help` lists them; one that is named imports no others."""

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Annotated

import typer
from typer.core import TyperCommand

from app.cli.console import EXIT_USAGE, fail, output

_COMMANDS = (
    "serve",
    "check",
    "status",
    "report",
    "rules",
    "policy",
    "convert",
    "suggest",
    "backtest",
    "export",
    "audit",
    "version",
    "gate",
    "canary",
    "exception",
    "notify",
    "alerts",
    "adjust",
    "token",
    "db",
    "demo",
)
# The modules of this package are named as their commands, but for these.
_MODULES = {"canary": "gate", "db": "database"}


def version() -> None:
    """Print the version.

    Example: sloburn version
    """
    # The package has all metrics, which take a tenth of a second.
    from app.metrics import BuildInfo  # noqa: PLC0415

    build = BuildInfo.current()
    output().print(f"sloburn {build.version} (Python {build.python})")


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """SLO error budgets over Prometheus: exact, cheap, and honest about missing data."""


def missing_demo() -> None:
    """Say where the demo is.

    Example: sloburn demo
    """
    fail("the demo is not part of the package: run `make demo` in a clone of the repository", code=EXIT_USAGE)


def application(names: Iterable[str] = _COMMANDS) -> typer.Typer:
    """The program with the commands of these names."""
    app = typer.Typer(
        name="sloburn",
        help="SLO error budgets over Prometheus: exact, cheap, and honest about missing data.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        # Plain help: Rich cuts long options at 80 columns and shows types of Python.
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for name in names:
        if name == "version":
            app.command()(version)
        elif name == "demo":
            _add_demo(app)
        else:
            _add(app, name, import_module(f"app.cli.{_MODULES.get(name, name)}"))
    return app


def _add_demo(app: typer.Typer) -> None:
    # The demo is part of the repository and of the image, not of the package.
    if find_spec("demo") is not None:
        app.add_typer(import_module("demo.cli").app, name="demo")
    else:
        more = {"ignore_unknown_options": True, "allow_extra_args": True}
        app.command("demo", hidden=True, context_settings=more)(missing_demo)


def _add(app: typer.Typer, name: str, module: ModuleType) -> None:
    if hasattr(module, "app"):
        app.add_typer(module.app)
    else:
        app.command(cls=getattr(module, "GateCommand", TyperCommand))(getattr(module, name))


def run_command() -> None:
    """Run the command line: pipelines run the gate often, and should not wait for what the others import."""
    named = sys.argv[1:2]
    application(named if named and named[0] in _COMMANDS else _COMMANDS)()
