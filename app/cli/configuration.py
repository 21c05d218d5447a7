"""The settings of a command: flags over the environment; a mistake in them ends the command."""

from collections.abc import Mapping
from typing import Annotated

import typer

from app.cli.console import EXIT_USAGE, fail
from app.settings import Settings, SettingsError, load_settings

TokenOption = Annotated[
    str | None, typer.Option("--token-file", help="File with the API token.", metavar="FILE", show_default=False)
]


def settings_for(flags: Mapping[str, object]) -> Settings:
    """The settings with *flags* over them, None where a flag was not given; ends the command if one is wrong."""
    try:
        return load_settings({name: value for name, value in flags.items() if value is not None})
    except SettingsError as error:
        fail(str(error), code=EXIT_USAGE)


def api_token(file: object) -> str:
    """The API token of a file that a flag names, or of the environment; empty if there is none."""
    token = settings_for({"api_token_file": file}).api_token
    return "" if token is None else token.get_secret_value()
