"""What is wrong with the data of a member, as codes and sentences: the one place where an SLO's problems are gathered.

A further problem is a code in `app.status.problems`, a function here, and a line in docs/http.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from app.evaluation.figures import HOUR, Figures, WindowFigures
from app.evaluation.members import Member
from app.evaluation.watch import MOST_GROUPS, Watch
from app.slo.arrays import Floats
from app.status import Problem, ProblemCode, ProblemLevel, most_serious_first

UNJUDGEABLE = frozenset({ProblemCode.GOOD_EXCEEDS_TOTAL})
"""With one of these, what is counted says nothing about the service."""
_NOISE_EVENTS = 5.0
"""By so many events good and total, scraped apart, may differ without being wrong..."""
_LATELY_SHARE = 0.1
"""...and by this share of an hour's: a scrape interval of 5 minutes at its end is known of one of them only."""
_WINDOW_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A part of the total that is larger than the total: *part* is good or bad, of so many events in *window*."""

    part: str
    window: str
    events: float
    total: float


def contradictions(figures: Figures) -> list[Contradiction | None]:
    """Of each member, whether its good or bad events exceed the total by more than scrapes can explain."""
    found: list[Contradiction | None] = [None] * len(figures.as_of_s)
    for window, share, name in (
        (figures.windows[HOUR], _LATELY_SHARE, "the last hour"),
        (figures.slo_window, _WINDOW_SHARE, "the SLO window"),
    ):
        for index in np.flatnonzero(np.abs(window.excess) > _NOISE_EVENTS + share * _counted(window)).tolist():
            found[index] = _contradiction(window, index, name)
    return found


def problems_of(
    member: Member, as_of: datetime | None, *, stale: bool, contradiction: Contradiction | None
) -> tuple[Problem, ...]:
    """Everything that is wrong with a member's data, the most serious first; *as_of* is its newest measured slot."""
    found = [*_of_data(member.watch, as_of, stale=stale)]
    if contradiction is not None:
        found.append(_of_contradiction(contradiction))
    return most_serious_first(found)


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
        detail = f"more than {MOST_GROUPS} groups: {refused} further ones are not counted"
        yield Problem(code=ProblemCode.TOO_MANY_GROUPS, level=ProblemLevel.ERROR, detail=detail)
    if watch.impossible_samples:
        detail = f"samples of {watch.query} are infinite or beyond 64 bits and are not counted: look at its exporter"
        yield _warning(ProblemCode.IMPOSSIBLE_SAMPLES, detail)
    unreadable = None if as_of is None else _history_unreadable(watch)
    if unreadable is not None:
        yield _warning(ProblemCode.HISTORY_UNREADABLE, unreadable)


def _counted(window: WindowFigures) -> Floats:
    """The events that the total itself has counted."""
    return window.total - np.maximum(window.excess, 0.0)


def _contradiction(window: WindowFigures, index: int, name: str) -> Contradiction:
    excess, total = float(window.excess[index]), float(_counted(window)[index])
    return Contradiction(part="bad" if excess > 0 else "good", window=name, events=total + abs(excess), total=total)


def _of_contradiction(found: Contradiction) -> Problem:
    counted = f"{found.events:,.0f} {found.part} events of {found.total:,.0f} in total in {found.window}"
    if found.part == "bad":
        return _warning(
            ProblemCode.BAD_EXCEEDS_TOTAL,
            f"{counted}: bad events that total does not count are added to it; write a total that counts them too",
        )
    return Problem(
        code=ProblemCode.GOOD_EXCEEDS_TOTAL,
        level=ProblemLevel.ERROR,
        detail=f"{counted}: errors cannot be told from these counters; write a total that counts all good events",
    )


def _history_unreadable(watch: Watch) -> str | None:
    """Why history is not being read, though some is missing."""
    if watch.backfilled or watch.history_problem is None:
        return None
    return f"history cannot be read now: {watch.history_problem}"


def _warning(code: ProblemCode, detail: str) -> Problem:
    return Problem(code=code, level=ProblemLevel.WARNING, detail=detail)
