"""The settings of a command: flags over the environment; a mistake in them ends the command."""

from collections.abc import Mapping

from app.cli.console import EXIT_USAGE, fail
from app.settings import Settings, SettingsError, load_settings


def settings_for(flags: Mapping[str, object]) -> Settings:
    """The settings with *flags* over them, None where a flag was not given; ends the command if one is wrong."""
    try:
        return load_settings({name: value for name, value in flags.items() if value is not None})
    except SettingsError as error:
        fail(str(error), code=EXIT_USAGE)
