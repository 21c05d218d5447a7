"""The *SLO* dashboard: one SLO, or one member of a group, in detail."""

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    ScaleDistribution,
    StackingMode,
    VizOrientation,
)

from grafana import boards, colours, panels
from grafana.queries import (
    DATA_SOURCE,
    hidden_variable,
    label_variable,
    nearness,
    newest,
    over_time,
    quantile_of_histogram,
)

_OBJECTIVE = 'max(slo_objective_ratio{slo="$slo"})'
_BUDGET = 'max(slo_error_budget_remaining_ratio{slo="$slo"})'
_MONTH = 'max(slo_error_budget_month_remaining_ratio{slo="$slo"})'
_COVERAGE = 'max(slo_coverage_ratio{slo="$slo"})'
_BURN = 'max by (slo, window) (slo_burn_rate{slo="$slo"})'
_FACTOR = 'max by (slo, severity, long, short) (slo_alert_factor{slo="$slo"})'
_THRESHOLD = 'max by (slo, severity, window) (slo_alert_threshold{slo="$slo"})'
_EXHAUSTION = 'slo_error_budget_forecast_exhausted_timestamp_seconds{slo="$slo"}'
_CHANGES = 'slo_last_change_timestamp_seconds and on (slo_service) slo_objective_ratio{slo="$slo"}'
_STATES = (
    (1, "pending", colours.DOUBTFUL),
    (2, "suppressed", colours.PLAIN),
    (3, "muted", colours.POOR),
    (4, "frozen", colours.FROZEN),
    (5, "firing", colours.BAD),
)


def dashboard() -> builders.Dashboard:
    """The SLO that is chosen at the top."""
    return (
        boards.board(
            boards.SLO,
            "Sloburn / SLO",
            "One SLO: how its budget went, how fast it burns and which alerts that set off.",
            since="now-30d",
        )
        .link(boards.sloburn_page("This SLO in Sloburn", "/slos/${slo:percentencode}"))
        .with_variable(label_variable("slo", "SLO", "label_values(slo_objective_ratio, slo)"))
        .with_variable(_histogram_variable("histogram"))
        .with_variable(_histogram_variable("selector"))
        .annotation(_marks("page", "Page", colours.PAGE))
        .annotation(_marks("ticket", "Ticket", colours.TICKET))
        .annotation(boards.change_marks(_CHANGES, shown=True))
        .with_panel(_objective())
        .with_panel(_sli())
        .with_panel(_budget_left())
        .with_panel(_left_of_month())
        .with_panel(_burn_now())
        .with_panel(_nearest())
        .with_panel(_alert_now())
        .with_panel(_measured())
        .with_panel(_budget_over_time())
        .with_panel(_month())
        .with_panel(_burn_rates())
        .with_panel(_nearness())
        .with_panel(_exhaustion_ahead())
        .with_panel(_allowed_burn())
        .with_panel(_alert_timeline())
        .with_panel(_coverage())
        .with_row(builders.Row("Requests, errors, durations"))
        .with_panel(_events())
        .with_panel(_bad_share())
        .with_panel(_durations())
        .with_row(builders.Row("Group"))
        .with_panel(_group())
    )


def _histogram_variable(label: str) -> builders.QueryVariable:
    """What `slo_latency_threshold` says of the histogram of a latency SLO; empty for others."""
    return hidden_variable(label, f'label_values(slo_latency_threshold{{slo="$slo"}}, {label})')


def _marks(severity: str, name: str, colour: str) -> boards.GraphMarks:
    return boards.GraphMarks(
        name, f'max by (slo) (slo_alert_firing{{slo="$slo", severity="{severity}"}}) > 0', "{{slo}}", colour
    )


def _objective() -> stat.Panel:
    return (
        panels.figure(
            "Objective", "The share of events that shall be good.", newest(_OBJECTIVE), unit=panels.RATIO, width=3
        )
        .decimals(3)
        .thresholds(colours.steps(colours.PLAIN))
    )


def _sli() -> stat.Panel:
    return (
        panels.figure(
            "SLI",
            "The share of events that were good, over the SLO's window.",
            newest('max(slo_sli_ratio{slo="$slo"} and on (slo, window) slo_info)'),
            unit=panels.RATIO,
            width=3,
        )
        .decimals(3)
        .thresholds(colours.steps(colours.PLAIN))
    )


