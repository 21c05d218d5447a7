"""Whether this process reaches any receiver, as far as its attempts show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.delivery.outcome import Failed, FailureReason, Outcome

# What a network that is cut, or a name server that is slow, does to attempts; any other outcome is an answer.
_NO_ANSWER = frozenset({FailureReason.UNREACHABLE, FailureReason.TIMEOUT})


@dataclass(slots=True)
class Reach:
    """The attempts since when none was answered, by receiver, and when any was answered last."""

    _unanswered_since: dict[str, datetime] = field(default_factory=dict)
    _answered_at: datetime | None = None
    _failed_at: datetime | None = None

    def note(self, receiver: str, outcomes: Sequence[Outcome], *, began_at: datetime, at: datetime) -> None:
        """Note what an attempt has come to that began and ended at these times."""
        if all(isinstance(outcome, Failed) and outcome.reason in _NO_ANSWER for outcome in outcomes):
            self._unanswered_since.setdefault(receiver, began_at)
            self._failed_at = at
        else:
            self._unanswered_since.pop(receiver, None)
            self._answered_at = at

    @property
    def unanswered_for(self) -> timedelta:
        """How long attempts have gone on of which none was answered by any receiver; 0 where one was."""
        if not self._unanswered_since or self._failed_at is None:
            return timedelta(0)
        since = min(self._unanswered_since.values())
        if self._answered_at is not None:
            since = max(since, self._answered_at)
        return max(self._failed_at - since, timedelta(0))
