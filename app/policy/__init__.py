"""Error budget policies: states by budget, what each state means for changes, exceptions, postmortems.

Pure: figures and policies in, decisions out. May import `app.slo` only. Start at `model.py`; `states.py` moves an SLO
from state to state, `decide.py` answers whether a change may go ahead, `page.py` writes a policy out for people.
"""

from app.policy.canary import CanaryVerdict, CanaryVerdictKind, VersionCounts, compare_versions
from app.policy.decide import (
    GateQuestion,
    GateVerdict,
    RankedVerdicts,
    SloFacts,
    SloVerdict,
    combined,
    judge_change,
    rank_of,
    ranked,
    without_slos,
)
from app.policy.exceptions import GateException, covering
from app.policy.model import (
    DEFAULT_POLICY,
    BudgetPolicy,
    Escalation,
    GateDecision,
    GateRule,
    PolicyState,
    PostmortemRule,
    fit_labels,
    policy_for_slo,
)
from app.policy.page import policy_page, rule_sentence, state_conditions
from app.policy.postmortems import PastIncident, PostmortemDue, WrittenPostmortem, postmortems_due
from app.policy.states import StateOfSlo, step_state

__all__ = [
    "DEFAULT_POLICY",
    "BudgetPolicy",
    "CanaryVerdict",
    "CanaryVerdictKind",
    "Escalation",
    "GateDecision",
    "GateException",
    "GateQuestion",
    "GateRule",
    "GateVerdict",
    "PastIncident",
    "PolicyState",
    "PostmortemDue",
    "PostmortemRule",
    "RankedVerdicts",
    "SloFacts",
    "SloVerdict",
    "StateOfSlo",
    "VersionCounts",
    "WrittenPostmortem",
    "combined",
    "compare_versions",
    "covering",
    "fit_labels",
    "judge_change",
    "policy_for_slo",
    "policy_page",
    "postmortems_due",
    "rank_of",
    "ranked",
    "rule_sentence",
    "state_conditions",
    "step_state",
    "without_slos",
]
