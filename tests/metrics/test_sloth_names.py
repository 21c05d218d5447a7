"""`SLOBURN_METRIC_NAMES=sloth`: our figures under the names and labels of Sloth's rules."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.metrics import BuildInfo, Exposition, Instruments
from app.slo import AlertState, CalendarUnit, CalendarWindow, Cause, MetricNames, RollingWindow, Severity
from app.status import AlertView, Board, Snapshot
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

IDENTITY = {"sloth_id": "checkout-availability", "sloth_service": "checkout", "sloth_slo": "availability"}
OWN = {**IDENTITY, "team": "payments"}
PERIOD = {**OWN, "sloth_window": "30d"}


def a_page(*snapshots: Snapshot, names: MetricNames = MetricNames.SLOTH, accept: str = "") -> str:
    board = Board()
    board.publish(snapshots)
    exposition = Exposition(board, Instruments(build=BuildInfo(version="1.2.3", python="3.11.0")), names=names)
    return exposition.render(accept=accept).body.decode()


def shown(*snapshots: Snapshot, name: str = "") -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.labels, sample.value)
        for family in parse_text(a_page(*snapshots))
        for sample in family.samples
        if sample.name.startswith(("slo:", "sloth_", "ALERTS")) and sample.name.startswith(name)
    ]


def alert(severity: Severity, state: AlertState, *, cause: Cause = Cause.BURN, muted: bool = False) -> AlertView:
    tier = "1h/5m" if state in {AlertState.FIRING, AlertState.FROZEN} else None
    return AlertView(severity=severity, state=state, since=AS_OF, tier=tier, cause=cause, muted=muted)


def test_without_the_setting_there_are_only_our_own_names() -> None:
    page = a_page(a_snapshot(), names=MetricNames.SLOBURN)
    assert "slo_info" in page
    assert not {"slo:", "sloth_", "ALERTS"} & {part for part in ("slo:", "sloth_", "ALERTS") if part in page}


def test_every_figure_has_the_name_and_the_labels_that_a_rule_of_sloth_gives_it() -> None:
    """Of 1,000,000 requests 470 failed: 0.047% of the events, 47% of a budget of 0.1%."""
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
    ratios = [(f"slo:sli_error:ratio_rate{one}", {**OWN, "sloth_window": one}) for one in windows]
    version = BuildInfo.current().version
    about = {"sloth_mode": "sloburn", "sloth_objective": "99.9", "sloth_spec": "sloburn", "sloth_version": version}
    expected = [
        *((name, labels, 0.00047) for name, labels in ratios),
        ("slo:sli_error:ratio_rate30d", PERIOD, 0.00047),
        ("slo:objective:ratio", OWN, 0.999),
        ("slo:error_budget:ratio", OWN, 0.001),
        ("slo:time_period:days", OWN, 30.0),
        ("slo:current_burn_rate:ratio", {**OWN, "sloth_window": "5m"}, 0.47),
        ("slo:period_burn_rate:ratio", PERIOD, 0.47),
        ("slo:period_error_budget_remaining:ratio", PERIOD, 0.53),
        ("sloth_slo_info", {**OWN, **about}, 1.0),
    ]
    found, wanted = _sorted(shown(a_snapshot())), _sorted(expected)
    assert [(name, labels) for name, labels, _ in found] == [(name, labels) for name, labels, _ in wanted]
    assert [value for _, _, value in found] == pytest.approx([value for _, _, value in wanted])


def test_labels_of_a_document_of_sloth_are_kept() -> None:
    slo = an_slo(labels=(("sloth_id", "web-requests"), ("sloth_service", "web"), ("sloth_slo", "requests")))
    ((_, labels, _),) = shown(a_snapshot(slo), name="slo:objective")
    assert labels == {"sloth_id": "web-requests", "sloth_service": "web", "sloth_slo": "requests"}


def test_each_member_of_a_group_is_an_slo_that_a_dashboard_can_choose() -> None:
    """Sloth's dashboards join on `sloth_id`, which must be of one series."""
    members = [a_snapshot(an_slo(by=("route",)), group=(("route", route),)) for route in ("/pay", "/cart")]
    found = [labels for _, labels, _ in shown(*members, name="slo:error_budget")]
    assert [(one["sloth_id"], one["sloth_slo"], one["route"]) for one in found] == [
        (f"checkout-availability:route={route}", f"availability:route={route}", route) for route in ("/pay", "/cart")
    ]


