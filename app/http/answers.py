"""What an HTTP receiver has answered, and what that makes of the attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from app.http.dates import retry_after
from app.http.failures import Failed, FailureReason

# After a day the entry is given up anyway; a Retry-After in years must not overflow a date.
_LONGEST_WAIT_S = 86_400.0
_REASONS: Mapping[int, FailureReason] = {
    HTTPStatus.TOO_MANY_REQUESTS: FailureReason.RATE_LIMITED,
    HTTPStatus.REQUEST_TIMEOUT: FailureReason.TIMEOUT,
    HTTPStatus.UNAUTHORIZED: FailureReason.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: FailureReason.UNAUTHORIZED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: FailureReason.UNAUTHORIZED,
}
_OF_WEB_PAGES = ("text/html", "application/xhtml")
POISON: frozenset[int] = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Statuses that concern what was sent, and not who received it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of a receiver; names of headers are in lower case.

    *complete* is false where the *body* was cut, since it was too long or too slow.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    @property
    def ok(self) -> bool:
        """Whether the receiver accepted what was sent."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_web_page(self) -> bool:
        """Whether it is for a browser: a proxy or a captive portal that asks for a login answers so, with 200."""
        return self.headers.get("content-type", "").lower().startswith(_OF_WEB_PAGES)

    @property
    def text(self) -> str:
        """The answer as it is quoted."""
        return f"{self.status} {self.body.decode(errors='replace').strip()}".strip()

    @property
    def wait(self) -> timedelta | None:
        """The wait that the receiver asks for; None if it asks for none."""
        seconds = retry_after(self.headers.get("retry-after"), date=self.headers.get("date"))
        return None if seconds is None else timedelta(seconds=min(seconds, _LONGEST_WAIT_S))


def failure_of(answer: Answer) -> Failed:
    """The answer as a failure that may pass."""
    if answer.ok:
        detail = f"{answer.status} with a web page, such as a login: the service itself has not answered"
        return Failed(reason=FailureReason.REFUSED, detail=detail)
    is_theirs = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    reason = FailureReason.SERVER_ERROR if is_theirs else _REASONS.get(answer.status, FailureReason.REFUSED)
    return Failed(reason=reason, detail=answer.text, retry_after=answer.wait)
