"""One SLO whose judgement fails keeps no other from being judged."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from app.evaluation.figures.members import Member
from app.evaluation.judging.judge import AlertsBySlo, Judgement, NotificationsByKey
from app.ingest.ports import EvaluationInstruments
from app.slo import SloId

_log = structlog.get_logger(__name__)
# To find the SLO costs some evaluations' worth of judging: not in every slot.
_AGAIN = timedelta(minutes=10)
K = TypeVar("K", bound=str)
T = TypeVar("T")

Judge = Callable[[Sequence[Member], AlertsBySlo, NotificationsByKey], Judgement]
"""Judges members, given the alerts before and the notifications of active alerts."""


class FaultIsolation:
    """Leaves out the SLOs whose judgement raises, and tries them again now and then.

    Meanwhile their alerts are frozen: they neither fire nor end, and say why.
    """

    def __init__(self, instruments: EvaluationInstruments) -> None:
        self._instruments = instruments
        self._left_out: dict[SloId, tuple[datetime, str]] = {}

    def judge(
        self,
        members: Sequence[Member],
        before: AlertsBySlo,
        notified_before: NotificationsByKey,
        judge: Judge,
        *,
        at: datetime,
    ) -> Judgement:
        """Judge all that can be judged.

        Raises:
            Exception: the judgement fails for all, or for no SLO alone.
        """
        self._left_out = {slo: (again, why) for slo, (again, why) in self._left_out.items() if at < again}
        judged = attempt(lambda: self._judge_others(members, before, notified_before, judge))
        if not isinstance(judged, Exception):
            return judged
        others = self._others(members)
        failing = _failing_slos(others, lambda some: judge(some, before, notified_before))
        if not failing or len(failing) == len({member.slo.id for member in others}) > 1:
            raise judged
        for slo, error in failing.items():
            self._instruments.evaluation_failed("internal")
            _log.error("an SLO cannot be judged; its alerts stay as they are", slo=slo, exc_info=error)
            self._left_out[slo] = at + _AGAIN, f"it cannot be judged: {error!r}"
        return self._judge_others(members, before, notified_before, judge)

    def _others(self, members: Sequence[Member]) -> Sequence[Member]:
        return [member for member in members if member.slo.id not in self._left_out] if self._left_out else members

    def _judge_others(
        self, members: Sequence[Member], before: AlertsBySlo, notified_before: NotificationsByKey, judge: Judge
    ) -> Judgement:
        if not self._left_out:
            return judge(members, before, notified_before)
        why: dict[SloId, str] = {}
        for member in members:
            if member.slo.id in self._left_out:
                why[member.id] = why[member.slo.id] = self._left_out[member.slo.id][1]
        frozen = {
            slo: tuple(replace(alert, frozen=why[slo], frozen_cause=None) for alert in alerts)
            for slo, alerts in before.items()
            if slo in why
        }
        kept = {alert.key for alerts in frozen.values() for alert in alerts}
        judgement = judge(self._others(members), _without(before, why), _without(notified_before, kept))
        return replace(
            judgement,
            alerts={**judgement.alerts, **frozen},
            notifications={
                **judgement.notifications,
                **{key: one for key, one in notified_before.items() if key in kept},
            },
            changed=(*judgement.changed, *(alert for alerts in frozen.values() for alert in alerts)),
        )


def _failing_slos(members: Sequence[Member], judge: Callable[[Sequence[Member]], object]) -> dict[SloId, Exception]:
    """The SLOs whose judgement raises, each with its error, found by halving."""
    slos = list(dict.fromkeys(member.slo.id for member in members))
    error = attempt(lambda: judge(members))
    if not isinstance(error, Exception):
        return {}
    if len(slos) == 1:
        return {slos[0]: error}
    first = set(slos[: len(slos) // 2])
    halves = (
        [member for member in members if member.slo.id in first],
        [member for member in members if member.slo.id not in first],
    )
    return _failing_slos(halves[0], judge) | _failing_slos(halves[1], judge)


def attempt(work: Callable[[], T]) -> T | Exception:
    """The result of work for one or several SLOs, or the error that it raises: no other SLO must fail with them."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  blamed on one SLO, and logged with its traceback
        return error


def _without(values: Mapping[K, T], keys: Collection[str]) -> dict[K, T]:
    return {key: value for key, value in values.items() if key not in keys}
