import subprocess
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.metrics import render_slos
from app.slo import AlertState, BudgetAlerts, CalendarUnit, CalendarWindow, Cause, RollingWindow, Severity, Sla
from app.status import AlertView, Problem, ProblemCode, ProblemLevel, Snapshot
from testbed.servers import promtool_binary
from tests.support.golden import assert_golden
from tests.support.snapshots import (
    AS_OF,
    DATA_SINCE,
    NAN,
    a_latency_slo,
    a_snapshot,
    an_slo,
    an_unmeasured_snapshot,
)

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(*snapshots: Snapshot, openmetrics: bool = False) -> Series:
    text = render_slos(snapshots, openmetrics=openmetrics)
    families = parse_openmetrics(text + "# EOF\n") if openmetrics else parse_text(text)  # type: ignore[no-untyped-call]
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "two samples share a series"
    return found


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    identity = {"slo": "checkout-availability", "slo_service": "checkout", "slo_name": "availability"}
    return name, frozenset((identity | labels).items())


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_figure_of_an_slo_is_a_series(openmetrics: bool) -> None:
    found = series(a_snapshot(), openmetrics=openmetrics)

    assert found[key("slo_objective_ratio")] == 0.999
    assert found[key("slo_error_budget_remaining_ratio")] == pytest.approx(0.53)
    assert found[key("slo_error_budget_consumed_ratio")] == pytest.approx(0.47)
    assert found[key("slo_coverage_ratio")] == 0.998
    assert found[key("slo_events_total", outcome="good")] == 1_999_060
    assert found[key("slo_events_total", outcome="bad")] == 940
    assert found[key("slo_burn_rate", window="5m")] == pytest.approx(0.47)
    assert found[key("slo_sli_ratio", window="30d")] == pytest.approx(0.99953)
    assert found[key("slo_alert_firing", severity="page")] == 0
    assert found[key("slo_info", objective="0.999", window="30d", team="payments")] == 1
    assert found["sloburn_slos", frozenset()] == 1


def test_a_contract_is_a_series_of_slos_that_have_one() -> None:
    with_contract = series(a_snapshot(replace(an_slo(), sla=Sla(contract=0.995))))
    assert with_contract[key("slo_sla_ratio")] == 0.995
    assert key("slo_sla_ratio") not in series(a_snapshot())


def test_the_histogram_of_a_latency_slo_can_be_asked_for() -> None:
    """By its name and by what is selected of it, which of a member of a group is that member."""
    speed = {"slo": "checkout-speed", "slo_name": "speed", "histogram": "http_request_duration_seconds"}
    found = series(a_snapshot(a_latency_slo()))
    assert found[key("slo_latency_threshold", **speed, selector='__name__!=""')] == 0.3
    member = a_snapshot(a_latency_slo(by=("route",)), group=(("route", "/pay"),))
    of_member = {**speed, "slo": member.id, "route": "/pay", "selector": 'route="/pay"'}
    assert series(member)[key("slo_latency_threshold", **of_member)] == 0.3
    assert not [name for name, _ in series(a_snapshot()) if name == "slo_latency_threshold"]


def test_the_slo_window_has_a_burn_rate_of_its_own() -> None:
    assert series(a_snapshot())[key("slo_burn_rate", window="30d")] == pytest.approx(0.47)


def test_an_slo_window_that_is_also_a_standard_window_appears_once() -> None:
    found = series(a_snapshot(an_slo(window=RollingWindow(timedelta(days=3)))))

    assert found[key("slo_burn_rate", window="3d")] == pytest.approx(0.47)


def test_a_calendar_window_has_a_label_that_never_changes() -> None:
    found = series(a_snapshot(an_slo(window=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))))

    assert key("slo_burn_rate", window="month") in found


def test_unknown_values_are_left_out() -> None:
    names = {name for name, _ in series(an_unmeasured_snapshot())}

    assert not names & {"slo_sli_ratio", "slo_burn_rate", "slo_error_budget_remaining_ratio"}
    assert {"slo_objective_ratio", "slo_info", "slo_coverage_ratio"} <= names


