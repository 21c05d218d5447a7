"""One request to a receiver of remote write, and what its answer means."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus

from app.http.answers import POISON, Answer
from app.http.client import CheckedClient
from app.http.failures import AttemptError
from app.http.secrets import redacted
from app.remote_write.messages import HEADERS

# What is quoted of an answer: receivers name one of the samples that they refuse.
_MOST_QUOTED = 300
# The text of a sample that is too old, or older than the newest of its series. Prometheus before 2.50 answers 500 to
# some of them, for which a sender would try again for ever.
# Source: https://github.com/prometheus/prometheus/blob/main/storage/interface.go
_REFUSED_TEXTS = ("out of bounds", "out of order", "too old sample", "duplicate sample", "err-mimir-sample")
# Thanos Receive answers 409 to samples that are out of order.
_OF_CONTENT = POISON | {HTTPStatus.CONFLICT}


class WriteOutcome(StrEnum):
    """What became of a request: stored, refused for good, too large, or to be sent again."""

    STORED = "stored"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The outcome, in words too; *wait* is the pause that the receiver asks for."""

    outcome: WriteOutcome
    detail: str = ""
    wait: timedelta | None = None


class WriteClient:
    """Sends requests to one receiver."""

    def __init__(self, url: str, http: CheckedClient) -> None:
        self._url = url
        self._http = http

    async def send(self, body: bytes) -> WriteResult:
        """Send one request."""
        try:
            answer = await self._http.post(self._url, body, HEADERS)
        except AttemptError as error:
            return WriteResult(
                outcome=WriteOutcome.UNAVAILABLE, detail=self._quoted(str(error)), wait=error.failed.retry_after
            )
        return WriteResult(outcome=_outcome(answer), detail=self._quoted(answer.text), wait=answer.wait)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _quoted(self, text: str) -> str:
        return redacted(" ".join(text.split()), self._http.secrets)[:_MOST_QUOTED]


def _outcome(answer: Answer) -> WriteOutcome:
    """A login page, a wrong path and missing rights are mistakes of the configuration: what was sent is not refused."""
    if answer.ok:
        return WriteOutcome.UNAVAILABLE if answer.is_web_page else WriteOutcome.STORED
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return WriteOutcome.TOO_LARGE
    text = answer.text.lower()
    is_of_samples = any(part in text for part in _REFUSED_TEXTS)
    is_error = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if answer.status in _OF_CONTENT or (is_error and is_of_samples):
        return WriteOutcome.REFUSED
    return WriteOutcome.UNAVAILABLE
