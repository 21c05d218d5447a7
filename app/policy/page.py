"""A policy as a page in Markdown, for the team that it is about."""

from collections.abc import Iterator

from app.policy.model import BudgetPolicy, GateRule, Patterns, PolicyState
from app.slo import format_duration

_MEANINGS = {"allow": "go ahead", "warn": "go ahead with a warning", "deny": "do not go ahead", "unknown": "are paused"}


def policy_page(policy: BudgetPolicy) -> str:
    """The policy in words: states, rules, exceptions, postmortems, owners, escalation."""
    return "\n".join(_lines(policy)) + "\n"


def _lines(policy: BudgetPolicy) -> Iterator[str]:
    yield f"# Error budget policy: {_text(policy.name)}"
    yield ""
    if policy.description:
        yield from (_text(policy.description), "")
    if policy.dry_run:
        yield from ("**Dry run:** nothing is denied; the gate says what it would answer.", "")
    yield f"It is for {_scope(policy)}."
    if policy.owners:
        yield f"Owners: {', '.join(map(_text, policy.owners))}."
    yield from ("", "## States", "", "| State | Entered | Left | Changes |", "|---|---|---|---|")
    yield from (_row(state) for state in policy.states)
    if policy.rules:
        yield from ("", "## Rules", "", "The first rule that applies decides, before the state does.", "")
        yield from (f"{number}. {rule_sentence(rule)}" for number, rule in enumerate(policy.rules, 1))
    yield from ("", "## Missing data", "", "Without fresh data the gate answers `unknown`; each caller decides.")
    yield from ("", "## Exceptions", "")
    yield "An exception has a reason, an owner and an end. Break-glass works at any time, and receivers are notified."
    yield from _postmortems(policy)
    if policy.escalation is not None:
        yield from ("", "## Escalation", "")
        to = f" to {', '.join(map(_text, policy.escalation.to))}" if policy.escalation.to else ""
        yield f"A state that notifies and lasts for {format_duration(policy.escalation.after)} is escalated{to}."


def _postmortems(policy: BudgetPolicy) -> Iterator[str]:
    rule = policy.postmortem
    lines = []
    if rule.incident_above is not None:
        lines.append(f"- An incident that spends more than {_share(rule.incident_above)} of the budget needs one.")
    if rule.class_above is not None:
        of = f"the same `{rule.class_label}`" if rule.class_label else "the same SLO"
        lines.append(
            f"- Incidents of {of} that together spend more than {_share(rule.class_above)} of the budget within "
            f"{format_duration(rule.within)} need one."
        )
    if lines:
        yield from ("", "## Postmortems", "", *lines, f"- It is due {format_duration(rule.due_in)} after the incident.")


def _scope(policy: BudgetPolicy) -> str:
    parts = [f"{noun} {_any(patterns)}" for noun, patterns in (("services", policy.services), ("SLOs", policy.slos))]
    given = [part for part, patterns in zip(parts, (policy.services, policy.slos), strict=True) if patterns]
    given += [f"SLOs with {name} {_any(patterns)}" for name, patterns in policy.labels]
    return ", ".join(given) or "every SLO without another policy"


def state_conditions(state: PolicyState) -> tuple[str, str, str]:
    """When a state is entered and left, and what it means for changes, in words."""
    entered = (
        "at first" if state.budget_left is None else f"when {_share(state.budget_left)} of the budget or less is left"
    )
    left = "-"
    if state.budget_left is not None:
        left = f"when more than {_share(state.left_above)} is left"
        if state.minimum_stay:
            left += f", after {format_duration(state.minimum_stay)} at the earliest"
    meaning = _MEANINGS[state.deploys] + ("; receivers are notified" if state.notify else "")
    return entered, left, meaning


def _row(state: PolicyState) -> str:
    entered, left, meaning = state_conditions(state)
    return f"| {_text(state.name)} | {entered} | {left} | {meaning} |"


def rule_sentence(rule: GateRule) -> str:
    """A rule in words, as Markdown."""
    conditions = [
        *([f"changes of kind {_any(rule.changes)}"] if rule.changes else ["changes"]),
        *([f"in {_any(rule.environments)}"] if rule.environments else []),
        *([f"in the state {_any(tuple(sorted(rule.states)))}"] if rule.states else []),
        *([f"while a {' or '.join(sorted(rule.alerting))} fires"] if rule.alerting else []),
        *(f"of SLOs with {name} {_any(patterns)}" for name, patterns in rule.labels),
    ]
    dry = " (dry run: only reported)" if rule.dry_run else ""
    return f"**{_text(rule.name)}**: {' '.join(conditions)} {_MEANINGS[rule.decision]}{dry}."


def _any(patterns: Patterns) -> str:
    return " or ".join(f"`{_text(one)}`" for one in patterns)


def _share(ratio: float) -> str:
    return f"{ratio * 100:.4g}%"


def _text(text: str) -> str:
    # A name may hold what Markdown takes for the end of a cell or of the line.
    return " ".join(text.replace("|", "\\|").split())
