"""Whether a change may go ahead: a verdict for each SLO that it may hurt, and one for the whole."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.policy.exceptions import GateException, covering
from app.policy.model import BudgetPolicy, GateDecision, GateRule, Patterns, fit_labels, fits
from app.policy.states import StateOfSlo
from app.slo import Labels, Severity, format_duration, rounded_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class GateQuestion:
    """A change somebody wants to make: of what kind, to which service, in which environment; empty where not said.

    *slos* restricts it to some SLOs by id, *labels* to those that have all of them.
    """

    service: str = ""
    environment: str = ""
    change: str = ""
    slos: Patterns = ()
    labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SloFacts:
    """What is known of one SLO: the *remaining* budget and the *burn_rate*, NaN where not known.

    *doubt* says why its figures cannot be relied on, None if they can; *firing* are the severities of its alerts.
    """

    slo: str
    service: str
    labels: Labels = ()
    remaining: float = math.nan
    burn_rate: float = math.nan
    doubt: str | None = None
    firing: frozenset[Severity] = frozenset()
    state: StateOfSlo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SloVerdict:
    """The decision as far as one SLO is concerned, the rule or state that made it, and what dry runs would say.

    *until* is the earliest time at which it can change for the better, None if no time is known.
    """

    facts: SloFacts
    policy: BudgetPolicy
    decision: GateDecision
    reason: str
    rule: str | None = None
    until: datetime | None = None
    exception: GateException | None = None
    dry_runs: tuple[tuple[str, GateDecision], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedVerdicts:
    """The verdicts about many SLOs, the worst first: by decision, budget and id.

    The first *deciding* of them have the decision of the worst, and can change for the better at *until*, None if that
    is not known. *exception* is the first that changed one; *remaining* is the least budget, NaN where none is known.
    """

    slos: Sequence[SloVerdict] = ()
    deciding: int = 0
    until: datetime | None = None
    exception: GateException | None = None
    remaining: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """The decision about a change, with the verdict for each SLO, the worst first.

    *budget_remaining* is the least budget that is left of all SLOs, a ratio; NaN where none is known. *exception* is
    one that changed the verdict about any of them.
    """

    decision: GateDecision
    reason: str
    slos: Sequence[SloVerdict] = ()
    until: datetime | None = None
    question: GateQuestion = field(default_factory=GateQuestion)
    budget_remaining: float = math.nan
    exception: GateException | None = None

    @property
    def policy(self) -> str | None:
        """The policy that decided; None where no SLO was judged."""
        return self.slos[0].policy.name if self.slos else None


def judge_change(
    question: GateQuestion,
    facts: SloFacts,
    policy: BudgetPolicy,
    *,
    exceptions: Sequence[GateException] = (),
    at: datetime,
) -> SloVerdict:
    """The verdict on a change as far as one SLO is concerned."""
    verdict = _by_policy(question, facts, policy)
    # No exception is named, or logged, for a change that goes ahead without one.
    if verdict.decision.ok:
        return verdict
    exception = covering(
        exceptions,
        slo=facts.slo,
        service=facts.service,
        environment=question.environment,
        change=question.change,
        at=at,
    )
    if exception is None:
        return verdict
    reason = _excepted(exception, verdict.decision, verdict.reason)
    return replace(
        verdict, decision=GateDecision.WARN, reason=reason, exception=exception, until=exception.until, rule=None
    )


def ranked(verdicts: Iterable[SloVerdict]) -> RankedVerdicts:
    """Verdicts, the worst first."""
    ordered = sorted(verdicts, key=_badness)
    same = [one for one in ordered if one.decision is ordered[0].decision]
    untils = [one.until for one in same]
    known = [until for until in untils if until is not None]
    budgets = [one.facts.remaining for one in ordered if not math.isnan(one.facts.remaining)]
    return RankedVerdicts(
        slos=ordered,
        deciding=len(same),
        # What denies together ends with the last of them.
        until=max(known) if known and len(known) == len(untils) else None,
        exception=next((one.exception for one in ordered if one.exception is not None), None),
        remaining=min(budgets, default=math.nan),
    )


def without_slos(
    question: GateQuestion, reason: str, *, exceptions: Sequence[GateException] = (), at: datetime
) -> GateVerdict:
    """The decision about a change to nothing that is known, for a *reason*: *unknown*, unless an exception covers it.

    Break-glass must work where the service is misspelt, or nothing was evaluated yet, too.
    """
    unknown = GateVerdict(decision=GateDecision.UNKNOWN, reason=reason, question=question)
    found = [
        covering(
            exceptions,
            slo=slo,
            service=question.service,
            environment=question.environment,
            change=question.change,
            at=at,
        )
        for slo in question.slos or ("",)
    ]
    covered = [one for one in found if one is not None]
    if len(covered) < len(found):
        return unknown
    first = min(covered, key=lambda one: one.until)
    reason = _excepted(first, unknown.decision, reason)
    return replace(unknown, decision=GateDecision.WARN, reason=reason, exception=first, until=first.until)


def _excepted(exception: GateException, decision: GateDecision, reason: str) -> str:
    kind = "break-glass" if exception.break_glass else "exception"
    return f"{kind} {exception.id} by {exception.owner}: {exception.reason}; else {decision}: {reason}"


def combined(question: GateQuestion, verdicts: RankedVerdicts) -> GateVerdict:
    """The decision about the whole change: the worst of all SLOs, of which there is one at least.

    One that denies is worse than one of which nothing is known.
    """
    worst, count = verdicts.slos[0], len(verdicts.slos)
    reason = worst.reason
    if worst.decision is GateDecision.ALLOW:
        reason = reason if count == 1 else f"{count} SLOs; the least budget: {reason}"
    elif verdicts.deciding > 1:
        reason = f"{reason} (and {verdicts.deciding - 1} more)"
    return GateVerdict(
        decision=worst.decision,
        reason=reason,
        slos=verdicts.slos,
        until=verdicts.until,
        question=question,
        budget_remaining=verdicts.remaining,
        exception=verdicts.exception,
    )


# No figure supports a change of which nothing is known, so that is worse than a warning; a figure speaks against one
# that is denied (ADR-0071).
_RANKS = {
    decision: rank
    for rank, decision in enumerate((GateDecision.DENY, GateDecision.UNKNOWN, GateDecision.WARN, GateDecision.ALLOW))
}


def rank_of(decision: GateDecision) -> int:
    """The place of a decision among all, the worst first."""
    return _RANKS[decision]


def _badness(verdict: SloVerdict) -> tuple[int, float, str]:
    facts = verdict.facts
    return _RANKS[verdict.decision], math.inf if math.isnan(facts.remaining) else facts.remaining, facts.slo


def _by_policy(question: GateQuestion, facts: SloFacts, policy: BudgetPolicy) -> SloVerdict:
    if facts.doubt is not None or facts.state is None:
        reason = f"{facts.slo}: {facts.doubt or 'its budget is not known yet'}"
        denying = _denying_without_data(question, facts, policy)
        if denying is not None:
            reason = f"{reason}, rule {denying.name!r}"
            return SloVerdict(facts=facts, policy=policy, decision=GateDecision.DENY, reason=reason, rule=denying.name)
        return SloVerdict(facts=facts, policy=policy, decision=GateDecision.UNKNOWN, reason=reason)
    place = policy.index_of(facts.state.state)
    # A reload may have removed the state; until the next evaluation the healthiest would be a guess.
    if place is None:
        reason = f"{facts.slo}: its state is not known yet under the policy {policy.name}"
        return SloVerdict(facts=facts, policy=policy, decision=GateDecision.UNKNOWN, reason=reason)
    state = policy.states[place]
    dry_runs: list[tuple[str, GateDecision]] = []
    rule: GateRule | None = None
    for one in policy.rules:
        if not _applies(one, question, facts, state.name):
            continue
        if one.dry_run:
            dry_runs.append((one.name, one.decision))
            continue
        rule = one
        break
    decision = state.deploys if rule is None else rule.decision
    reason = f"{facts.slo}: {_why(facts, state.name, rule)}"
    until = None
    # Only the stay has an end that is known: when a budget recovers depends on events to come.
    if rule is None and not decision.ok and state.minimum_stay:
        until = facts.state.since + state.minimum_stay
        reason += f", which lasts at least {format_duration(state.minimum_stay)}"
    if policy.dry_run and decision is not GateDecision.ALLOW:
        dry_runs.append((policy.name, decision))
        reason, decision, until = f"{reason}; the policy is a dry run, else {decision}", GateDecision.ALLOW, None
    return SloVerdict(
        facts=facts,
        policy=policy,
        decision=decision,
        reason=reason,
        rule=None if rule is None else rule.name,
        until=until,
        dry_runs=tuple(dry_runs),
    )


def _denying_without_data(question: GateQuestion, facts: SloFacts, policy: BudgetPolicy) -> GateRule | None:
    """The rule that denies a change with any budget and any alerts; None if one before it depends on them."""
    if policy.dry_run:
        return None
    for rule in policy.rules:
        if not rule.dry_run and _is_about(rule, question, facts):
            denies = rule.decision is GateDecision.DENY and not (rule.states or rule.alerting)
            return rule if denies else None
    return None


def _is_about(rule: GateRule, question: GateQuestion, facts: SloFacts) -> bool:
    return (
        fits(rule.changes, question.change)
        and fits(rule.environments, question.environment)
        and fit_labels(rule.labels, dict(facts.labels))
    )


def _applies(rule: GateRule, question: GateQuestion, facts: SloFacts, state: str) -> bool:
    return (
        _is_about(rule, question, facts)
        and (not rule.states or state in rule.states)
        and (not rule.alerting or not rule.alerting.isdisjoint(facts.firing))
    )


def _why(facts: SloFacts, state: str, rule: GateRule | None) -> str:
    left = "an unknown share" if math.isnan(facts.remaining) else rounded_percent(facts.remaining, 1)
    why = f"{left} of the error budget is left, state {state}"
    return why if rule is None else f"{why}, rule {rule.name!r}"
