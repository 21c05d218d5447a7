"""The API of a running service, as commands ask it."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import quote, urlencode, urlsplit

import typer

from app.cli.configuration import api_token
from app.policy import CanaryVerdictKind, GateDecision

if TYPE_CHECKING:
    # Only their shapes: the commands that read answers need not wait until the server of them is imported.
    from app.api.adjustments.models import AdjustmentDetailModel, AdjustmentModel, ImportedModel
    from app.api.gate.models import CanaryDataModel, ExceptionModel, ExceptionsModel, GateDataModel
    from app.api.incidents.models import IncidentModel
    from app.api.models import DeadLetterModel, SloModel

# As long as the service lets a request wait before it refuses it; the page is the largest that it gives.
_TIMEOUT_S = 10.0
_PAGE = 1_000


def service_url(text: str) -> str:
    """The base URL of a service, for an option; a text that is none is a mistake in the flags."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise typer.BadParameter(f"{text!r} is not a URL: write http://host:port")
    return text.rstrip("/")


DEFAULT_URL = "http://127.0.0.1:9720"
"""Where a service listens that runs on the same machine."""
Url = Annotated[str, typer.Option("--url", help="Where the service listens.", metavar="URL", parser=service_url)]


class RemoteError(Exception):
    """The service did not answer, or not as Sloburn does; the text says which, *status* is that of an error answer."""

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


def slos(url: str, query: Sequence[tuple[str, str]]) -> "Iterator[SloModel]":
    """Every SLO that passes the filters of *query*, page after page.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    return cast("Iterator[SloModel]", _items(url, "/api/v1/slos", query))


def unhealthy_reasons(url: str) -> list[str]:
    """Why evaluation is not healthy, in the words of the service; empty if it is, or if that is not answered."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/status/health", timeout=_TIMEOUT_S):  # noqa: S310  the scheme is checked
            return []
    except urllib.error.HTTPError as error:
        with error:
            try:
                return [str(reason) for reason in json.load(error)["errors"]]
            except (ValueError, KeyError, TypeError, OSError):
                return []
    except (OSError, http.client.HTTPException):
        return []


def fetch_dead_letters(url: str) -> "Iterator[DeadLetterModel]":
    """The notifications that were given up, newest first, page after page.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    return cast("Iterator[DeadLetterModel]", _items(url, "/api/v1/notifications/dead", ()))


def retry_dead_letter(url: str, letter: int, *, token: str) -> None:
    """Let the service try a notification again that it has given up.

    Raises:
        RemoteError: it does not, or does not answer.
    """
    _ask(url, f"/api/v1/notifications/dead/{letter}/retry", method="POST", headers=_bearer(token))


def fetch_incidents(url: str, query: Sequence[tuple[str, str]]) -> "Iterator[IncidentModel]":
    """The incidents that pass the filters of *query*, newest first, page after page.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    return cast("Iterator[IncidentModel]", _items(url, "/api/v1/incidents", query))


def mark_incident(url: str, incident: str, mark: str | None, *, token: str) -> None:
    """Mark the notifications of an incident as `useful` or `noise`; None takes the mark away.

    Raises:
        RemoteError: there is no such incident, or the service does not answer.
    """
    _give(url, f"/api/v1/incidents/{quote(incident, safe='')}/mark", {"mark": mark}, method="PUT", token=token)


def fetch_adjustments(url: str) -> "Iterator[AdjustmentModel]":
    """The adjustments that were not withdrawn, page after page.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    return cast("Iterator[AdjustmentModel]", _items(url, "/api/v1/adjustments", ()))


def add_adjustment(url: str, given: Mapping[str, Any], *, token: str) -> "AdjustmentModel":
    """Make an adjustment.

    Raises:
        RemoteError: it cannot be, or the service does not answer.
    """
    return cast("AdjustmentModel", _give(url, "/api/v1/adjustments", given, method="POST", token=token))


def adjusted_slos(url: str, adjustment: str, *, token: str) -> Sequence[str]:
    """The ids of the SLOs and members of groups that an adjustment means now.

    Raises:
        RemoteError: there is none with this id, or the service does not answer.
    """
    found = _ask(url, f"/api/v1/adjustments/{quote(adjustment, safe='')}", headers=_bearer(token))
    return cast("AdjustmentDetailModel", found)["matches"]


def withdraw_adjustment(url: str, adjustment: str, *, author: str, token: str) -> None:
    """Withdraw an adjustment.

    Raises:
        RemoteError: there is none with this id, or the service does not answer.
    """
    path = f"/api/v1/adjustments/{quote(adjustment, safe='')}?{urlencode([('author', author)])}"
    _ask(url, path, method="DELETE", headers=_bearer(token))


def import_adjustments(url: str, calendar: bytes, query: Sequence[tuple[str, str]], *, token: str) -> "ImportedModel":
    """Let the service read a calendar.

    Raises:
        RemoteError: it is none, or the service does not answer.
    """
    headers = _bearer(token) | {"Content-Type": "text/calendar"}
    path = f"/api/v1/adjustments/import?{urlencode(query)}"
    return cast("ImportedModel", _ask(url, path, method="POST", headers=headers, body=calendar))


def fetch_exceptions(url: str, *, active: bool) -> "Sequence[ExceptionModel]":
    """The exceptions from policies, newest first; the newest thousand of them.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    found = _get(url, "/api/v1/gate/exceptions", [("limit", str(_PAGE)), ("active", str(active).lower())])
    try:
        return cast("ExceptionsModel", found)["items"]
    except (KeyError, TypeError):
        raise _not_sloburn(url) from None


