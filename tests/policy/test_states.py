"""The state of an SLO by its budget: worse at once, better with a margin and after a while."""

from datetime import UTC, datetime, timedelta

import pytest

from app.policy import BudgetPolicy, GateDecision, PolicyState, StateOfSlo, step_state

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICY = BudgetPolicy(
    name="p",
    states=(
        PolicyState(name="healthy", deploys=GateDecision.ALLOW),
        PolicyState(name="caution", deploys=GateDecision.WARN, budget_left=0.25, leave_above=0.3),
        PolicyState(
            name="freeze",
            deploys=GateDecision.DENY,
            budget_left=0.0,
            leave_above=0.05,
            minimum_stay=timedelta(hours=12),
        ),
    ),
)


def walk(*steps: tuple[float, float]) -> list[str | None]:
    """The state after each step of hours since the start and the budget that is left."""
    known: StateOfSlo | None = None
    states = []
    for hours, remaining in steps:
        known = step_state(POLICY, known, slo="x", remaining=remaining, at=START + timedelta(hours=hours))
        states.append(None if known is None else known.state)
    return states


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        ([(0, 0.26), (1, 0.25), (2, 0.3), (3, 0.31)], ["healthy", "caution", "caution", "healthy"]),
        # Worse at once, also past a state; better after its stay, as far as the margins go.
        ([(0, 0.9), (1, -0.1), (2, 0.9), (12.9, 0.9), (13, 0.9)], ["healthy", *["freeze"] * 3, "healthy"]),
        ([(0, 0.0), (13, 0.05), (14, 0.06), (15, 0.28)], ["freeze", "freeze", "caution", "caution"]),
        # Missing data refills no budget.
        ([(0, float("nan")), (1, 0.0), (30, float("nan"))], [None, "freeze", "freeze"]),
    ],
)
def test_states_follow_the_budget(steps: list[tuple[float, float]], states: list[str]) -> None:
    assert walk(*steps) == states


def test_a_state_goes_on_in_another_policy_that_has_it() -> None:
    """Its stay goes on too; a state that the policy does not have is entered by the budget."""
    known = step_state(POLICY, None, slo="x", remaining=0.0, at=START)
    other = BudgetPolicy(name="q", states=POLICY.states)
    moved = step_state(other, known, slo="x", remaining=0.9, at=START + timedelta(hours=1))
    assert moved is not None
    assert (moved.policy, moved.state, moved.since) == ("q", "freeze", START)
    plain = BudgetPolicy(name="r", states=POLICY.states[:2])
    found = step_state(plain, known, slo="x", remaining=0.2, at=START + timedelta(hours=1))
    assert found is not None
    assert (found.state, found.since) == ("caution", START + timedelta(hours=1))
