"""Saying once, in the log, which SLOs have selectors that match nothing: such an SLO looks as if all were well."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import structlog

from app.slo import SloId
from app.status import ProblemCode, ProblemLevel, Snapshot

_log = structlog.get_logger(__name__)
_CODES = frozenset({ProblemCode.BAD_NEVER_MATCHED, ProblemCode.GOOD_NEVER_MATCHED})
# What a log line is for does not come and go by the slot, and ten thousand SLOs take milliseconds to look at.
_EVERY = timedelta(minutes=10)
# Most SLOs of a new installation have had no error yet: a line for all of them.
_MOST_NAMED = 10


class NeverMatchedLog:
    """Which SLOs have been named; each is once for each level."""

    def __init__(self) -> None:
        self._looked_at = datetime.min.replace(tzinfo=UTC)
        self._named: set[tuple[SloId, ProblemLevel]] = set()

    def note(self, snapshots: Iterable[Snapshot], now: datetime) -> None:
        """Name those that have not been named yet."""
        if now - self._looked_at < _EVERY:
            return
        self._looked_at = now
        hints = []
        for snapshot in snapshots:
            for problem in snapshot.problems:
                named = (snapshot.slo.id, problem.level)
                if problem.code not in _CODES or named in self._named:
                    continue
                self._named.add(named)
                if problem.level is ProblemLevel.HINT:
                    hints.append(snapshot.slo.id)
                else:
                    _log.warning("a selector matches nothing", slo=snapshot.slo.id, problem=problem.detail)
        if hints:
            _log.info(
                "no series has matched bad so far: normal for a service without errors",
                slos=hints[:_MOST_NAMED],
                n=len(hints),
            )