@pytest.mark.parametrize(
    ("state", "tier", "firing"),
    [
        (AlertState.INACTIVE, None, 0),
        (AlertState.PENDING, "1h/5m", 0),
        (AlertState.FIRING, "1h/5m", 1),
        (AlertState.FROZEN, "1h/5m", 1),
        (AlertState.FROZEN, None, 0),
        (AlertState.MUTED, "1d/2h", 0),
        (AlertState.SUPPRESSED, None, 0),
    ],
)
def test_a_frozen_alert_goes_on_firing(state: AlertState, tier: str | None, firing: int) -> None:
    alert = AlertView(severity=Severity.PAGE, state=state, since=None, tier=tier)

    assert series(a_snapshot(alerts=[alert]))[key("slo_alert_firing", severity="page")] == firing


def test_every_alert_is_in_one_state_also_those_that_are_not_about_a_burn() -> None:
    """A page that mutes the ticket, and a ticket for missing data; budget tickets that are wanted are there at zero."""
    slo = an_slo()
    slo = replace(slo, alerting=replace(slo.alerting, budget=BudgetAlerts(exhausted=True)))
    alerts = [
        AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m"),
        AlertView(severity=Severity.TICKET, state=AlertState.MUTED, since=AS_OF, tier="1d/2h", muted=True),
    ]
    blind = AlertView(
        severity=Severity.TICKET, state=AlertState.FIRING, since=AS_OF, tier="no data", cause=Cause.NO_DATA
    )

    def states(found: Series) -> set[tuple[str, str, str]]:
        sets = (dict(labels) for (name, labels), value in found.items() if name == "slo_alert_state" and value == 1)
        return {(labels["severity"], labels["cause"], labels["state"]) for labels in sets}

    assert states(series(a_snapshot(slo, alerts=alerts))) == {
        ("page", "burn", "firing"),
        ("ticket", "burn", "muted"),
        ("ticket", "no_data", "inactive"),
        ("ticket", "budget_exhausted", "inactive"),
    }
    found = series(a_snapshot(slo, alerts=[*alerts, blind]))
    assert ("ticket", "no_data", "firing") in states(found)
    assert found[key("slo_alert_firing", severity="ticket")] == 1


def test_members_of_a_group_carry_its_labels() -> None:
    slo = an_slo(by=("route",))

    found = series(*(a_snapshot(slo, group=(("route", route),)) for route in ("/pay", 'quote"back\\slash\n')))

    assert key("slo_objective_ratio", slo="checkout-availability:route=/pay", route="/pay") in found
    assert sum(name == "slo_info" for name, _ in found) == 2


def test_missing_data_of_a_group_is_one_ticket() -> None:
    """Every member shows it; the metrics count it once, at the SLO itself."""
    slo = an_slo(by=("route",))
    blind = AlertView(
        severity=Severity.TICKET, state=AlertState.FIRING, since=AS_OF, tier="no data", cause=Cause.NO_DATA
    )
    alerts = [AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m"), blind]

    found = series(*(a_snapshot(slo, group=(("route", route),), alerts=alerts) for route in ("/pay", "/cart")))

    firing = {key: value for key, value in found.items() if key[0] == "slo_alert_firing"}
    assert sum(value for (_, labels), value in firing.items() if ("severity", "ticket") in labels) == 1
    assert firing[key("slo_alert_firing", severity="ticket")] == 1
    assert sum(value for (_, labels), value in firing.items() if ("severity", "page") in labels) == 2
    no_data = [labels for name, labels in found if name == "slo_alert_state" and ("cause", "no_data") in labels]
    assert {dict(labels)["slo"] for labels in no_data} == {"checkout-availability"}


@pytest.mark.parametrize("name", ["job", "instance", "namespace", "service", "pod", "container", "endpoint"])
def test_a_label_that_scrapes_set_has_the_prefix_that_prometheus_would_give_it(name: str) -> None:
    """The name of a label must not depend on `honor_labels`."""
    info = next(
        dict(labels) for series_name, labels in series(a_snapshot(group=((name, "x"),))) if series_name == "slo_info"
    )

    assert info[f"exported_{name}"] == "x"
    assert name not in info


def test_the_length_of_the_window_and_the_newest_measured_slot_are_there() -> None:
    found = series(a_snapshot())
    assert found[key("slo_window_seconds")] == 30 * 86_400
    assert found[key("slo_last_measured_timestamp_seconds")] == AS_OF.timestamp()

    names = {name for name, _ in series(an_unmeasured_snapshot())}
    assert "slo_window_seconds" in names
    assert "slo_last_measured_timestamp_seconds" not in names


def test_a_calendar_window_is_as_long_as_its_period() -> None:
    """A slot that ends at noon of the 1st belongs to March, whose last Sunday has 23 hours in Berlin."""
    found = series(a_snapshot(an_slo(window=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))))

    assert found[key("slo_window_seconds")] == 31 * 86_400 - 3_600


