"""Values of JSON objects from outside, read with their types, and bounded."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from app.slo import EARLIEST, LATEST, Labels
from app.wording.plain_text import one_line, shortened

LONGEST_TEXT = 200
"""Characters of a name, a version or a label's value; a longer one is cut."""
LONGEST_TITLE = 1_000
LONGEST_URL = 2_000
MOST_LABELS = 30

# GitLab writes `2021-04-28 21:50:00 +0200` and `2021-04-28 21:50:00 UTC`.
_OFFSET = re.compile(r"\s*(UTC|Z|z|[+-]\d\d:?\d\d)$", re.ASCII)
# What a browser opens when somebody clicks it.
_LINK = re.compile(r"https?://[^\s<>\"'`\\]+", re.ASCII)
_E = TypeVar("_E", bound=StrEnum)


class MalformedChangeError(ValueError):
    """A report of a change cannot be read; the text says which field, and what to write instead."""


class Fields:
    """The fields of one JSON object; *path* is where it is in the report."""

    def __init__(self, given: object, path: str = "") -> None:
        if not isinstance(given, Mapping):
            raise MalformedChangeError(f"{path or 'the body'} must be a JSON object")
        self._given = given
        self._path = path

    def __contains__(self, name: str) -> bool:
        return self._given.get(name) is not None

    def child(self, name: str) -> "Fields":
        """The object in a field; without fields if there is none."""
        given = self._given.get(name)
        return Fields({} if given is None else given, self._at(name))

    def text(self, name: str, *, required: bool = False, most: int = LONGEST_TEXT) -> str:
        """A text on one line, cut to *most* characters; empty where it is missing. Numbers are texts too."""
        given = self._given.get(name)
        # GitHub and GitLab send ids as numbers.
        if isinstance(given, int) and not isinstance(given, bool):
            given = str(given) if abs(given) < 2**63 else None
        if given is None:
            given = ""
        if not isinstance(given, str):
            raise MalformedChangeError(f"{self._at(name)} must be a string")
        text = shortened(one_line(given), most)
        if required and not text:
            raise MalformedChangeError(f"{self._at(name)} is missing: write a string")
        return text

    def url(self, name: str) -> str:
        """An address that begins with http:// or https://; empty for any other."""
        given = self._given.get(name)
        text = given.strip() if isinstance(given, str) else ""
        return text if len(text) <= LONGEST_URL and _LINK.fullmatch(text) else ""

    def time(self, name: str) -> datetime | None:
        """A time as RFC 3339, as GitLab writes it, or as Unix seconds; None where it is missing."""
        given = self._given.get(name)
        if given is None or given == "":
            return None
        try:
            at = moment_of(given)
        except (ValueError, OverflowError, OSError) as error:
            raise MalformedChangeError(f"{self._at(name)} is not a time: write 2026-03-01T12:00:00Z") from error
        if not EARLIEST <= at < LATEST:
            raise MalformedChangeError(f"{self._at(name)} must be between {EARLIEST.year} and {LATEST.year}")
        return at

    def choice(self, name: str, kind: type[_E], default: _E) -> _E:
        """One of the values of an enumeration."""
        text = self.text(name)
        if not text:
            return default
        try:
            return kind(text)
        except ValueError:
            known = ", ".join(kind)
            raise MalformedChangeError(f"{self._at(name)}: {text!r} is not one of {known}") from None

    def labels(self, name: str) -> Labels:
        """Names and values; only texts, numbers and booleans, and only the first of very many."""
        given = self._given.get(name)
        if given is None:
            return ()
        if not isinstance(given, Mapping):
            raise MalformedChangeError(f"{self._at(name)} must be a JSON object of strings")
        found: dict[str, str] = {}
        for key, value in given.items():
            label = shortened(one_line(str(key)), LONGEST_TEXT)
            if label and isinstance(value, str | int | float | bool) and len(found) < MOST_LABELS:
                found[label] = shortened(one_line(str(value)), LONGEST_TEXT)
        return tuple(sorted(found.items()))

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def moment_of(given: object) -> datetime:
    """A time as Unix seconds or as a text with an offset, in UTC.

    Raises:
        ValueError: it is none, or has no offset.
    """
    if isinstance(given, int | float) and not isinstance(given, bool):
        return datetime.fromtimestamp(given, UTC)
    if not isinstance(given, str) or _OFFSET.search(given.strip()) is None:
        raise ValueError(given)
    at = datetime.fromisoformat(_OFFSET.sub(lambda found: found[1].upper().replace("UTC", "+00:00"), given.strip()))
    return at.astimezone(UTC)


def moment_of_text(text: str) -> datetime:
    """A time as in `moment_of`, of which Unix seconds are a text, too, as in a flag or a column of a file.

    Raises:
        ValueError: it is none, or cannot be represented.
    """
    try:
        return moment_of(float(text) if text.replace(".", "", 1).isdigit() else text)
    except (OverflowError, OSError) as error:
        raise ValueError(text) from error