@pytest.mark.parametrize(
    ("alerts", "states"),
    [
        ([alert(Severity.PAGE, AlertState.FIRING)], {("page", "firing")}),
        ([alert(Severity.TICKET, AlertState.PENDING)], {("ticket", "pending")}),
        ([alert(Severity.PAGE, AlertState.FROZEN)], {("page", "firing")}),
        ([alert(Severity.TICKET, AlertState.MUTED)], set()),
        ([alert(Severity.TICKET, AlertState.FIRING, cause=Cause.NO_DATA)], set()),
        ([alert(Severity.PAGE, AlertState.SUPPRESSED)], set()),
    ],
    ids=["fires", "pending", "fires and is frozen", "muted", "no burn", "suppressed"],
)
def test_alerts_are_shown_as_prometheus_shows_those_of_rules(
    alerts: Sequence[AlertView], states: set[tuple[str, str]]
) -> None:
    found = [labels for _, labels, _ in shown(a_snapshot(alerts=alerts), name="ALERTS")]
    assert {(one["sloth_severity"], one["alertstate"]) for one in found} == states
    assert all(one.items() >= {**OWN, "alertname": "ErrorBudgetBurn"}.items() for one in found)


def test_labels_of_an_alert_are_those_of_its_severity_too() -> None:
    slo = an_slo()
    policies = tuple(replace(policy, labels=(("routing_key", "team"),)) for policy in slo.alerting.policies)
    slo = replace(slo, alerting=replace(slo.alerting, policies=policies))
    ((_, labels, _),) = shown(a_snapshot(slo, alerts=[alert(Severity.PAGE, AlertState.FIRING)]), name="ALERTS")
    assert labels["routing_key"] == "team"


def test_windows_are_written_as_prometheus_writes_them() -> None:
    ((name, labels, _),) = shown(a_snapshot(an_slo(window=RollingWindow(timedelta(days=28)))), name="slo:period_burn")
    assert (name, labels["sloth_window"]) == ("slo:period_burn_rate:ratio", "4w")


def test_a_calendar_window_has_a_budget_and_no_ratio_of_a_fixed_length() -> None:
    snapshot = a_snapshot(an_slo(window=CalendarWindow(CalendarUnit.MONTH, "UTC")))
    windows = {name: labels.get("sloth_window") for name, labels, _ in shown(snapshot)}
    values = {name: value for name, _, value in shown(snapshot)}
    assert values["slo:time_period:days"] == 31.0
    assert values["slo:period_error_budget_remaining:ratio"] == pytest.approx(0.53)
    assert windows["slo:period_error_budget_remaining:ratio"] == "month"
    assert "slo:sli_error:ratio_ratemonth" not in windows


def test_what_is_not_known_has_no_series() -> None:
    names = {name for name, _, _ in shown(an_unmeasured_snapshot())}
    assert names == {"slo:objective:ratio", "slo:error_budget:ratio", "slo:time_period:days", "sloth_slo_info"}


def test_openmetrics_has_them_too_and_each_family_once() -> None:
    page = a_page(a_snapshot(), a_snapshot(an_slo("search")), accept="application/openmetrics-text;version=1.0.0")
    families = [family.name for family in parse_openmetrics(page)]  # type: ignore[no-untyped-call]
    assert "slo:sli_error:ratio_rate5m" in families
    assert len(families) == len(set(families))


def _sorted(found: Sequence[tuple[str, dict[str, str], float]]) -> list[tuple[str, dict[str, str], float]]:
    return sorted(found, key=lambda one: (one[0], sorted(one[1].items())))
