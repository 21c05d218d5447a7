"""What is wrong with the data of SLOs, each sentence once with the SLOs that it is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.status import Problem, ProblemLevel, Snapshot, most_serious_first


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingView:
    """One problem, and the SLOs or group members that have it."""

    problem: Problem
    slos: Sequence[Snapshot]


def failing(snapshots: Iterable[Snapshot]) -> list[FailingView]:
    """Errors first, then warnings; hints are on the pages of their SLOs."""
    found: dict[Problem, list[Snapshot]] = {}
    for snapshot in snapshots:
        for problem in snapshot.problems:
            if problem.level is not ProblemLevel.HINT:
                found.setdefault(problem, []).append(snapshot)
    return [FailingView(problem=problem, slos=found[problem]) for problem in most_serious_first(list(found))]
