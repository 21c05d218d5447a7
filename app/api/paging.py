"""Pages of a sorted list: a cursor holds the sort key of the last item of a page.

The cursor stays good while items come and go: the next page starts behind the key, whether its item is still there or
not.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from app.api.problems import ProblemError, invalid, not_found

Item = TypeVar("Item")
CURSOR_PATTERN = "^[A-Za-z0-9_-]*$"
_CURSOR = re.compile(CURSOR_PATTERN)
# Above it a float is not every whole number.
_EXACT_BELOW = 2**53
# Seconds that datetime holds.
_TIMES_BELOW = 1e11
SortKey = tuple[str | float, ...]
"""What items are sorted by; no two items of a list share one, and all have the same types in the same order."""


def page(
    items: Iterable[Item], *, key: Callable[[Item], SortKey], limit: int, cursor: str, descending: bool = False
) -> tuple[list[Item], str | None]:
    """One page, and the cursor of the next; None behind the last. An empty *cursor* asks for the first page.

    A cursor is good for the order that it was given in: for another one it is another place, or none.

    Raises:
        ProblemError: 422 if *cursor* is not written as one, 404 if it is, but none that a page has given.
    """
    after = decode_cursor(cursor) if cursor else None
    keyed = ((key(item), item) for item in items)
    try:
        rest = sorted(
            (pair for pair in keyed if after is None or (pair[0] < after if descending else pair[0] > after)),
            key=lambda pair: pair[0],
            reverse=descending,
        )
    except TypeError as error:
        raise unknown_cursor(cursor) from error
    first = rest[:limit]
    return [item for _, item in first], encode_cursor(first[-1][0]) if len(rest) > limit else None


def encode_cursor(key: SortKey) -> str:
    """The cursor of the page behind a sort key."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> SortKey:
    """The sort key in a cursor.

    Raises:
        ProblemError: as of `page`.
    """
    if not _CURSOR.fullmatch(cursor):
        raise invalid(f"next={cursor!r} is not a cursor: give back what the page before has as `next`")
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise unknown_cursor(cursor) from error
    if not isinstance(key, list) or not key or not all(isinstance(part, str | float) for part in key):
        raise unknown_cursor(cursor)
    return tuple(key)


def numbered_page(found: Sequence[tuple[int, Item]], limit: int) -> tuple[list[Item], str | None]:
    """One page of what was read, one more than *limit* and each with its number; and the cursor as of `page`."""
    cursor = encode_id(found[limit - 1][0]) if len(found) > limit else None
    return [item for _, item in found[:limit]], cursor


def encode_id(number: int) -> str:
    """The cursor of the page behind an item of a list that is sorted by a number that no other item has."""
    return encode_cursor((float(number),))


def decode_id(cursor: str) -> int | None:
    """The number in a cursor; None for the first page.

    Raises:
        ProblemError: as of `page`.
    """
    match decode_cursor(cursor) if cursor else None:
        case None:
            return None
        case (float(number),) if abs(number) < _EXACT_BELOW:
            return int(number)
    raise unknown_cursor(cursor)


def encode_time_and_id(at: datetime, item_id: str) -> str:
    """The cursor of the page behind an item of a list that is sorted by time, and by id at the same time."""
    return encode_cursor((at.timestamp(), item_id))


def decode_time_and_id(cursor: str) -> tuple[float, str] | None:
    """The time in a cursor, in Unix seconds, and the id; None for the first page.

    Raises:
        ProblemError: as of `page`.
    """
    match decode_cursor(cursor) if cursor else None:
        case None:
            return None
        case (float(at), str(item_id)) if abs(at) < _TIMES_BELOW:
            return at, item_id
    raise unknown_cursor(cursor)


def unknown_cursor(cursor: str) -> ProblemError:
    """No page has given this cursor."""
    return not_found(f"no page has the cursor next={cursor!r}: leave next out for the first page")
