"""Keeping track of what Prometheus does not answer, and saying it once."""

from collections.abc import Collection, Mapping, Sequence

import structlog

from app.ingest.ports import EvaluationInstruments
from app.ingest.queries.query_batcher import QueryResults
from app.ingest.series.tracked_slis import TrackedSli
from app.prometheus import (
    BadQueryError,
    PartialDataError,
    PrometheusError,
    Reason,
    TooLargeError,
    UnsupportedResultError,
)
from app.slo import DEFAULT_SOURCE

_log = structlog.get_logger(__name__)
# Not each slot has a scrape; they are at most five minutes apart.
_SEEN_FOR_S = 330.0
_HISTORY_REMEDY = (
    "what there is counts meanwhile, and is counted again when it is whole; "
    "SLOBURN_PROMETHEUS_PARTIAL=accept takes it for whole"
)
_OURS = (BadQueryError, TooLargeError, UnsupportedResultError)


class QueryHealth:
    """Notes on each SLI of a source why it was not answered; logs a trouble when it begins and when it ends.

    Attributes, which other threads may read:
        unanswered: why Prometheus does not answer, None if it does.
        partial: what Prometheus says of data that is missing from its answers, None if they are whole.
    """

    def __init__(self, instruments: EvaluationInstruments, name: str = DEFAULT_SOURCE) -> None:
        self._instruments = instruments
        is_default = name == DEFAULT_SOURCE
        self._server = "Prometheus" if is_default else f"the source {name}"
        self._prefix = "" if is_default else f"source {name}: "
        self._failing: dict[str, tuple[TrackedSli, PrometheusError]] = {}
        self._logged: set[str] = set()
        self._refused: dict[str, int] = {}
        self._partial: dict[str, str] = {}
        self.unanswered: str | None = None
        self.partial: str | None = None

    def note(self, *asked: QueryResults, at_s: float) -> None:
        """Take note of what was answered for the slot *at_s* and what was not, of all that was asked at once."""
        answered = [tracked for answers in asked for tracked in answers.answered]
        failed = [failure for answers in asked for failure in answers.failed]
        for tracked in answered:
            if tracked.problem is not None:
                _log.info("query recovered", query=tracked.query)
            tracked.problem, tracked.query_rejected, tracked.consecutive_failures = None, False, 0
            self._failing.pop(tracked.key, None)
        for tracked, error in failed:
            tracked.consecutive_failures += 1
            # A rejected query is an answer: Prometheus is there, and the query is at fault.
            if isinstance(error, _OURS):
                self._failing.pop(tracked.key, None)
            else:
                self._failing[tracked.key] = tracked, error
        self._note_problems(failed)
        self._note_partial(answered, {key: said for answers in asked for key, said in answers.partial.items()}, at_s)
        self._note_impossible(answered, {key for answers in asked for key in answers.impossible}, at_s)
        nan = {key for answers in asked for key in answers.nan}
        for tracked in answered:
            if tracked.key in nan:
                tracked.nan_seen_s = at_s
        self._note_unanswered(
            any_answered=bool(answered) or any(isinstance(error, _OURS) for _, error in failed), asked=bool(failed)
        )

    def note_left_out(self, answers: QueryResults) -> None:
        """Take note that older time was asked for in vain, without which newer time goes on."""
        self._count([failure for failure in answers.failed if failure[0].unread is not None])

    def note_history(self, asked: QueryResults) -> None:
        """Take note of what was answered about the past, and what was not.

        It may only have been too much at once: whether Prometheus answers at all is seen by what evaluations ask.
        """
        for tracked in asked.answered:
            tracked.history_problem = None
        for tracked, error in asked.failed:
            remedy = f"; {_HISTORY_REMEDY}" if isinstance(error, PartialDataError) else ""
            tracked.history_problem = f"{self._prefix}{error}{remedy}"
        self._count(asked.failed)

    def note_refused(self, tracked_slis: Sequence[TrackedSli]) -> None:
        """Log when a group begins to have more living members than places, each time that twice as many are refused."""
        for tracked in tracked_slis:
            refused, logged = len(tracked.refused_groups), self._refused.get(tracked.key, 0)
            # A group that grows by one each slot would otherwise log in each.
            if refused >= 2 * logged and refused:
                _log.error(
                    "a group has more members than are evaluated; the others are refused",
                    slos=[slo.id for slo in tracked.slos],
                    evaluated=len(tracked.rows),
                    refused=refused,
                )
                self._refused[tracked.key] = refused
            elif logged and not refused:
                _log.info("no member of a group is refused any more", slos=[slo.id for slo in tracked.slos])
                del self._refused[tracked.key]

    def _note_problems(self, failed: Sequence[tuple[TrackedSli, PrometheusError]]) -> None:
        for tracked, error in failed:
            ours = isinstance(error, _OURS)
            if ours and tracked.problem is None:
                _log.error("a query is rejected", query=tracked.query, error=str(error))
            tracked.problem, tracked.query_rejected = f"{self._prefix}{error}", ours
        self._count(failed)

    def _note_partial(self, answered: Sequence[TrackedSli], partial: Mapping[str, str], at_s: float) -> None:
        before = self.partial
        for tracked in answered:
            if tracked.key in partial and tracked.partial is None:
                tracked.partial_since_s = at_s
            said = partial.get(tracked.key)
            tracked.partial = None if said is None else f"{self._prefix}{said}"
            if tracked.partial is None:
                self._partial.pop(tracked.key, None)
            else:
                self._partial[tracked.key] = tracked.partial
        self.partial = next(iter(self._partial.values()), None)
        if partial:
            self._instruments.evaluation_failed(Reason.PARTIAL)
        if self.partial is not None and before is None:
            _log.warning("data is missing from answers; alerts may fire and do not resolve", error=self.partial)
        if self.partial is None and before is not None:
            _log.info("answers are whole again; what was counted from partial data is counted again")

    def _note_impossible(self, answered: Sequence[TrackedSli], impossible: Collection[str], at_s: float) -> None:
        for tracked in answered:
            if tracked.key in impossible:
                tracked.impossible_seen_s = at_s
            before = tracked.impossible_samples
            tracked.impossible_samples = at_s - tracked.impossible_seen_s <= _SEEN_FOR_S
            if tracked.impossible_samples and not before:
                _log.error("samples are negative, infinite or beyond 64 bits and are not counted", query=tracked.query)

    def _count(self, failed: Sequence[tuple[TrackedSli, PrometheusError]]) -> None:
        for reason in {error.reason for _, error in failed}:
            self._instruments.evaluation_failed(reason)

    def _note_unanswered(self, *, any_answered: bool, asked: bool) -> None:
        """Prometheus does not answer if it answered no query of this slot; else log which SLIs alone are not answered.

        Only this slot counts: an SLI that is not queried any more, such as one whose query was rejected, was answered
        once and proves nothing about now.
        """
        tracked, error = next(iter(self._failing.values()), (None, None))
        before = self.unanswered
        # Where nothing was asked in a slot, nothing is known of it.
        if any_answered or asked:
            self.unanswered = None if any_answered or error is None else f"{self._prefix}{error}"
        if self.unanswered is not None:
            if before is None:
                said = f"{self._server} does not answer; alerts are frozen, budgets are stale"
                _log.error(said, event_name="source.unanswered", error=self.unanswered)
            return
        if before is not None:
            _log.info(
                f"{self._server} answers again; what was missed is being counted", event_name="source.answers_again"
            )
        if tracked is not None and self._failing.keys() != self._logged:
            _log.warning("some queries are failing", slis=len(self._failing), query=tracked.query, error=str(error))
        self._logged = set(self._failing)
