"""Objectives and burn-rate rules of other tools: what can be right for an SLO, and what is probably not meant."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from app.alerting.policy import check_rule
from app.documents.importing.scope import Scope
from app.slo import BurnRateRule, Window, format_duration

RULE_LEFT_OUT, RULE_RAISED = "rule_left_out", "rule_raised"
"""Codes of a rule that is not evaluated, and of one with a higher factor than its document says."""

OBJECTIVE_RATIO = "objective_ratio"
"""The code of an objective in percent that looks like a ratio."""
# In percent: people who write 0.999 mean 99.9%, and no usual SLO allows 99% of its events to be bad.
_ONE_PERCENT = 0.01
# The Workbook's 1h/5m; a shorter window than a minute has no two scrapes.
_SHORT, _SHORTEST = 12, timedelta(minutes=1)


def warn_of_ratio(objective: float, scope: Scope) -> None:
    """Warn of an objective in percent of at most 1%: people write one who mean a ratio."""
    if objective <= _ONE_PERCENT:
        problem = f"{objective * 100:.6g} looks like a ratio, and objectives are in percent"
        scope.warning(problem, f"did you mean {objective * 10_000:.6g}?", OBJECTIVE_RATIO)


def short_window(long: timedelta) -> timedelta:
    """The short window of a rule whose document has only a long one: a twelfth, as in the SRE Workbook."""
    return max(long / _SHORT, min(_SHORTEST, long / 2))


def waits_of(rules: Sequence[BurnRateRule]) -> tuple[tuple[BurnRateRule, ...], timedelta]:
    """The rules of a severity, and how long all of them wait; their own times only where these differ."""
    waits = {rule.pending_for or timedelta(0) for rule in rules}
    if len(waits) > 1:
        return tuple(rules), timedelta(0)
    return tuple(replace(rule, pending_for=None) for rule in rules), next(iter(waits), timedelta(0))


def usable_rules(
    rules: Iterable[tuple[BurnRateRule, Scope]], window: Window, objective: float, *, remedy: str = ""
) -> tuple[BurnRateRule, ...]:
    """The rules, each with its place, that are evaluated, the quickest first; what is changed is a warning.

    *remedy* is what to write instead of a rule that can never fire, where the document has no key for its factor.
    """
    usable = [(changed, scope) for rule, scope in rules for changed in _usable(rule, scope, window, objective, remedy)]
    decisive = [rule for rule, scope in usable if not _is_preceded(rule, usable, scope)]
    return tuple(sorted(decisive, key=lambda rule: (rule.long, rule.short)))


def _is_preceded(rule: BurnRateRule, others: Sequence[tuple[BurnRateRule, Scope]], scope: Scope) -> bool:
    """Whether another rule of the same windows and wait has a lower factor, so that this one decides nothing."""
    lower = min(other.factor for other, _ in others if replace(other, factor=rule.factor) == rule)
    if lower == rule.factor:
        return False
    problem = f"{rule.name} has a rule with the factor {lower:.4g}, which fires whenever {rule.factor:.4g} does"
    scope.warning(f"{problem}, so it is left out", "remove one of them", RULE_LEFT_OUT)
    return True


def _usable(rule: BurnRateRule, scope: Scope, window: Window, objective: float, remedy: str) -> Iterator[BurnRateRule]:
    if rule.long > window.nominal:
        problem = f"the rule {rule.name} looks back further than the SLO window, {format_duration(window.nominal)}"
        scope.warning(f"{problem}, so it is left out", "write a shorter long window", RULE_LEFT_OUT)
        return
    # Shares of a catalogue may come to less than 1, such as 10% within 3d of a week: Sloth's rules then fire while the
    # SLO is met.
    raised = replace(rule, factor=max(1.0, rule.factor))
    if raised != rule:
        problem = f"the factor {rule.factor:.4g} of {rule.name} is below 1: it would fire while the objective is met"
        scope.warning(f"{problem}; 1 is used", "write at least 1, or a larger share of the error budget", RULE_RAISED)
    refusal = check_rule(raised, objective)
    if refusal is None:
        yield raised
    else:
        problem, usual = refusal
        scope.warning(f"{problem}, so it is left out", remedy or usual, RULE_LEFT_OUT)
