"""Reports as messages: which notifiers can send them, and what they are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from app.delivery.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMessage:
    """A report for one receiver.

    Attributes:
        key: the same for every attempt.
        title: what it is about, in a few words.
        summary: the whole in one sentence.
        text: all of it, in Markdown.
        page: all of it, in HTML.
        url: where people find it.
        document: its figures, as the API has them.
    """

    key: str
    title: str
    summary: str
    text: str
    page: str
    url: str
    document: Mapping[str, Any]


@runtime_checkable
class ReportNotifier(Protocol):
    """Sends reports to one service; raises `AttemptError` for what may succeed later."""

    async def send_report(self, message: ReportMessage) -> Outcome:
        """Send one report, once."""
