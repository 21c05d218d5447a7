"""What holds of the life cycle whatever comes."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.alerting import Alert, Reading, RuleReading, TransitionKind, judge, step, step_slo
from app.alerting.evidence import WindowCounts, needed_windows
from app.slo import AlertState, Evidence, Severity, SeverityPolicy
from tests.alerting.scripts import PAGE, SLO, SLOT, TICKET, play, play_slo, reading, slot, told

scripts = st.text(alphabet="bqnhs", max_size=60)
patience = st.integers(min_value=0, max_value=4).map(lambda slots: slots * SLOT)
policies = st.builds(
    lambda wait, keep: SeverityPolicy(severity=Severity.PAGE, rules=PAGE.rules, pending_for=wait, keep_firing_for=keep),
    patience,
    patience,
)
pairs = st.lists(st.tuples(st.sampled_from("bqnhs"), st.sampled_from("bqnhs")), max_size=60)


@given(scripts, policies, st.integers(min_value=0, max_value=60))
def test_stepping_on_from_a_saved_alert_equals_stepping_through(script: str, policy: SeverityPolicy, cut: int) -> None:
    """A restart in any state changes nothing: all that matters is in the alert."""
    through, _ = play(script, policy)
    alert = through[cut - 1] if 0 < cut <= len(through) else Alert(slo=SLO, severity=Severity.PAGE)
    for number in range(cut, len(script)):
        alert, _ = step(alert, reading(script[number]), policy, at=slot(number))
        assert alert == through[number]


@given(scripts, policies)
def test_a_blind_slot_neither_fires_nor_resolves(script: str, policy: SeverityPolicy) -> None:
    alerts, said = play(script, policy)
    blind = {str(number) for number, letter in enumerate(script) if letter in "hs"}
    assert not [change for change in said if change.split()[0] in blind and not change.endswith("frozen")]
    steps = [pair for *pair, letter in zip(alerts, alerts[1:], script[1:], strict=False) if letter in "hs"]
    for before, after in steps:
        assert (before.state, before.since, before.incident) == (after.state, after.since, after.incident)
        assert after.frozen is not None


@given(st.lists(st.tuples(st.sampled_from("bqn"), st.integers(0, 40), st.integers(0, 40)), max_size=40), policies)
def test_an_alert_that_fires_needs_no_evidence_to_go_on(
    slots: list[tuple[str, int, int]], policy: SeverityPolicy
) -> None:
    """With the full verdict in every slot it would be the same."""
    guarded = replace(policy, evidence=Evidence())
    alone = together = Alert(slo=SLO, severity=Severity.PAGE)
    for number, (letter, lately, before) in enumerate(slots):
        (rule,) = reading(letter).rules
        windows = needed_windows(guarded)
        bad = [float(lately if length < windows[-1] else lately + before) for length in windows]
        counts = (WindowCounts(window=length, total=1e3, bad=each) for length, each in zip(windows, bad, strict=True))
        found = Reading(
            rules=(replace(rule, good=1e3, bad=float(lately + before)),), error_budget=0.001, recent=tuple(counts)
        )
        alone, changes = step(alone, found, guarded, at=slot(number))
        stepped = step_slo((together,), {Severity.PAGE: found}, (guarded,), slo=SLO, at=slot(number))
        assert stepped == ((alone,), changes)
        ((together,), _) = stepped


@given(scripts, policies)
def test_it_fires_and_resolves_in_turn(script: str, policy: SeverityPolicy) -> None:
    _, said = play(script, policy)
    turns = [change.split()[1] for change in said if change.split()[1] in ("fired", "resolved")]
    assert turns == ["fired", "resolved"] * (len(turns) // 2) + ["fired"] * (len(turns) % 2)


@given(scripts, policies)
def test_only_active_alerts_freeze_and_thaw_and_do_so_in_turn(script: str, policy: SeverityPolicy) -> None:
    """Whoever counts the changes knows at any time whether an active alert can be judged."""
    alerts, said = play(script, policy)
    changes = [(int(change.split()[0]), change.split()[1]) for change in said]
    turns = [(number, kind) for number, kind in changes if kind in ("frozen", "unfrozen")]
    assert [kind for _, kind in turns] == (["frozen", "unfrozen"] * len(turns))[: len(turns)]
    frozen = {alerts[number].state for number, kind in turns if kind == "frozen"}
    assert AlertState.INACTIVE not in frozen


@given(scripts)
def test_nothing_burning_never_fires(script: str) -> None:
    _, said = play(script.replace("b", "q"), PAGE)
    assert not [change for change in said if "fired" in change]


@given(pairs)
def test_each_alert_is_told_to_fire_and_to_end_in_turn(script: list[tuple[str, str]]) -> None:
    changes, alerts = play_slo("".join(page for page, _ in script), "".join(ticket for _, ticket in script))
    for alert in alerts:
        news = [change.kind for change in changes if change.notify and change.severity is alert.severity]
        ends = [kind is TransitionKind.RESOLVED for kind in news]
        assert ends == [bool(turn % 2) for turn in range(len(news))]
        assert alert.announced == bool(len(news) % 2)


@given(pairs)
def test_no_ticket_is_told_while_a_page_is_in_force(script: list[tuple[str, str]]) -> None:
    alerts: tuple[Alert, ...] = ()
    for number, (page, ticket) in enumerate(script):
        readings = {Severity.PAGE: reading(page), Severity.TICKET: reading(ticket)}
        alerts, changes = step_slo(alerts, readings, (PAGE, TICKET), slo=SLO, at=slot(number))
        if alerts[0].is_notified:
            assert not [line for line in told(changes) if "ticket fired" in line or "unmuted" in line]
        incidents = {alert.incident for alert in alerts if alert.incident is not None}
        assert len(incidents) <= 1


finite = st.floats(min_value=0, max_value=1000)
ratios = st.floats(min_value=0, max_value=1) | st.just(float("nan"))


@given(st.floats() | finite, st.floats() | finite, ratios, ratios)
def test_a_tier_trips_only_on_two_high_burn_rates_and_adequate_coverage(
    long: float, short: float, long_coverage: float, short_coverage: float
) -> None:
    measured = RuleReading(
        long_burn_rate=long, short_burn_rate=short, long_coverage=long_coverage, short_coverage=short_coverage
    )
    verdict = judge(Reading(rules=(measured,)), PAGE)
    adequate = long_coverage >= 0.9 and short_coverage >= 0.9
    assert (verdict.unknown is None) == adequate
    assert verdict.burning == (adequate and all(rate >= 14.4 * (1 - 1e-9) for rate in (long, short)))


@given(patience, patience, scripts)
def test_more_patience_never_fires_earlier(shorter: timedelta, longer: timedelta, script: str) -> None:
    eager, patient = sorted((shorter, longer))
    fired = []
    for wait in (eager, patient):
        policy = SeverityPolicy(severity=Severity.PAGE, rules=PAGE.rules, pending_for=wait)
        fired.append([number for number, alert in enumerate(play(script, policy)[0]) if alert.firing])
    assert set(fired[1]) <= set(fired[0])
