"""What is wrong with the data of a member, as codes and sentences: the one place where an SLO's problems are gathered.

A further problem is a code in `app.status.problems`, a function here, and a line in docs/http.md.
"""

from collections.abc import Iterator
from datetime import datetime

from app.evaluation.members import Member
from app.evaluation.watch import Watch
from app.status import Problem, ProblemCode, ProblemLevel, most_serious_first


def problems_of(member: Member, as_of: datetime | None, *, stale: bool) -> tuple[Problem, ...]:
    """Everything that is wrong with a member's data, the most serious first; *as_of* is its newest measured slot."""
    return most_serious_first([*_of_data(member.watch, as_of, stale=stale)])


def _of_data(watch: Watch, as_of: datetime | None, *, stale: bool) -> Iterator[Problem]:
    """Why there is no new data, or not all of it."""
    if watch.problem is not None:
        rejected = watch.problem_is_ours
        yield Problem(
            code=ProblemCode.QUERY_REJECTED if rejected else ProblemCode.QUERY_FAILED,
            level=ProblemLevel.ERROR if rejected else ProblemLevel.WARNING,
            detail=watch.problem,
        )
    elif not watch.started:
        yield _warning(ProblemCode.WAITING, "waiting for the first answer of Prometheus")
    elif as_of is None and watch.backfilled:
        yield Problem(code=ProblemCode.NO_SERIES, level=ProblemLevel.ERROR, detail=f"no series match {watch.query}")
    elif as_of is None:
        reading = _history_unreadable(watch) or "history is being read"
        yield _warning(ProblemCode.NO_SAMPLES_YET, f"no samples yet; {reading}")
    elif stale:
        yield _warning(ProblemCode.STALE, f"no samples of {watch.query} since {as_of:%Y-%m-%d %H:%M:%S} UTC")
    if watch.refused_groups:
        refused = len(watch.refused_groups)
        yield _warning(
            ProblemCode.TOO_MANY_GROUPS,
            f"more than {len(watch.rows)} groups: {refused} further ones are not counted",
        )
    if watch.impossible_samples:
        detail = f"samples of {watch.query} are infinite or beyond 64 bits and are not counted: look at its exporter"
        yield _warning(ProblemCode.IMPOSSIBLE_SAMPLES, detail)
    unreadable = None if as_of is None else _history_unreadable(watch)
    if unreadable is not None:
        yield _warning(ProblemCode.HISTORY_UNREADABLE, unreadable)


def _history_unreadable(watch: Watch) -> str | None:
    """Why history is not being read, though some is missing."""
    if watch.backfilled or watch.history_problem is None:
        return None
    return f"history cannot be read now: {watch.history_problem}"


def _warning(code: ProblemCode, detail: str) -> Problem:
    return Problem(code=code, level=ProblemLevel.WARNING, detail=detail)