def _budget_left() -> stat.Panel:
    return (
        panels.figure(
            "Budget left",
            "What remains of the error budget of the SLO's window; below zero the objective is missed.",
            newest(_BUDGET),
            unit=panels.RATIO,
            width=3,
        )
        .decimals(1)
        .thresholds(colours.budget_steps())
    )


def _left_of_month() -> stat.Panel:
    return (
        panels.figure(
            "Left of this month",
            "What remains of the budget of the calendar month; below zero more was spent than the whole month allows.",
            newest(_MONTH),
            unit=panels.RATIO,
            width=3,
        )
        .decimals(1)
        .thresholds(colours.budget_steps())
    )


def _burn_now() -> stat.Panel:
    return (
        panels.figure(
            "Burn rate, 1h",
            "How fast the budget was spent in the last hour; 1 spends it exactly within the SLO's window.",
            newest('max(slo_burn_rate{slo="$slo", window="1h"})'),
            width=3,
        )
        .decimals(2)
        .thresholds(colours.burn_steps())
    )


def _nearest() -> stat.Panel:
    return (
        panels.figure(
            "Nearest alert",
            "How close the nearest alert is to firing: at 100 % both of its windows burn fast enough.",
            newest(f"max({nearness(_BURN, _FACTOR)})"),
            unit=panels.RATIO,
            width=3,
        )
        .decimals(0)
        .thresholds(colours.nearness_steps())
    )


def _alert_now() -> stat.Panel:
    return (
        panels.figure(
            "Alert",
            "The most urgent alert: muted while a page of the SLO fires, suppressed while there are too few events, "
            "frozen while data is missing.",
            newest(f"max({_state()})"),
            width=3,
        )
        .thresholds(colours.steps(colours.GOOD, (1, colours.DOUBTFUL), (4, colours.FROZEN), (5, colours.BAD)))
        .mappings(list(colours.words((0, "inactive", colours.GOOD), *_STATES)))
    )


def _state() -> str:
    """The number of the state that each alert is in, 0 while it is inactive."""
    return " or ".join(f'{value} * slo_alert_state{{slo="$slo", state="{state}"}}' for value, state, _ in _STATES)


def _measured() -> stat.Panel:
    return (
        panels.figure(
            "Coverage",
            "The share of the SLO's window that could be measured.",
            newest(_COVERAGE),
            unit=panels.RATIO,
            width=3,
        )
        .decimals(1)
        .thresholds(colours.coverage_steps())
    )


def _budget_over_time() -> timeseries.Panel:
    return panels.with_limits(
        panels.lines(
            "Budget left over time",
            "What remained of the error budget at each moment. It falls while bad events come in and rises again when "
            "old ones leave the window; below zero the objective is missed.",
            over_time(_BUDGET, "budget left"),
            unit=panels.RATIO,
        ).fill_opacity(15),
        colours.steps("transparent", (0, colours.BAD)),
    )


def _month() -> timeseries.Panel:
    return panels.this_month(
        "Budget of this calendar month",
        over_time(_MONTH, "left of this month"),
    ).fill_opacity(15)


def _burn_rates() -> timeseries.Panel:
    return (
        panels.lines(
            "Burn rate of each window, and the thresholds of the alerts",
            "Solid: how fast the budget burned over each window. Dashed: the burn rate of the window at which an alert "
            "trips, if its other window does too. The scale is linear up to 1 and logarithmic above.",
            over_time(_BURN, "{{window}}"),
            over_time(_THRESHOLD, "{{severity}} {{window}}"),
        )
        .scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.SYMLOG).log(10).linear_threshold(1))
        .override_by_regexp("/^page /", [panels.dashed(), panels.colour(colours.PAGE)])
        .override_by_regexp("/^ticket /", [panels.dashed(), panels.colour(colours.TICKET)])
    )


def _nearness() -> timeseries.Panel:
    return panels.with_limits(
        panels.lines(
            "How near each alert is",
            "The slower of an alert's two windows, as a share of its factor: at 100 % both windows burn fast enough "
            "and the alert fires.",
            over_time(nearness(_BURN, _FACTOR), "{{severity}} {{long}}/{{short}}"),
            unit=panels.RATIO,
        ),
        colours.steps("transparent", (1, colours.BAD)),
    )


def _exhaustion_ahead() -> timeseries.Panel:
    return panels.lines(
        "Forecast: time until the budget is exhausted",
        "In the first 10, 50 and 90 of 100 futures of the forecast. A line is absent where that is later than the "
        "forecast looks ahead (30 days, or the end of the period), and all are without a forecast.",
        over_time(f"max by (quantile) ({_EXHAUSTION}) - time()", "in {{quantile}} of the futures"),
        unit=panels.SECONDS,
    )


