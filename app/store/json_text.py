"""Documents in JSON columns: written by orjson, which knows dataclasses and times and turns NaN into null."""

from collections.abc import Iterable
from typing import Any

import orjson


def serialize(value: object) -> str:
    """The text of a JSON column."""
    return orjson.dumps(value).decode()


def encoded(value: object) -> orjson.Fragment:
    """A value that goes into many rows, encoded once."""
    return orjson.Fragment(orjson.dumps(value))


def deserialize(text: str | bytes) -> Any:
    """The value of a JSON column; None if it is damaged: one such row must not hide those that are read with it."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def storable(texts: Iterable[str]) -> list[str]:
    """Those of the texts that a column may hold: PostgreSQL refuses a NUL, also in what is compared with a column."""
    return [text for text in texts if "\0" not in text]