def add_exception(url: str, given: Mapping[str, Any], *, token: str) -> "ExceptionModel":
    """Add an exception.

    Raises:
        RemoteError: it cannot be, or the service does not answer.
    """
    return cast("ExceptionModel", _give(url, "/api/v1/gate/exceptions", given, method="POST", token=token))


def end_exception(url: str, exception: str, *, by: str, token: str) -> None:
    """End an exception before its time.

    Raises:
        RemoteError: there is none with this id, or the service does not answer.
    """
    _give(url, f"/api/v1/gate/exceptions/{quote(exception, safe='')}/end", {"by": by}, method="POST", token=token)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def fetch_text(url: str, path: str, query: Sequence[tuple[str, str]]) -> str:
    """An answer as it is, once it is whole.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    return _read(url, f"{path}?{urlencode(query)}").decode()


def _items(url: str, path: str, query: Sequence[tuple[str, str]]) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        paging = [("limit", str(_PAGE)), *([("next", cursor)] if cursor else [])]
        page = _get(url, path, [*query, *paging])
        try:
            items, cursor = page["items"], page["next"]
        except (KeyError, TypeError):
            raise _not_sloburn(url) from None
        yield from items
        if cursor is None:
            return


def ask_gate(url: str, query: Sequence[tuple[str, str]], *, token: str) -> "GateDataModel":
    """Whether a change may go ahead.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    return cast("GateDataModel", _verdict(url, "/api/v1/gate", query, token, ("decision", GateDecision)))


def ask_canary(url: str, query: Sequence[tuple[str, str]], *, token: str) -> "CanaryDataModel":
    """Whether a new version fails more often than the old one.

    Raises:
        RemoteError: there is no answer, or none of Sloburn's.
    """
    return cast("CanaryDataModel", _verdict(url, "/api/v1/canary", query, token, ("verdict", CanaryVerdictKind)))


def _verdict(
    url: str, path: str, query: Sequence[tuple[str, str]], token: str, kind: tuple[str, type[StrEnum]]
) -> Mapping[str, Any]:
    """The data of an answer; *kind* is a field of it, and the values that it may have."""
    field, values = kind
    page = _ask(url, f"{path}?{urlencode(query)}", headers={"User-Agent": "sloburn gate", **_bearer(token)})
    data = page.get("data") if isinstance(page, dict) else None
    if not isinstance(data, dict) or data.get(field) not in {*values}:
        raise _not_sloburn(url)
    return data


def _get(url: str, path: str, query: Sequence[tuple[str, str]]) -> Any:
    try:
        return json.loads(_read(url, f"{path}?{urlencode(query)}"))
    except ValueError:
        raise _not_sloburn(url) from None


def _read(url: str, path: str) -> bytes:
    """What everybody may read, or the bearer of SLOBURN_API_TOKEN: it is sent to who asks for it only."""
    try:
        return _open(url, path)
    except RemoteError as error:
        token = api_token(None) if error.status == HTTPStatus.UNAUTHORIZED else ""
        if not token:
            raise
    return _open(url, path, headers=_bearer(token))


def _give(url: str, path: str, given: Mapping[str, Any], *, method: str, token: str) -> Any:
    headers = _bearer(token) | {"Content-Type": "application/json"}
    return _ask(url, path, method=method, headers=headers, body=json.dumps(given).encode())


def _ask(
    url: str, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Any:
    try:
        return json.loads(_open(url, path, method=method, headers=headers, body=body))
    except ValueError:
        raise _not_sloburn(url) from None


def _not_sloburn(url: str) -> RemoteError:
    return RemoteError(f"what answers at {url} is not Sloburn")


def _open(
    url: str, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    request = urllib.request.Request(  # noqa: S310  the scheme is checked
        f"{url}{path}", method=method, headers=dict(headers or {}), data=body
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310  the scheme is checked
            answer: bytes = response.read()
            return answer
    except urllib.error.HTTPError as error:
        with error:
            detail = _detail(error)
            if detail is None and error.code == HTTPStatus.NOT_FOUND:
                text = f"what answers at {url} is not Sloburn: it answers 404 to {path}"
                raise RemoteError(text, status=error.code) from None
            raise RemoteError(f"{url} answers {error.code}: {detail or error.reason}", status=error.code) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or reason
        raise RemoteError(f"no Sloburn answers at {url}: {why}; is `sloburn serve` running?") from None


def _detail(error: urllib.error.HTTPError) -> str | None:
    """What Sloburn says of the error; None where it is not Sloburn's answer."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return None
