"""What the gate answers for every service, the worst first."""

import math
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.gate import Gate
from app.policy import GateDecision, GateQuestion, GateVerdict, SloVerdict, rank_of
from app.status import BoardContent

# The gate answers for 500 services in a tenth of a second; readers who come together share one answer.
_FRESH_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVerdicts:
    """The answers for each service, the worst first, and how many SLOs each decision has.

    *states* has how many are in each state, by the names of the policy and of the state; that is empty where none is
    known.
    """

    content: BoardContent
    exceptions: tuple[str, ...]
    answered_s: float
    services: Sequence[tuple[str, GateVerdict]] = ()
    slos: Mapping[GateDecision, int] = field(default_factory=dict)
    states: Mapping[tuple[str, str], int] = field(default_factory=dict)


class ServiceGate:
    """Asks the gate for a change of no kind in no environment, without a log; from any thread."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._turn = threading.Lock()
        self._known: ServiceVerdicts | None = None

    def verdicts(self, at: datetime) -> ServiceVerdicts:
        """The answers for all services; some seconds old at most."""
        with self._turn:
            content, known = self._gate.board.current, self._known
            exceptions = tuple(one.id for one in self._gate.active_exceptions(at))
            now_s = self._gate.clock.monotonic()
            if (
                known is None
                or known.content is not content
                or known.exceptions != exceptions
                or now_s - known.answered_s > _FRESH_S
            ):
                known = self._known = self._asked(content, exceptions, now_s, at)
            return known

    def _asked(self, content: BoardContent, exceptions: tuple[str, ...], now_s: float, at: datetime) -> ServiceVerdicts:
        current = self._gate.current_states()
        names = dict.fromkeys(snapshot.slo.service for snapshot in content.snapshots)
        found = [(name, self._gate.verdict(GateQuestion(service=name), at=at)) for name in names]
        slos: Counter[GateDecision] = Counter()
        for _, verdict in found:
            slos.update(_decisions(verdict.slos))
        return ServiceVerdicts(
            content=content,
            exceptions=exceptions,
            answered_s=now_s,
            services=sorted(found, key=_badness),
            slos=slos,
            states=Counter((policy.name, state.state if state else "") for _, policy, state in current),
        )


def _decisions(slos: Sequence[SloVerdict]) -> Mapping[GateDecision, int]:
    """How many SLOs each decision is about; *slos* are ordered by it, and each costs its judgement once looked at."""
    counts: dict[GateDecision, int] = {}
    start = 0
    while start < len(slos):
        decision = slos[start].decision
        end = len(slos)
        if slos[-1].decision is not decision:
            end = bisect_right(slos, rank_of(decision), lo=start, key=lambda one: rank_of(one.decision))
        counts[decision] = end - start
        start = end
    return counts


def _badness(answer: tuple[str, GateVerdict]) -> tuple[int, float, str]:
    name, verdict = answer
    remaining = verdict.budget_remaining
    return rank_of(verdict.decision), 1.0 if math.isnan(remaining) else remaining, name