def _allowed_burn() -> timeseries.Panel:
    return panels.lines(
        "Forecast: burn rate that still meets the objective",
        "The highest mean burn rate from now on at which the objective is met until the end of the forecast, negative "
        "where it cannot be met any more; and the burn rate of the last day.",
        over_time('max(slo_error_budget_forecast_allowed_burn_rate{slo="$slo"})', "allowed"),
        over_time('max(slo_burn_rate{slo="$slo", window="1d"})', "1d"),
    ).override_by_name("allowed", [panels.dashed()])


def _alert_timeline() -> statetimeline.Panel:
    return panels.timeline(
        "Alerts over time",
        "The state of every alert. While a page fires, the ticket is muted.",
        over_time(f"max by (severity, cause) ({_state()})", "{{severity}} {{cause}}"),
    ).mappings(list(colours.words((0, "inactive", colours.GOOD), *_STATES)))


def _events() -> timeseries.Panel:
    return (
        panels.lines(
            "Events",
            "Good and bad events per second, stacked.",
            over_time('max by (outcome) (rate(slo_events_total{slo="$slo"}[$__rate_interval]))', "{{outcome}}"),
            unit=panels.PER_SECOND,
            width=8,
        )
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        .fill_opacity(30)
        .min(0)
        .override_by_name("good", [panels.colour(colours.GOOD)])
        .override_by_name("bad", [panels.colour(colours.BAD)])
    )


def _bad_share() -> timeseries.Panel:
    return (
        panels.lines(
            "Share of bad events",
            "The share of the last five minutes' events that were bad, and the share that the objective allows.",
            over_time('1 - max(slo_sli_ratio{slo="$slo", window="5m"})', "bad"),
            over_time(f"1 - {_OBJECTIVE}", "allowed"),
            unit=panels.RATIO,
            width=8,
        )
        .min(0)
        .override_by_name("bad", [panels.colour(colours.BAD)])
        .override_by_name("allowed", [panels.dashed(), panels.colour(colours.DOUBTFUL)])
    )


def _durations() -> timeseries.Panel:
    return (
        panels.lines(
            "Durations",
            "Of a latency SLO: how long the slowest half, tenth and hundredth of the events took at least, from its "
            "histogram in Prometheus, and up to which duration events are good. Histograms of another unit than "
            "seconds are shown in theirs.",
            *(over_time(quantile_of_histogram(quantile), f"p{quantile * 100:g}") for quantile in (0.5, 0.9, 0.99)),
            over_time('max(slo_latency_threshold{slo="$slo"})', "good up to"),
            unit=panels.SECONDS,
            width=8,
        )
        .no_value("no histogram")
        .min(0)
        .override_by_name("good up to", [panels.dashed(), panels.colour(colours.DOUBTFUL)])
    )


def _coverage() -> timeseries.Panel:
    return panels.with_limits(
        panels.lines(
            "Coverage over time",
            "The share of the SLO's window that could be measured. An alert whose own windows are measured for less "
            "than nine tenths freezes: it neither fires nor resolves.",
            over_time(_COVERAGE, "coverage"),
            unit=panels.RATIO,
        )
        .min(0)
        .max(1),
        colours.steps("transparent", (colours.LEAST_COVERAGE, colours.DOUBTFUL)),
    )


def _group() -> bargauge.Panel:
    siblings = (
        "max by (slo_service, slo_name, slo) (slo_error_budget_remaining_ratio) and on (slo_service, slo_name) "
        'slo_objective_ratio{slo="$slo"}'
    )
    return (
        bargauge.Panel()
        .title("Budget left in the whole group, the twenty worst members")
        .description(
            "The members that this SLO is split into, with what each has left. An SLO without groups stands alone. "
            "Click a bar to open that member."
        )
        .datasource(DATA_SOURCE)
        .with_target(newest(f"sort(bottomk(20, {siblings}))", "{{slo}}").ref_id("A"))
        .unit(panels.RATIO)
        .decimals(1)
        .max(1)
        .no_value(panels.NO_DATA)
        .thresholds(colours.budget_steps())
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .data_links([boards.slo_link("${__field.labels.slo:percentencode}")])
        .span(panels.WIDTH)
        .height(8)
    )
