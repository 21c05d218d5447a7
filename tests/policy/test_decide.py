"""What the gate decides: by state, by rules, by exceptions; missing data is never an all-clear."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.policy import (
    DEFAULT_POLICY,
    BudgetPolicy,
    GateDecision,
    GateException,
    GateQuestion,
    GateRule,
    SloFacts,
    SloVerdict,
    StateOfSlo,
    combined,
    judge_change,
    policy_for_slo,
    policy_page,
    ranked,
    without_slos,
)
from app.slo import Severity

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def facts(state: str = "healthy", *, remaining: float = 0.5, slo: str = "checkout-availability") -> SloFacts:
    known = StateOfSlo(slo=slo, policy="default", state=state, since=NOW, remaining=remaining)
    return SloFacts(slo=slo, service="checkout", remaining=remaining, state=known)


def judge(of: SloFacts, change: str = "feature", policy: BudgetPolicy = DEFAULT_POLICY) -> SloVerdict:
    return judge_change(GateQuestion(service="checkout", environment="prod", change=change), of, policy, at=NOW)


def exception(**changed: object) -> GateException:
    given = GateException(
        id="3", reason="a demo", owner="ada", created_at=NOW, starts_at=NOW, ends_at=NOW + timedelta(hours=2)
    )
    return replace(given, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "change", "firing", "decision"),
    [
        ("healthy", "feature", (), "allow"),
        ("caution", "feature", (), "warn"),
        ("freeze", "feature", (), "deny"),
        ("freeze", "rollback", (), "warn"),
        ("healthy", "feature", (Severity.PAGE,), "deny"),
        ("healthy", "fix", (Severity.PAGE,), "warn"),
        ("healthy", "feature", (Severity.TICKET,), "allow"),
    ],
)
def test_the_default_policy(state: str, change: str, firing: tuple[Severity, ...], decision: str) -> None:
    assert judge(replace(facts(state), firing=frozenset(firing)), change).decision == decision


def test_missing_data_is_unknown_whatever_the_state_was() -> None:
    assert judge(replace(facts(), doubt="its data is stale")).decision is GateDecision.UNKNOWN
    assert judge(replace(facts(), state=None)).decision is GateDecision.UNKNOWN


def test_a_rule_that_needs_no_data_denies_without_it() -> None:
    """Else a caller to whom unknown is a yes would get past it when data is missing."""
    rule = GateRule(name="no schemas", decision=GateDecision.DENY, changes=("schema",))
    doubtful = replace(facts(), doubt="its data is stale")
    policy = replace(DEFAULT_POLICY, rules=(rule, *DEFAULT_POLICY.rules))
    assert [judge(doubtful, change, policy).decision for change in ("schema", "feature")] == ["deny", "unknown"]
    assert judge(doubtful, "schema", replace(policy, dry_run=True)).decision is GateDecision.UNKNOWN
    by_state = GateRule(name="healthy", decision=GateDecision.ALLOW, states=frozenset({"healthy"}))
    policy = replace(DEFAULT_POLICY, rules=(by_state, rule))
    assert judge(doubtful, "schema", policy).decision is GateDecision.UNKNOWN


def test_a_freeze_says_until_when_it_lasts_at_least() -> None:
    assert judge(facts("freeze", remaining=-0.2)).until == NOW + timedelta(hours=1)


def test_dry_runs_decide_nothing_and_are_reported() -> None:
    rule = GateRule(name="late", decision=GateDecision.DENY, changes=("feat*",), environments=("prod",), dry_run=True)
    verdict = judge(facts(), policy=replace(DEFAULT_POLICY, rules=(rule,)))
    assert (verdict.decision, verdict.dry_runs) == (GateDecision.ALLOW, (("late", GateDecision.DENY),))
    verdict = judge(facts("freeze"), policy=replace(DEFAULT_POLICY, dry_run=True))
    assert (verdict.decision, verdict.dry_runs) == (GateDecision.ALLOW, (("default", GateDecision.DENY),))


@pytest.mark.parametrize(
    ("changed", "decision"),
    [
        ({}, "warn"),
        ({"services": ("checkout",), "environments": ("prod",), "changes": ("feature",)}, "warn"),
        ({"services": ("search",)}, "deny"),
        ({"environments": ("test",)}, "deny"),
        ({"starts_at": NOW + timedelta(minutes=1)}, "deny"),
        ({"ends_at": NOW}, "deny"),
        ({"ended_at": NOW}, "deny"),
    ],
)
def test_an_exception_lets_what_it_covers_go_ahead(changed: dict[str, object], decision: str) -> None:
    question = GateQuestion(service="checkout", environment="prod", change="feature")
    verdict = judge_change(question, facts("freeze"), DEFAULT_POLICY, exceptions=[exception(**changed)], at=NOW)
    assert verdict.decision == decision


def test_the_worst_of_all_slos_decides() -> None:
    """One that denies is worse than one of which nothing is known, and that is worse than all that allow."""
    allows, denies = judge(facts()), judge(facts("freeze", remaining=-0.1, slo="checkout-latency"))
    unknown = judge(replace(facts(slo="checkout-jobs"), doubt="its data is stale"))
    question = GateQuestion(service="checkout")
    both = combined(question, ranked([allows, unknown]))
    assert both.decision is GateDecision.UNKNOWN
    whole = combined(question, ranked([allows, unknown, denies]))
    assert (whole.decision, whole.slos[0], whole.budget_remaining) == (GateDecision.DENY, denies, -0.1)


@pytest.mark.parametrize(
    ("changed", "decision"),
    [
        ({}, "warn"),
        ({"services": ("check*",)}, "warn"),
        ({"services": ("search",)}, "unknown"),
        ({"slos": ("checkout-availability",)}, "unknown"),
        ({"environments": ("test",)}, "unknown"),
    ],
)
def test_an_exception_holds_where_no_slo_is_known(changed: dict[str, object], decision: str) -> None:
    """A misspelt service, or the time before anything was evaluated: break-glass always works."""
    question = GateQuestion(service="checkout", environment="prod")
    verdict = without_slos(question, "no SLO", exceptions=[exception(**changed)], at=NOW)
    assert verdict.decision == decision
    assert (verdict.exception is not None) == (decision == "warn")
    misspelt = replace(question, slos=("checkout-availability", "checkout-latncy"))
    given = [exception(slos=("checkout-availability",))]
    assert without_slos(misspelt, "no SLO", exceptions=given, at=NOW).decision is GateDecision.UNKNOWN


def test_the_policy_of_an_slo_is_the_first_that_matches() -> None:
    payments = BudgetPolicy(name="payments", states=DEFAULT_POLICY.states, labels=(("team", ("pay*",)),))
    rest = BudgetPolicy(name="rest", states=DEFAULT_POLICY.states, services=("search",))
    found = [
        policy_for_slo([payments, rest], slo="x", service=service, labels=(("team", team),)).name
        for service, team in (("search", "payments"), ("search", "a"), ("cart", "a"))
    ]
    assert found == ["payments", "rest", "default"]


def test_a_policy_is_written_out_for_people() -> None:
    page = policy_page(replace(DEFAULT_POLICY, name="pay|ments", owners=("ada",)))
    assert page.startswith("# Error budget policy: pay\\|ments\n")
    assert (
        "| freeze | when 0% of the budget or less is left | when more than 5% is left, after 1h at the earliest |"
        in page
    )
    assert "2. **page fires**: changes while a page fires do not go ahead." in page
