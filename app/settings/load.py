"""Reading the settings, and saying in plain lines what is wrong with them."""

import difflib
import os
from collections.abc import Container, Mapping
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from app.settings.model import DOTENV, PREFIX, Settings, flag, variable


class SettingsError(Exception):
    """Settings with errors; the text has a line for each: the name, what is wrong, what to write instead."""


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """The current settings.

    Args:
        overrides: values by field name, as given by flags; they win over the environment, which wins over `.env`.

    Raises:
        SettingsError: something is wrong; each problem is a line.
    """
    given = dict(overrides or {})
    if unknown := given.keys() - Settings.model_fields.keys():
        raise ValueError(f"{sorted(unknown)} are not settings")
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic checks them
        # A private attribute is not part of what is frozen.
        settings._warnings = tuple(map(_stranger, _unknown_variables()))  # noqa: SLF001
    except ValidationError as error:
        raise SettingsError("\n".join(_problem(each, given) for each in error.errors(include_url=False))) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{DOTENV}: cannot be read, {why}; correct or remove it") from None
    return settings


def environment() -> dict[str, str]:
    """Every variable, of the environment and of `.env`, for files that name variables which hold secrets."""
    try:
        written = dotenv_values(DOTENV, encoding="utf-8") if DOTENV.is_file() else {}
    except (OSError, UnicodeDecodeError):
        written = {}
    return {**{name: value for name, value in written.items() if value is not None}, **os.environ}


def _problem(error: Any, flags: Container[str]) -> str:
    cause = error.get("ctx", {}).get("error")
    if not error["loc"]:
        return str(cause)
    field = str(error["loc"][0])
    name = flag(field) if field in flags else variable(field)
    match error["type"]:
        case "enum":
            return f"{name}: unknown value; write {error['ctx']['expected']}"
        case "bool_parsing":
            return f"{name}: neither true nor false; write true or false"
        case _:
            return f"{name}: {cause or error['msg']}"


def _unknown_variables() -> list[str]:
    present = {*os.environ, *(dotenv_values(DOTENV, encoding="utf-8") if DOTENV.is_file() else ())}
    known = {variable(name) for name in Settings.model_fields}
    return sorted(name for name in present if name.upper().startswith(PREFIX) and name.upper() not in known)


def _stranger(name: str) -> str:
    known = [variable(field) for field in Settings.model_fields]
    close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8)
    return f"{name} is not a setting and has no effect" + (f"; did you mean {close[0]}?" if close else "")
