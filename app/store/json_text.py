"""Documents in JSON columns: written by orjson, which knows dataclasses and times and turns NaN into null."""

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
