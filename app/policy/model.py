"""An error budget policy: its states, worst last, and the rules that overrule what a state means.

Source: https://sre.google/workbook/error-budget-policy/
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from app.slo import Severity

Patterns = tuple[str, ...]
"""Values, any of which may match; `*` and `?` stand for any text and any character; none given match anything."""
LabelPatterns = tuple[tuple[str, Patterns], ...]
"""By the names of labels, of which all must match."""


class GateDecision(StrEnum):
    """Whether a change may go ahead; *unknown* where no data says so."""

    ALLOW = "allow"
    WARN = "warn"
    DENY = "deny"
    UNKNOWN = "unknown"

    @property
    def ok(self) -> bool:
        """Whether the change may go ahead."""
        return self in {GateDecision.ALLOW, GateDecision.WARN}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """A state that an SLO enters when no more than *budget_left* of its budget is left, a ratio; the first has none.

    It is left when more than *leave_above* is left, and *minimum_stay* has passed; for a worse one at once. *notify*
    says whether receivers are notified for as long as it lasts.
    """

    name: str
    deploys: GateDecision
    budget_left: float | None = None
    leave_above: float | None = None
    minimum_stay: timedelta = timedelta(0)
    notify: bool = False
    description: str = ""

    @property
    def left_above(self) -> float:
        """The budget, a ratio, above which it is left."""
        if self.leave_above is not None:
            return self.leave_above
        return float("-inf") if self.budget_left is None else self.budget_left


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """A decision about changes that match in everything that is given, in the place of what the state means.

    With *dry_run* it is only reported. *alerting* asks for a firing alert of one of the severities.
    """

    name: str
    decision: GateDecision
    changes: Patterns = ()
    environments: Patterns = ()
    states: frozenset[str] = frozenset()
    labels: LabelPatterns = ()
    alerting: frozenset[Severity] = frozenset()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemRule:
    """Incidents that need a postmortem: each that spends *incident_above* of a budget, a ratio, and repeated ones.

    Those of one class that together spend *class_above* within *within* need one too; the class of an incident is the
    value of the label *class_label* where there is one, else its SLO.
    """

    incident_above: float | None = 0.2
    class_above: float | None = 0.2
    within: timedelta = timedelta(days=91)
    class_label: str = ""
    due_in: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """To whom it is escalated when a state that notifies has lasted *after*."""

    after: timedelta
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy:
    """A policy, and the SLOs that it is for: of any of the services and ids, with all of the labels.

    With *dry_run* all of it is only reported: the gate answers `allow` and says what it would be.
    """

    name: str
    states: tuple[PolicyState, ...]
    rules: tuple[GateRule, ...] = ()
    services: Patterns = ()
    slos: Patterns = ()
    labels: LabelPatterns = ()
    owners: tuple[str, ...] = ()
    escalation: Escalation | None = None
    postmortem: PostmortemRule = field(default_factory=PostmortemRule)
    dry_run: bool = False
    description: str = ""

    def is_for(self, *, slo: str, service: str, labels: Iterable[tuple[str, str]]) -> bool:
        """Whether the policy is that of an SLO."""
        own = dict(labels)
        return fits(self.services, service) and fits(self.slos, slo) and fit_labels(self.labels, own)

    def index_of(self, state: str) -> int | None:
        """The place of a state among those of the policy; None if it has none of this name."""
        # A gate asks for each of 10,000 SLOs: a generator would take three times as long.
        for place, one in enumerate(self.states):
            if one.name == state:
                return place
        return None


def fits(patterns: Patterns, value: str) -> bool:
    """Whether any of the patterns matches; any value does where there are none."""
    # Not `fnmatch`, which ignores case on some systems.
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)


def fit_labels(wanted: LabelPatterns, labels: Mapping[str, str]) -> bool:
    """Whether every label that is wanted has a value that fits; one that is missing is empty."""
    return all(fits(patterns, labels.get(name, "")) for name, patterns in wanted)


URGENT_CHANGES = ("fix", "hotfix", "rollback", "security")
"""Kinds of changes that the policy of the SRE Workbook lets through while all others are frozen."""
DEFAULT_POLICY = BudgetPolicy(
    name="default",
    description="The example of the SRE Workbook: changes go on until the error budget is exhausted.",
    states=(
        PolicyState(name="healthy", deploys=GateDecision.ALLOW),
        # Left five points above where it is entered, or a budget at the threshold would change the answer each minute.
        PolicyState(name="caution", deploys=GateDecision.WARN, budget_left=0.25, leave_above=0.3),
        PolicyState(
            name="freeze",
            deploys=GateDecision.DENY,
            budget_left=0.0,
            leave_above=0.05,
            minimum_stay=timedelta(hours=1),
        ),
    ),
    rules=(
        GateRule(name="urgent changes", decision=GateDecision.WARN, changes=URGENT_CHANGES),
        GateRule(name="page fires", decision=GateDecision.DENY, alerting=frozenset({Severity.PAGE})),
    ),
)
"""The policy of SLOs for which the documents have none; it sends no notifications."""


def policy_for_slo(
    policies: Sequence[BudgetPolicy], *, slo: str, service: str, labels: Iterable[tuple[str, str]]
) -> BudgetPolicy:
    """The first policy that is for an SLO; the default where there is none."""
    own = tuple(labels)
    found = (policy for policy in policies if policy.is_for(slo=slo, service=service, labels=own))
    return next(found, DEFAULT_POLICY)
