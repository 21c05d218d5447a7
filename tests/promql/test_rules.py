import json
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.alerting import default_policies
from app.promql.rules import RuleNames, rule_groups, rule_limits
from app.promql.selector_text import parse_selector
from app.sli import Comparison, Condition, Expression, Gauge, GaugeSums, TimeSlices, sli_of_bad, sli_of_good
from app.sli.sample_events import EverySample, SampleValues
from app.sli.sample_sum import sample_sum
from app.slo import (
    Alerting,
    BudgetAlerts,
    BurnRateRule,
    CalendarUnit,
    CalendarWindow,
    Matcher,
    MatchOp,
    NoData,
    NoTraffic,
    RollingWindow,
    Selector,
    Severity,
    SeverityPolicy,
    Sli,
    SliceRule,
    Slo,
    SloId,
    Weights,
    Window,
)
from testbed.servers import promtool_binary

MONTH = RollingWindow(timedelta(days=30))
BUDGET = BudgetAlerts(consumed=0.5, exhausted=True, runs_out_within=timedelta(days=3))
TOTAL = Selector((Matcher("__name__", MatchOp.EQUAL, "http_requests_total"), Matcher("job", MatchOp.EQUAL, 'a"b\n')))
BAD = TOTAL.with_matchers(Matcher("code", MatchOp.REGEX, "5.."))


def an_slo(*, sli: Sli | None = None, window: Window = MONTH, alerting: Alerting | None = None) -> Slo:
    policies = default_policies(window, 0.999)
    return Slo(
        id=SloId("checkout-availability"),
        service="checkout",
        name="availability",
        objective=0.999,
        window=window,
        sli=sli or sli_of_bad(total=TOTAL, bad=BAD),
        labels=(("team", "payments"),),
        alerting=alerting or Alerting(policies=policies),
    )


def rules(slo: Slo) -> list[dict[str, Any]]:
    return [rule for group in rule_groups([slo]) for rule in group["rules"]]


def recorded(slo: Slo) -> dict[str, str]:
    return {rule["record"]: rule["expr"] for rule in rules(slo) if "record" in rule}


def alerts(slo: Slo) -> list[dict[str, Any]]:
    return [rule for rule in rules(slo) if rule.get("alert", "SLODataUnavailable") != "SLODataUnavailable"]


