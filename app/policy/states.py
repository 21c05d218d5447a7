"""The state that the budget of an SLO puts it in: worse at once, better only with a margin and after a while."""

import math
from dataclasses import dataclass
from datetime import datetime

from app.policy.model import BudgetPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class StateOfSlo:
    """The state of an SLO, *since* when, and the *remaining* budget, a ratio, with which it was entered."""

    slo: str
    policy: str
    state: str
    since: datetime
    remaining: float


def step_state(
    policy: BudgetPolicy, known: StateOfSlo | None, *, slo: str, remaining: float, at: datetime
) -> StateOfSlo | None:
    """The state at a time; *known* itself if it stays, None while nothing is known.

    Args:
        policy: that of the SLO.
        known: the state before; that of another policy counts if this one has a state of the same name.
        slo: the id of the SLO or of the member of its group.
        remaining: the share of the budget that is left, negative if it is overspent; NaN keeps everything as it is,
            since missing data refills no budget.
        at: the time of the evaluation.
    """
    if math.isnan(remaining):
        return known
    target = 0
    for place, state in enumerate(policy.states):
        if state.budget_left is None or remaining <= state.budget_left:
            target = place
    current = None if known is None else policy.index_of(known.state)
    # Worse at once, better with a margin: a rolling window's budget goes up and down around a threshold (ADR-0071).
    if known is None or current is None or target >= current:
        place = target
    else:
        place = _improved(policy, current, target, remaining=remaining, since=known.since, at=at)
    name = policy.states[place].name
    if known is not None and known.state == name and known.policy == policy.name:
        return known
    # A policy with another name but the same state does not begin the minimum stay again.
    since = known.since if known is not None and known.state == name else at
    return StateOfSlo(slo=slo, policy=policy.name, state=name, since=since, remaining=remaining)


def _improved(
    policy: BudgetPolicy, current: int, target: int, *, remaining: float, since: datetime, at: datetime
) -> int:
    if at - since < policy.states[current].minimum_stay:
        return current
    place = current
    # State by state, as each on the way has a margin of its own.
    while place > target and remaining > policy.states[place].left_above:
        place -= 1
    return place