def test_a_group_label_never_overwrites_a_label_of_ours() -> None:
    group = (("exported_window", "w"), ("slo_service", "other"), ("window", "tall"))

    found = series(a_snapshot(an_slo(labels=(("slo_service", "s"), ("slo", "x"))), group=group))

    info = next(dict(labels) for name, labels in found if name == "slo_info")
    assert info["slo_service"] == "checkout"
    assert info["exported_slo_service"] == "other"
    assert info["exported_exported_slo_service"] == "s"
    assert info["exported_window"] == "w"
    assert info["exported_exported_window"] == "tall"
    assert info["exported_slo"] == "x"


names = st.text(min_size=1, max_size=8)
pairs = st.dictionaries(names, st.text(max_size=8), max_size=4).map(lambda labels: tuple(sorted(labels.items())))


@given(group=pairs, labels=pairs)
def test_no_label_breaks_the_exposition(
    group: tuple[tuple[str, str], ...], labels: tuple[tuple[str, str], ...]
) -> None:
    found = series(a_snapshot(an_slo(labels=labels), group=group))

    info = next(dict(pairs) for name, pairs in found if name == "slo_info")
    assert sorted(value for _, value in (*group, *labels)) == sorted(
        value for name, value in info.items() if name not in {"slo", "slo_service", "slo_name", "objective", "window"}
    )


def test_infinities_are_written_as_prometheus_reads_them() -> None:
    found = series(a_snapshot(good=NAN, bad=0.0), a_snapshot(an_slo("other"), good=float("inf"), bad=0.0))

    assert found[
        (
            "slo_events_total",
            frozenset(
                {
                    "slo": "other-availability",
                    "slo_service": "other",
                    "slo_name": "availability",
                    "outcome": "good",
                }.items()
            ),
        )
    ] == float("inf")


def test_promtool_finds_nothing_to_improve() -> None:
    text = render_slos([a_snapshot(), a_snapshot(an_slo("search"), group=(("route", "/pay"),))])

    done = subprocess.run(
        [promtool_binary(), "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_thousand_slos_are_rendered_within_200_ms() -> None:
    snapshots = [a_snapshot(an_slo(f"service{number}")) for number in range(1_000)]

    def seconds() -> float:
        # Of this thread only: the machine may be busy with other tests.
        started = time.thread_time()
        assert render_slos(snapshots).count("\n") > 20_000
        return time.thread_time() - started

    assert min(seconds() for _ in range(3)) < 0.2


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_exposition_is_the_reviewed_one(openmetrics: bool) -> None:
    group = a_snapshot(an_slo("search", by=("route",)), group=(("route", "/find"),))

    text = render_slos([a_snapshot(), group, an_unmeasured_snapshot(an_slo("cart"))], openmetrics=openmetrics)

    assert_golden("metrics.openmetrics.txt" if openmetrics else "metrics.txt", text)


def test_problems_are_series_of_their_slo_and_counted_over_all() -> None:
    """An SLO without problems has no series of them; every code is counted, at zero too."""
    absent = Problem(code=ProblemCode.NO_SERIES, level=ProblemLevel.ERROR, detail="no series match x")
    found = series(replace(a_snapshot(), problems=(absent,)), a_snapshot(an_slo("other")))

    assert found[key("slo_problem", problem="no_series", level="error")] == 1
    assert [name for name, _ in found].count("slo_problem") == 1
    assert found["sloburn_slo_problems", frozenset({("problem", "no_series")})] == 1
    assert found["sloburn_slo_problems", frozenset({("problem", "stale")})] == 0
    assert found[key("slo_data_since_timestamp_seconds")] == DATA_SINCE.timestamp()
