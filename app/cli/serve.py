"""`sloburn serve`: the service, with a flag for every setting that is no secret."""

import inspect
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from app.cli.console import fail
from app.settings import Settings, SettingsError, load_settings

EXIT_SETTINGS = 2


def serve(**flags: str | bool | None) -> None:
    """Run the service until it is told to stop.

    Every setting is a flag, an environment variable (SLOBURN_PROMETHEUS_URL) or a line in .env; a flag wins.

    Example: sloburn serve --prometheus-url http://prometheus:9090 --specs config/slos
    """
    try:
        settings = load_settings({name: value for name, value in flags.items() if value is not None})
    except SettingsError as error:
        fail(str(error), code=EXIT_SETTINGS)
    # Only this command needs the whole service; the others start faster without it.
    from app.service import run  # noqa: PLC0415

    raise typer.Exit(run(settings))


def _parameters() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_flag(name, field))
        for name, field in Settings.model_fields.items()
        # A secret on the command line is there for everybody to read; the environment and files are for secrets.
        if SecretStr not in _types(field.annotation)
    ]


def _flag(name: str, field: Any) -> Any:
    option = typer.Option(f"--{name.replace('_', '-')}", help=field.description, show_default=False)
    return Annotated[bool | None if field.annotation is bool else str | None, option]


def _types(annotation: Any) -> set[Any]:
    return {annotation, *getattr(annotation, "__args__", ())}


# Typer reads flags off the signature; a copy of the settings by hand would drift from them.
serve.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
serve.__annotations__ = {parameter.name: parameter.annotation for parameter in _parameters()}
