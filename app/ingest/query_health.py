"""Keeping track of what Prometheus does not answer, and saying it once."""

from collections.abc import Collection, Mapping, Sequence

import structlog

from app.ingest.ports import EvaluationInstruments
from app.ingest.query_batcher import Answers
from app.ingest.tracked_slis import Watch
from app.prometheus import (
    BadQueryError,
    PartialDataError,
    PrometheusError,
    Reason,
    TooLargeError,
    UnsupportedResultError,
)

_log = structlog.get_logger(__name__)
_HISTORY_REMEDY = "it is read when it is whole; SLOBURN_PROMETHEUS_PARTIAL=accept counts what there is"
_OURS = (BadQueryError, TooLargeError, UnsupportedResultError)


class Troubles:
    """Notes on each SLI why it was not answered; logs a trouble when it begins and when it ends."""

    def __init__(self, instruments: EvaluationInstruments) -> None:
        self._instruments = instruments
        self._silent: dict[str, tuple[Watch, PrometheusError]] = {}
        self._said: set[str] = set()
        self._refused: dict[str, int] = {}
        self._partial: dict[str, str] = {}
        self.unanswered: str | None = None

    @property
    def partial(self) -> str | None:
        """What Prometheus says of data that is missing from its answers, None if they are whole."""
        return next(iter(self._partial.values()), None)

    def note(self, *asked: Answers, at_s: float) -> None:
        """Take note of what was answered for the slot *at_s* and what was not, of all that was asked at once."""
        answered = [watch for answers in asked for watch in answers.answered]
        failed = [failure for answers in asked for failure in answers.failed]
        for watch in answered:
            if watch.problem is not None:
                _log.info("answered again", query=watch.query)
            watch.problem, watch.problem_is_ours, watch.setbacks = None, False, 0
            self._silent.pop(watch.key, None)
        for watch, error in failed:
            watch.setbacks += 1
            if isinstance(error, _OURS):
                self._silent.pop(watch.key, None)
            else:
                self._silent[watch.key] = watch, error
        self._note_problems(failed)
        self._note_partial(answered, {key: said for answers in asked for key, said in answers.partial.items()}, at_s)
        self._note_impossible(answered, {key for answers in asked for key in answers.impossible})
        self._say_silent(
            heard=bool(answered) or any(isinstance(error, _OURS) for _, error in failed), asked=bool(failed)
        )

    def note_history(self, asked: Answers) -> None:
        """Take note of what was answered about the past, and what was not.

        It may only have been too much at once: whether Prometheus answers at all is seen by what ticks ask.
        """
        for watch in asked.answered:
            watch.history_problem = None
        for watch, error in asked.failed:
            watch.history_problem = f"{error}; {_HISTORY_REMEDY}" if isinstance(error, PartialDataError) else str(error)
        self._count(asked.failed)

    def note_refused(self, watches: Sequence[Watch]) -> None:
        """Log when a group begins to have more living members than places, each time that twice as many are refused."""
        for watch in watches:
            refused, logged = len(watch.refused_groups), self._refused.get(watch.key, 0)
            if refused >= 2 * logged and refused:
                _log.error(
                    "a group has more members than are evaluated; the others are refused",
                    slos=[slo.id for slo in watch.slos],
                    evaluated=len(watch.rows),
                    refused=refused,
                )
                self._refused[watch.key] = refused
            elif logged and not refused:
                _log.info("no member of a group is refused any more", slos=[slo.id for slo in watch.slos])
                del self._refused[watch.key]

    def _note_problems(self, failed: Sequence[tuple[Watch, PrometheusError]]) -> None:
        for watch, error in failed:
            ours = isinstance(error, _OURS)
            if ours and watch.problem is None:
                _log.error("a query is refused", query=watch.query, error=str(error))
            watch.problem, watch.problem_is_ours = str(error), ours
        self._count(failed)

    def _note_partial(self, answered: Sequence[Watch], partial: Mapping[str, str], at_s: float) -> None:
        before = self.partial
        for watch in answered:
            if watch.key in partial and watch.partial is None:
                watch.partial_since_s = at_s
            watch.partial = partial.get(watch.key)
            if watch.partial is None:
                self._partial.pop(watch.key, None)
            else:
                self._partial[watch.key] = watch.partial
        if partial:
            self._instruments.evaluation_failed(Reason.PARTIAL)
        if self.partial is not None and before is None:
            _log.warning("data is missing from answers; alerts may fire and do not resolve", error=self.partial)
        if self.partial is None and before is not None:
            _log.info("answers are whole again; what was counted from partial data is counted again")

    def _note_impossible(self, answered: Sequence[Watch], impossible: Collection[str]) -> None:
        for watch in answered:
            before, watch.impossible_samples = watch.impossible_samples, watch.key in impossible
            if watch.impossible_samples and not before:
                _log.error("samples are infinite or beyond 64 bits and are not counted", query=watch.query)

    def _count(self, failed: Sequence[tuple[Watch, PrometheusError]]) -> None:
        for reason in {error.reason for _, error in failed}:
            self._instruments.evaluation_failed(reason)

    def _say_silent(self, *, heard: bool, asked: bool) -> None:
        """Prometheus does not answer if it answered no query of this slot; else log which SLIs alone are not answered.

        Only this slot counts: an SLI that is not queried any more, such as one whose query was rejected, was answered
        once and proves nothing about now.
        """
        watch, error = next(iter(self._silent.values()), (None, None))
        before = self.unanswered
        if heard or asked:
            self.unanswered = None if heard or error is None else str(error)
        if self.unanswered is not None:
            if before is None:
                _log.error("Prometheus does not answer; alerts are frozen, budgets are stale", error=self.unanswered)
            return
        if before is not None:
            _log.info("Prometheus answers again; what was missed is being counted")
        if watch is not None and self._silent.keys() != self._said:
            _log.warning("not answered, while others are", slis=len(self._silent), query=watch.query, error=str(error))
        self._said = set(self._silent)
