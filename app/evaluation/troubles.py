"""Keeping track of what Prometheus does not answer, and saying it once."""

from collections import Counter

import structlog

from app.evaluation.asking import Answers
from app.evaluation.ports import EvaluationInstruments
from app.prometheus import BadQueryError, TooLargeError, UnsupportedResultError

_log = structlog.get_logger(__name__)
_OURS = (BadQueryError, TooLargeError, UnsupportedResultError)


class Troubles:
    """Notes on each SLI why it was not answered; logs a trouble when it begins and when it ends."""

    def __init__(self, instruments: EvaluationInstruments) -> None:
        self._instruments = instruments
        self.unanswered: str | None = None

    def note(self, answers: Answers) -> None:
        """Take note of what was answered and what was not."""
        for watch in answers.answered:
            if watch.problem is not None:
                _log.info("answered again", query=watch.query)
            watch.problem, watch.problem_is_ours = None, False
        reasons: Counter[str] = Counter()
        for watch, error in answers.failed:
            watch.problem_is_ours = isinstance(error, _OURS)
            if watch.problem is None and watch.problem_is_ours:
                _log.error("a query is refused", query=watch.query, error=str(error))
            watch.problem = str(error)
            reasons[error.reason] += 1
        for reason in reasons:
            self._instruments.evaluation_failed(reason)
        self._note_source(answers)

    def _note_source(self, answers: Answers) -> None:
        foreign = [error for _, error in answers.failed if not isinstance(error, _OURS)]
        if foreign and not answers.answered:
            if self.unanswered is None:
                _log.error("Prometheus does not answer; alerts are frozen, budgets are stale", error=str(foreign[0]))
            self.unanswered = str(foreign[0])
        elif answers.answered:
            if self.unanswered is not None:
                _log.info("Prometheus answers again; what was missed is being counted")
            self.unanswered = None
