"""The API of a running service, as commands ask it."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

_TIMEOUT_S = 10.0
_PAGE = 1_000


class RemoteError(Exception):
    """The service did not answer, or not as Sloburn does; the text says which."""


def slos(url: str, query: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Every SLO that passes the filters of *query*, page after page.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    cursor: str | None = None
    while True:
        paging = [("limit", str(_PAGE)), *([("next", cursor)] if cursor else [])]
        page = _get(url, "/api/v1/slos", [*query, *paging])
        try:
            items, cursor = page["items"], page["next"]
        except (KeyError, TypeError):
            raise RemoteError(f"what answers at {url} is not Sloburn") from None
        yield from items
        if cursor is None:
            return


def _get(url: str, path: str, query: Sequence[tuple[str, str]]) -> Any:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise RemoteError(f"{url!r} is not a URL: write http://host:port")
    address = f"{url.rstrip('/')}{path}?{urlencode(query)}"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as response:  # noqa: S310  the scheme is checked
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            raise RemoteError(f"{url} answers {error.code}: {_detail(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise RemoteError(f"no Sloburn answers at {url}: {reason}; is `sloburn serve` running?") from None
    except ValueError:
        raise RemoteError(f"what answers at {url} is not Sloburn") from None


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return error.reason
