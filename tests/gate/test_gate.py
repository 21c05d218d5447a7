"""The gate over a board: what it answers and logs, exceptions, states with their notifications."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.alerting import Notification, NotificationStatus, Routing
from app.delivery.message_refs import StoredMessageRefs
from app.gate import ExceptionRequest, Gate, GateCaller
from app.integrations.active_alerts import StoredAlertsToRepeat
from app.policy import (
    DEFAULT_POLICY,
    BudgetPolicy,
    Escalation,
    GateDecision,
    GateQuestion,
    GateRule,
    PolicyState,
)
from app.slo import AlertState, Severity, SloId
from app.status import Board, DataState, HealthState, Snapshot
from app.store import Database, StoreUnavailableError, open_database_in_memory
from app.store.gate import DecisionFilter
from app.store.outbox import hold_beginnings, waiting
from tests.support.set_clock import SetClock
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

POLICY = BudgetPolicy(
    name="payments",
    states=(
        PolicyState(name="healthy", deploys=GateDecision.ALLOW),
        PolicyState(name="freeze", deploys=GateDecision.DENY, budget_left=0.0, leave_above=0.05, notify=True),
    ),
    escalation=Escalation(after=timedelta(days=7), to=("cto",)),
    owners=("ada",),
)
CHECKOUT = GateQuestion(service="checkout", environment="prod", change="feature")
CI = GateCaller(name="ci", address="127.0.0.1")


def spent(share: float, slo: Snapshot | None = None, *, data: DataState = DataState.FRESH) -> Snapshot:
    """A snapshot of which a share of the budget is spent."""
    snapshot = slo or a_snapshot()
    budget = replace(snapshot.budget, consumed_ratio=share, remaining_ratio=1 - share)
    return replace(snapshot, budget=budget, data=data)


class Bench:
    """A gate, its clock, and what it notifies."""

    def __init__(self, database: Database) -> None:
        self.board, self.database, self.clock = Board(), database, SetClock(AS_OF)
        self.policies: tuple[BudgetPolicy, ...] = (POLICY,)
        self.gate = self.started()

    def started(self) -> Gate:
        """Another gate on the same database, as after a restart."""
        gate = Gate(
            self.board,
            self.database,
            clock=self.clock,
            stale_after=timedelta(minutes=2),
            policies=lambda: self.policies,
            routing=lambda: Routing(default=("chat",)),
        )
        gate.load()
        return gate

    def evaluate(self, *snapshots: Snapshot, after: timedelta = timedelta(seconds=30)) -> None:
        self.clock.at += after
        self.board.publish(snapshots)
        self.gate.step(self.clock.at)

    def ask(self, question: GateQuestion = CHECKOUT) -> GateDecision:
        return self.gate.ask(question, caller=CI).verdict.decision

    def sent(self) -> list[tuple[NotificationStatus, Severity, str]]:
        with self.database.read() as tx:
            return [
                (one.notification.status, one.notification.severity, one.notification.tier)
                for one in waiting(tx, "chat")
            ]

    def repeated(self) -> list[Notification]:
        alerts = StoredAlertsToRepeat(database=self.database, routing=Routing(default=("chat",)))
        found = alerts.active_and_recently_resolved("chat", at=self.clock.at)
        return [one for one in found if one.status is NotificationStatus.FIRING]


@pytest.fixture
def bench() -> Iterator[Bench]:
    database = open_database_in_memory()
    yield Bench(database)
    database.close()


FIRING, RESOLVED = NotificationStatus.FIRING, NotificationStatus.RESOLVED
TICKET, PAGE = Severity.TICKET, Severity.PAGE


def test_answers_follow_the_newest_budget_and_are_logged(bench: Bench) -> None:
    assert bench.ask() is GateDecision.UNKNOWN
    bench.evaluate(spent(0.5))
    assert bench.ask() is GateDecision.ALLOW
    bench.evaluate(spent(1.2))
    assert bench.ask() is GateDecision.DENY
    found = [one for _, one in bench.gate.decisions(DecisionFilter(), limit=10)]
    assert [(one.caller, one.decision, one.environment, one.policy) for one in found] == [
        ("ci", "deny", "prod", "payments"),
        ("ci", "allow", "prod", "payments"),
        ("ci", "unknown", "prod", None),
    ]
    assert found[0].figures[0]["state"] == "freeze"
    assert found[0].figures[0]["budget_remaining"] == pytest.approx(-0.2)
    wanted = DecisionFilter(decisions=(GateDecision.DENY,), words=("freeze", "CHECKOUT"))
    assert [one.id for _, one in bench.gate.decisions(wanted, limit=10)] == [found[0].id]
    assert bench.gate.decisions(DecisionFilter(words=("no_such", "50%")), limit=10) == ()


def test_an_slo_that_does_not_exist_is_unknown_beside_one_that_is_healthy(bench: Bench) -> None:
    bench.evaluate(spent(0.1))
    assert bench.ask(GateQuestion(slos=("checkout-availability",))) is GateDecision.ALLOW
    misspelt = GateQuestion(slos=("checkout-availability", "checkout-latncy"))
    verdict = bench.gate.ask(misspelt, caller=CI).verdict
    assert (verdict.decision, verdict.reason) == ("unknown", "checkout-latncy: no SLO has this id")


def test_an_answer_about_several_tenants_is_in_the_log_of_none_of_them(bench: Bench) -> None:
    slos = ("acme/checkout-availability", "globex/checkout-availability")
    bench.ask(GateQuestion(slos=slos))
    bench.ask(GateQuestion(slos=slos[:1]))
    bench.gate.step(bench.clock.at)
    for tenants, many in ((None, 2), ({"acme"}, 1), ({"globex"}, 0)):
        seen = None if tenants is None else frozenset(tenants)
        assert len(bench.gate.decisions(DecisionFilter(tenants=seen), limit=10)) == many


def test_no_question_hinders_the_log_of_decisions(bench: Bench) -> None:
    """PostgreSQL refuses a NUL, and with it everything that waits to be written."""
    bench.evaluate(spent(0.1))
    for question in (
        GateQuestion(service="a\0b", environment="\0", change="\0"),
        GateQuestion(slos=("a\0b", "checkout-availability")),
        GateQuestion(labels=(("a", "\0"),)),
    ):
        bench.ask(question)
    found = bench.gate.decisions(DecisionFilter(), limit=10)
    assert len(found) == 3
    assert "\\x00" not in repr(found)


@pytest.mark.parametrize("data", [DataState.STALE, DataState.ERROR, DataState.BACKFILLING])
def test_missing_data_is_unknown_and_no_reason_to_leave_a_state(bench: Bench, data: DataState) -> None:
    bench.evaluate(spent(1.2))
    bench.evaluate(spent(0.1, data=data))
    assert bench.ask() is GateDecision.UNKNOWN
    state = bench.gate.states.stored.get("checkout-availability")
    assert state is not None
    assert state.state.state == "freeze"


def test_what_was_never_measured_is_unknown(bench: Bench) -> None:
    bench.evaluate(an_unmeasured_snapshot())
    assert bench.ask() is GateDecision.UNKNOWN
    bench.evaluate(replace(spent(0.1), health=HealthState.UNKNOWN))
    assert bench.ask() is GateDecision.UNKNOWN


def test_a_service_that_no_longer_evaluates_knows_nothing(bench: Bench) -> None:
    bench.evaluate(spent(0.5))
    bench.clock.at += timedelta(seconds=121)
    assert bench.ask() is GateDecision.UNKNOWN


def test_a_question_about_nothing_or_about_unknown_services_is_unknown(bench: Bench) -> None:
    bench.evaluate(spent(0.5))
    assert bench.ask(GateQuestion()) is GateDecision.UNKNOWN
    assert bench.ask(GateQuestion(service="cart")) is GateDecision.UNKNOWN
    assert bench.ask(GateQuestion(slos=("checkout-availability",))) is GateDecision.ALLOW


def test_slos_without_a_policy_have_the_default_and_notify_nobody(bench: Bench) -> None:
    bench.policies = ()
    bench.evaluate(spent(0.8), spent(1.2, a_snapshot(an_slo("search"))))
    assert bench.ask() is GateDecision.WARN
    assert bench.ask(GateQuestion(service="search")) is GateDecision.DENY
    assert bench.sent() == []
    assert [policy for _, policy, _ in bench.gate.current_states()] == [DEFAULT_POLICY] * 2


def test_receivers_are_notified_of_a_state_for_as_long_as_it_lasts(bench: Bench) -> None:
    """Also over a restart, and never a second time; after a week it is escalated."""
    bench.evaluate(spent(1.2))
    bench.evaluate(spent(1.3))
    assert bench.sent() == [(FIRING, TICKET, "freeze")]
    with bench.database.begin() as tx:
        assert hold_beginnings(tx, at=bench.clock.at) == 0
    bench.gate = bench.started()
    bench.evaluate(spent(1.3), after=timedelta(days=6))
    assert [one.severity for one in bench.repeated()] == [TICKET]
    bench.evaluate(spent(1.3), after=timedelta(days=1))
    assert bench.sent() == [(FIRING, TICKET, "freeze"), (FIRING, PAGE, "freeze")]
    assert [one.severity for one in bench.repeated()] == [TICKET, PAGE]
    # The end of another alert in the same message must not close it for these.
    messages = StoredMessageRefs(database=bench.database)
    messages.remember("chat", bench.repeated(), handle="digest", at=bench.clock.at)
    assert [one.severity for one in messages.firing_in("chat", "digest")] == [TICKET, PAGE]
    bench.evaluate(spent(0.2))
    assert bench.sent()[2:] == [(RESOLVED, TICKET, "freeze"), (RESOLVED, PAGE, "freeze")]
    assert bench.repeated() == []
    found = [(one.before, one.state) for _, one in bench.gate.changes(services=(), slos=(), limit=10)]
    assert found == [("freeze", "healthy"), (None, "freeze")]


def test_the_end_of_a_state_is_a_recovery_only_where_the_budget_has_recovered(bench: Bench) -> None:
    bench.evaluate(spent(1.2))
    bench.policies = (replace(POLICY, states=(POLICY.states[0], replace(POLICY.states[1], notify=False))),)
    bench.evaluate(spent(1.2))
    bench.policies = (POLICY,)
    bench.evaluate(spent(1.2), spent(1.2, a_snapshot(an_slo("search"))))
    bench.evaluate(spent(0.2))
    with bench.database.read() as tx:
        ends = [one.notification.end_code for one in waiting(tx, "chat") if one.notification.ends_at is not None]
    assert ends == ["switched_off", "budget_recovered", "removed"]


def exception(bench: Bench, *, break_glass: bool = False, hours: float = 2) -> ExceptionRequest:
    return ExceptionRequest(
        reason="a demo",
        owner="ada",
        starts_at=bench.clock.at,
        ends_at=bench.clock.at + timedelta(hours=hours),
        services=("checkout",),
        break_glass=break_glass,
    )


def test_an_exception_holds_until_it_ends_also_over_a_restart(bench: Bench) -> None:
    bench.evaluate(spent(1.2))
    given = bench.gate.add_exception(exception(bench))
    assert bench.ask() is GateDecision.WARN
    bench.gate = bench.started()
    bench.evaluate(spent(1.2))
    assert bench.ask() is GateDecision.WARN
    ended = bench.gate.end_exception(given.id, by="bob")
    assert ended is not None
    assert (ended.ended_by, bench.ask(), bench.gate.end_exception("00", by="bob")) == ("bob", GateDecision.DENY, None)
    again = bench.started()
    assert [(one.id, one.ended_by) for one in again.exceptions()] == [(given.id, "bob")]


def test_exceptions_that_ended_long_ago_are_deleted_once_receivers_know(bench: Bench) -> None:
    bench.evaluate(spent(0.2))
    bench.gate.add_exception(exception(bench))
    bench.gate.add_exception(exception(bench, break_glass=True))
    # Both are over: the end of break-glass is notified of by the evaluation that deletes what is old.
    bench.evaluate(spent(0.2), after=timedelta(days=181))
    bench.evaluate(spent(0.2), after=timedelta(hours=2))
    assert bench.started().exceptions() == ()


def test_receivers_are_notified_of_break_glass_until_it_is_over(bench: Bench) -> None:
    bench.policies = ()
    bench.evaluate(spent(1.2))
    bench.gate.add_exception(exception(bench, break_glass=True))
    assert bench.ask() is GateDecision.WARN
    assert bench.sent() == [(FIRING, TICKET, "break-glass")]
    assert [one.alertname for one in bench.repeated()] == ["DeployGateBreakGlass"]
    bench.gate = bench.started()
    bench.evaluate(spent(1.2), after=timedelta(hours=3))
    assert bench.sent() == [(FIRING, TICKET, "break-glass"), (RESOLVED, TICKET, "break-glass")]
    assert (bench.ask(), bench.repeated()) == (GateDecision.DENY, [])


def test_break_glass_works_while_nothing_can_be_written_and_is_told_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.evaluate(spent(1.2))

    def fail() -> None:
        raise StoreUnavailableError("no disk")

    with monkeypatch.context() as broken:
        broken.setattr(bench.database, "begin", fail)
        with pytest.raises(StoreUnavailableError):
            bench.gate.add_exception(exception(bench))
        assert bench.ask() is GateDecision.DENY
        bench.gate.add_exception(exception(bench, break_glass=True))
        assert bench.ask() is GateDecision.WARN
        # Of the log what was written is read.
        assert not bench.gate.decisions(DecisionFilter(), limit=10)
        bench.evaluate(spent(0.2))
    # What could not be written is written now: the end of the freeze, and that the glass was broken.
    bench.evaluate(spent(0.2))
    assert bench.sent()[1:] == [(FIRING, TICKET, "break-glass"), (RESOLVED, TICKET, "freeze")]
    assert len(bench.gate.decisions(DecisionFilter(), limit=10)) == 2


def test_states_of_groups_and_environments(bench: Bench) -> None:
    grouped = an_slo("shop", by=("route",))
    pay, cart = (a_snapshot(grouped, group=(("route", route),)) for route in ("/pay", "/cart"))
    test = a_snapshot(an_slo("shop", "test", labels=(("environment", "test"),)))
    bench.evaluate(spent(1.2, pay), spent(0.2, cart), spent(1.2, test))
    answer = bench.gate.ask(GateQuestion(service="shop", environment="prod"), caller=CI)
    assert [(one.facts.slo, one.decision) for one in answer.verdict.slos] == [(pay.id, "deny"), (cart.id, "allow")]
    assert bench.ask(GateQuestion(slos=(str(grouped.id),))) is GateDecision.DENY
    assert bench.ask(GateQuestion(labels=(("route", "/cart"),))) is GateDecision.ALLOW


@pytest.mark.parametrize(
    ("question", "concerned"),
    [
        (GateQuestion(service="checkout"), True),
        (GateQuestion(service="search"), False),
        (GateQuestion(slos=("checkout-availability",)), True),
        (GateQuestion(service="search", slos=("checkout-availability",)), False),
        (GateQuestion(service="checkout", environment="prod"), True),
        (GateQuestion(service="checkout", environment="test"), False),
        (GateQuestion(labels=(("env", "prod"),)), True),
        (GateQuestion(labels=(("env", "prod"), ("team", "payments"))), False),
        (GateQuestion(labels=(("team", "payments"),)), False),
    ],
)
def test_which_slos_a_change_concerns(bench: Bench, question: GateQuestion, concerned: bool) -> None:
    bench.evaluate(spent(0.1, a_snapshot(an_slo(labels=(("env", "prod"),)))))
    assert bool(bench.gate.verdict(question, at=bench.clock.at).slos) is concerned


@pytest.mark.parametrize("name", ["env", "environment", "deployment_environment", "deployment_environment_name"])
def test_labels_that_name_an_environment(bench: Bench, name: str) -> None:
    bench.evaluate(spent(0.1, a_snapshot(an_slo(labels=((name, "staging"),)))))
    found = [
        bench.gate.verdict(replace(CHECKOUT, environment=one), at=bench.clock.at).slos for one in ("staging", "prod")
    ]
    assert [len(one) for one in found] == [1, 0]


@pytest.mark.parametrize("change", ["feature", "schema", "fix"])
def test_many_slos_are_decided_as_each_of_them_alone(bench: Bench, change: str) -> None:
    """Those that are alike are looked at once: by state, alerts, data, the labels of rules, and exceptions."""
    rules = (
        GateRule(name="schemas", decision=GateDecision.DENY, changes=("schema",), labels=(("team", ("pay*",)),)),
        *DEFAULT_POLICY.rules,
    )
    bench.policies = (replace(DEFAULT_POLICY, rules=rules),)
    base = a_snapshot()
    page = replace(base.alerts[0], state=AlertState.FIRING, severity=Severity.PAGE)
    snapshots = []
    for number in range(48):
        slo = replace(
            an_slo(),
            id=SloId(f"slo-{number}"),
            service=f"service-{number % 6}",
            labels=(("tier", "1"), ("team", "payments" if number % 3 else "search")),
        )
        data = DataState.STALE if number % 11 == 0 else DataState.FRESH
        own = replace(base, id=slo.id, slo=slo, alerts=(page,) if number % 7 == 0 else ())
        snapshots.append(spent(0.5 + number * 0.013, own, data=data))
    # Half of the states began ten minutes later: a freeze lasts an hour.
    for some in (snapshots[::2], snapshots):
        bench.evaluate(*some, after=timedelta(minutes=10))
    now = bench.clock.at
    provider = ExceptionRequest(
        reason="the new provider",
        owner="ada",
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        services=("service-5",),
    )
    bench.gate.add_exception(provider)
    question = GateQuestion(labels=(("tier", "1"),), environment="prod", change=change)
    whole = bench.gate.verdict(question, at=now)
    alone = {one.id: bench.gate.verdict(replace(question, slos=(one.id,)), at=now) for one in snapshots}
    assert len(whole.slos) == len(snapshots)
    for one in whole.slos:
        (own_verdict,) = alone[SloId(one.facts.slo)].slos
        assert one == own_verdict
    same = [verdict for verdict in alone.values() if verdict.decision is whole.decision]
    untils = [verdict.until for verdict in same]
    assert whole.until == (None if None in untils else max(until for until in untils if until is not None))
    assert [one.decision for one in whole.slos].count(whole.decision) == len(same)
    assert whole.budget_remaining == pytest.approx(min(one.budget.remaining_ratio for one in snapshots))