def check(slos: Iterable[Slo], folder: Path, names: RuleNames = RuleNames.SLOBURN) -> None:
    path = folder / "rules.yml"
    path.write_text(json.dumps({"groups": rule_groups(slos, names)}))
    done = subprocess.run([promtool_binary(), "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stderr + done.stdout


def run_unit_test(
    slo: Slo,
    series: dict[str, str],
    tests: list[dict[str, Any]],
    folder: Path,
    names: RuleNames = RuleNames.SLOBURN,
) -> None:
    (folder / "rules.yml").write_text(json.dumps({"groups": rule_groups([slo], names)}))
    input_series = [{"series": name, "values": values} for name, values in series.items()]
    unit = {"rule_files": ["rules.yml"], "tests": [{"interval": "1m", "input_series": input_series} | tests[0]]}
    (folder / "unit.yml").write_text(json.dumps(unit))
    done = subprocess.run(
        [promtool_binary(), "test", "rules", "unit.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("names", RuleNames)
def test_promtool_accepts_every_kind_of_slo(names: RuleNames, tmp_path: Path) -> None:
    grouped = an_slo(sli=sli_of_good(total=TOTAL, good=BAD, by=("route", "service")))
    monthly = an_slo(window=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))

    slos = (an_slo(), grouped, monthly, an_slo(alerting=Alerting()), an_slo(alerting=Alerting(budget=BUDGET)))
    check([replace(slo, id=SloId(f"slo-{number}")) for number, slo in enumerate(slos)], tmp_path, names)


UP = Gauge(total=parse_selector('up{job="x"}'), good_when=Condition(Comparison.EQUAL, 1.0))
PODS = GaugeSums(total=parse_selector("desired"), selected=parse_selector("unavailable"), by=("ns",))
MIXED = sample_sum(
    {
        (parse_selector("busy"), EverySample()): Weights(total=1.0, bad=1.0),
        (parse_selector("busy"), SampleValues()): Weights(total=0.0, bad=-1.0),
    }
)
LAG = Expression(expression="max by (topic) (lag)", good_when=Condition(Comparison.LESS, 100.0), by=("topic",))
WEIGHTED = Expression(expression="a / b", weight="sum(b)")
SLICES = TimeSlices(of=sli_of_bad(total=TOTAL, bad=BAD), rule=SliceRule(length=timedelta(minutes=1), target=0.95))


@pytest.mark.parametrize("names", RuleNames)
def test_promtool_accepts_what_is_not_counted_from_counters(names: RuleNames, tmp_path: Path) -> None:
    slis: tuple[Sli, ...] = (UP, PODS, MIXED, LAG, WEIGHTED, SLICES)
    check([replace(an_slo(sli=sli), id=SloId(f"slo-{number}")) for number, sli in enumerate(slis)], tmp_path, names)


LATENCY = sli_of_good(total=parse_selector("h_count"), good=parse_selector('h_bucket{le="0.3"}'), by=("route",))


@pytest.mark.parametrize("names", RuleNames)
def test_rules_read_native_histograms_where_they_are_asked_to(names: RuleNames, tmp_path: Path) -> None:
    alerting = Alerting(policies=default_policies(MONTH, 0.999), no_data_for=timedelta(minutes=10))
    slis: tuple[Sli, ...] = (LATENCY, TimeSlices(of=LATENCY, rule=SLICES.rule))
    slos = [an_slo(sli=sli, alerting=alerting) for sli in slis]
    slos = [replace(slo, id=SloId(f"slo-{number}")) for number, slo in enumerate(slos)]
    groups = rule_groups(slos, names, native_histograms=True)
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": groups}))
    done = subprocess.run(
        [promtool_binary(), "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    absent = [rule["expr"] for group in groups for rule in group["rules"] if "absent(" in rule["expr"]]
    assert absent[0].endswith(" and on () absent(h)")
    said = "native histograms are not read, only classic ones, without --native-histograms"
    assert said in rule_limits(slos, names)
    assert said not in rule_limits(slos, names, native_histograms=True)
    assert "histogram_count" not in json.dumps(rule_groups(slos, names))


@pytest.mark.parametrize(
    ("sli", "series", "ratio"),
    [
        (UP, {'up{job="x",instance="a"}': "1x200", 'up{job="x",instance="b"}': "1x180 0x20"}, 0.1667),
        (PODS, {'desired{ns="n"}': "4x200", 'unavailable{ns="n"}': "0x194 2x6"}, 0.05),
        (PODS, {'desired{ns="n"}': "4x200"}, 0.0),
        (MIXED, {"busy": "0.75x200"}, 0.25),
        (LAG, {'lag{topic="t",partition="1"}': "10x194 200x6"}, 0.1),
        (WEIGHTED, {"a": "1x200", "b": "4x200"}, 0.25),
    ],
)
def test_rules_of_gauges_and_expressions_have_the_right_value(
    sli: Sli, series: dict[str, str], ratio: float, tmp_path: Path
) -> None:
    """Over the last hour of 200 minutes; Prometheus 2 has one sample more in it than Prometheus 3."""
    test = {
        "promql_expr_test": [
            {
                "expr": f"abs(({sli.error_ratio(timedelta(hours=1))}) - {ratio}) < bool 0.005",
                "eval_time": "200m",
                "exp_samples": [{"labels": "{" + ",".join(_labels_of(sli)) + "}", "value": 1}],
            }
        ]
    }
    hourly = an_slo(sli=sli, window=RollingWindow(timedelta(hours=1)), alerting=Alerting())
    run_unit_test(hourly, series, [test], tmp_path)


def _labels_of(sli: Sli) -> list[str]:
    return [f'{label}="{label[0]}"' for label in sli.by]


def test_every_window_of_a_tier_has_an_error_ratio_and_the_slo_window_too() -> None:
    windows = {name.removeprefix("slo:sli_error:ratio_rate") for name in recorded(an_slo())}

    assert windows == {"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d", "slo:error_budget_remaining:ratio"}


def test_a_calendar_window_has_alerts_and_no_budget() -> None:
    slo = an_slo(window=CalendarWindow(CalendarUnit.MONTH, "UTC"))

    assert len(alerts(slo)) == 2
    assert "slo:error_budget_remaining:ratio" not in recorded(slo)


def test_labels_of_a_group_are_not_overwritten() -> None:
    slo = an_slo(sli=sli_of_bad(total=TOTAL, bad=BAD, by=("service", "team")))

    assert rules(slo)[0]["labels"] == {"name": "availability", "slo": "checkout-availability"}
    assert "sum by (service, team) (" in rules(slo)[0]["expr"]


def test_an_alert_says_what_its_policy_says() -> None:
    tier = BurnRateRule(long=timedelta(hours=1), short=timedelta(minutes=5), factor=14.4)
    policy = SeverityPolicy(
        severity=Severity.PAGE,
        rules=(tier,),
        pending_for=timedelta(minutes=2),
        keep_firing_for=timedelta(minutes=5),
        labels=(("tier", "one"),),
        annotations=(("runbook_url", "https://runbooks/{{x}}"),),
    )

    (alert,) = alerts(an_slo(alerting=Alerting(name="Burn", policies=(policy,))))

    ratio = "slo:sli_error:ratio_rate"
    assert alert == {
        "alert": "Burn",
        "expr": (
            f'({ratio}1h{{slo="checkout-availability"}} >= 14.4 * 0.001'
            f' and {ratio}5m{{slo="checkout-availability"}} >= 14.4 * 0.001)'
        ),
        "for": "2m",
        "keep_firing_for": "5m",
        "labels": {"slo": "checkout-availability", "severity": "page", "tier": "one"},
        "annotations": {
            "summary": "checkout availability burns its error budget",
            "runbook_url": 'https://runbooks/{{ "{{" }}x}}',
        },
    }


def test_the_rules_page_for_an_outage_and_count_an_absent_error_series_as_none(tmp_path: Path) -> None:
    slo = an_slo()
    series = {
        'http_requests_total{job="a\\"b\\n",code="200"}': "0+60x360 21600+0x60",
        'http_requests_total{job="a\\"b\\n",code="500"}': "_x360 0+60x60",
    }
    quiet = {"eval_time": "5h", "alertname": "ErrorBudgetBurn", "exp_alerts": []}
    ratio = {
        "expr": "slo:sli_error:ratio_rate5m",
        "eval_time": "5h",
        "exp_samples": [
            {
                "labels": (
                    'slo:sli_error:ratio_rate5m{slo="checkout-availability",service="checkout",'
                    'name="availability",team="payments"}'
                ),
                "value": 0,
            }
        ],
    }
    firing = {
        "expr": 'count(ALERTS{alertname="ErrorBudgetBurn",severity="page",alertstate="firing"})',
        "eval_time": "6h30m",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }
    tests = [{"alert_rule_test": [quiet], "promql_expr_test": [ratio, firing]}]

    run_unit_test(slo, series, tests, tmp_path)


SENT, FAILED = (Selector((Matcher("__name__", MatchOp.EQUAL, name),)) for name in ("sent_total", "failed_total"))


@pytest.mark.parametrize(
    ("sli", "total", "part", "ratio"),
    [
        (sli_of_bad(total=SENT, bad=FAILED), "0x90", "0+60x90", 1),
        (sli_of_bad(total=SENT, bad=FAILED), "0+60x90", "0+120x90", 1),
        (sli_of_good(total=SENT, good=FAILED), "0+60x90", "0+120x90", 0),
    ],
    ids=["total stands still", "bad above total", "good above total"],
)
def test_the_rules_judge_counters_that_contradict_each_other(
    sli: Sli, total: str, part: str, ratio: float, tmp_path: Path
) -> None:
    """The part is counted apart from the total, as in `errors / sent`: the ratio stays between 0 and 1."""
    recorded_ratio = {
        "expr": "sum without (slo, service, name, team) (slo:sli_error:ratio_rate5m)",
        "eval_time": "1h20m",
        "exp_samples": [{"labels": "{}", "value": ratio}],
    }
    pages = {
        "expr": 'count(ALERTS{severity="page",alertstate="firing"}) or vector(0)',
        "eval_time": "1h20m",
        "exp_samples": [{"labels": "{}", "value": ratio}],
    }
    series = {"sent_total": total, "failed_total": part}
    run_unit_test(an_slo(sli=sli), series, [{"promql_expr_test": [recorded_ratio, pages]}], tmp_path)


def test_tickets_about_the_budget_and_missing_data_are_alerts_too(tmp_path: Path) -> None:
    """After an hour in which half of the requests fail, the series go away."""
    slo = an_slo(window=RollingWindow(timedelta(hours=2)), alerting=Alerting(budget=BUDGET))
    series = {
        'http_requests_total{job="a\\"b\\n",code="200"}': "0+60x60 stale",
        'http_requests_total{job="a\\"b\\n",code="500"}': "0+60x60 stale",
    }
    firing = 'count by (alertname, severity) (ALERTS{alertstate="firing",slo="checkout-availability"})'
    exhausted = {"labels": '{alertname="ErrorBudgetExhausted", severity="ticket"}', "value": 1}
    missing = {"labels": '{alertname="SLODataUnavailable", severity="ticket"}', "value": 1}
    samples = {"50m": [exhausted], "200m": [missing]}
    tests = [{"promql_expr_test": [{"expr": firing, "eval_time": at, "exp_samples": it} for at, it in samples.items()]}]
    run_unit_test(slo, series, tests, tmp_path)


def test_a_budget_that_is_going_has_a_ticket_until_it_is_gone(tmp_path: Path) -> None:
    """Of 60 requests a minute 1 in 1,500 fails: 0.67 of the budget."""
    slo = an_slo(window=RollingWindow(timedelta(hours=2)), alerting=Alerting(budget=BUDGET))
    series = {
        'http_requests_total{job="a\\"b\\n",code="200"}': "0+60x200",
        'http_requests_total{job="a\\"b\\n",code="500"}': "0+0.04x200",
    }
    firing = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "150m",
        "exp_samples": [{"labels": '{alertname="ErrorBudgetConsumed"}', "value": 1}],
    }
    run_unit_test(slo, series, [{"promql_expr_test": [firing]}], tmp_path)


@pytest.mark.parametrize(
    ("sli", "alerting", "window", "words"),
    [
        (None, Alerting(budget=BUDGET), MONTH, {"ErrorBudgetRunsOut"}),
        (None, Alerting(no_traffic=NoTraffic.TICKET), MONTH, {"SLOTrafficStopped"}),
        (None, Alerting(no_data=NoData.BAD), MONTH, {"as bad"}),
        (None, Alerting(), CalendarWindow(CalendarUnit.MONTH, "UTC"), {"calendar"}),
        (LAG, Alerting(), MONTH, {"SLODataUnavailable"}),
        (None, Alerting(), MONTH, set()),
    ],
)
def test_what_no_rule_says_is_said_of_the_slo(sli: Sli, alerting: Alerting, window: Window, words: set[str]) -> None:
    slo = an_slo(sli=sli, window=window, alerting=alerting)
    limits = [limit for limit, slos in rule_limits([slo]).items() if slos == (slo,)]
    assert len(limits) == len(words)
    assert all(any(word in limit for limit in limits) for word in words)


def test_names_of_other_tools_have_limits_of_their_own() -> None:
    grouped, lag = an_slo(sli=sli_of_bad(total=TOTAL, bad=BAD, by=("route",))), an_slo(sli=LAG)
    assert any("sloth_id" in limit for limit in rule_limits([grouped], RuleNames.SLOTH))
    assert any("left out" in limit for limit in rule_limits([lag], RuleNames.PYRRA))
    assert rule_groups([lag], RuleNames.PYRRA) == []
