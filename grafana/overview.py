"""The *Overview* dashboard: every SLO in one table, the worst first."""

from grafana_foundation_sdk.builders import common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from grafana import boards, colours, panels
from grafana.queries import chosen_slos, column, multi_value_variable, nearness, newest, of_services, over_time

_OBJECTIVE = chosen_slos("slo_objective_ratio")
_BUDGET = chosen_slos("slo_error_budget_remaining_ratio")
_MONTH = chosen_slos("slo_error_budget_month_remaining_ratio")
_BURN_OF_HOUR = chosen_slos("slo_burn_rate", ', window="1h"')
_COVERAGE = chosen_slos("slo_coverage_ratio")
_PAGE = chosen_slos("slo_alert_firing", ', severity="page"')
_TICKET = chosen_slos("slo_alert_firing", ', severity="ticket"')
_NEAREST = nearness(
    f"max by (slo, window) ({chosen_slos('slo_burn_rate')})",
    f"max by (slo, slo_service, severity, long, short) ({chosen_slos('slo_alert_factor')})",
)
_FROZEN = chosen_slos("slo_alert_state", ', state="frozen"')
# A page says more than a ticket, and either more than that an alert is frozen.
_ALERTS = f"2 * {_PAGE} or {_TICKET} or 0.5 * {_FROZEN}"
_ALERT_WORDS = colours.words(
    (0, "quiet", colours.GOOD),
    (0.5, "frozen", colours.FROZEN),
    (1, "ticket", colours.TICKET),
    (2, "page", colours.PAGE),
)

_COLUMNS = {
    "objective": ("Objective", _OBJECTIVE),
    # An SLI has a series for every window; that of the SLO's own is the one that `slo_info` names.
    "sli": ("SLI", f"{chosen_slos('slo_sli_ratio')} and on (slo, window) slo_info"),
    "budget": ("Budget left", _BUDGET),
    "month": ("Left of this month", _MONTH),
    "burn_5m": ("Burn 5m", chosen_slos("slo_burn_rate", ', window="5m"')),
    "burn_1h": ("Burn 1h", _BURN_OF_HOUR),
    "nearest": ("Nearest alert", _NEAREST),
    "alerts": ("Alerts", _ALERTS),
    "coverage": ("Coverage", _COVERAGE),
}


def dashboard() -> builders.Dashboard:
    """All SLOs of the chosen services."""
    return (
        boards.board(
            boards.OVERVIEW,
            "Sloburn / Overview",
            "How much error budget every SLO has left, and which ones are burning it now.",
            since="now-30d",
        )
        .link(boards.sloburn_page("Sloburn"))
        .with_variable(_service_variable())
        .with_variable(_label_variable())
        .with_variable(_value_variable())
        .annotation(boards.GraphMarks("Page", f"max by (slo) ({_PAGE}) > 0", "{{slo}}", colours.PAGE))
        .annotation(
            boards.GraphMarks("Ticket", f"max by (slo) ({_TICKET}) > 0", "{{slo}}", colours.TICKET, shown=False)
        )
        .annotation(boards.change_marks(of_services("slo_last_change_timestamp_seconds"), shown=False))
        .with_panel(_how_many())
        .with_panel(_exhausted())
        .with_panel(_at_risk())
        .with_panel(_pages())
        .with_panel(_tickets())
        .with_panel(_frozen())
        .with_panel(_not_judged())
        .with_panel(_blind())
        .with_panel(_all_slos())
        .with_panel(_worst_budgets())
        .with_panel(_month())
        .with_panel(_worst_burn_rates())
        .with_panel(_fleet())
        .with_panel(_how_many_over_time())
        .with_panel(_alerts())
        .with_panel(_groups())
    )


def _service_variable() -> builders.QueryVariable:
    return multi_value_variable("service", "Service", "label_values(slo_objective_ratio, slo_service)")


def _label_variable() -> builders.TextBoxVariable:
    return builders.TextBoxVariable("label").label("Label").default_value("team")


def _value_variable() -> builders.QueryVariable:
    """The values of the label; *All* also stands for SLOs that do not have it."""
    return multi_value_variable("value", "Value", "label_values(slo_info, $label)").all_value(".*")


def _how_many() -> stat.Panel:
    return panels.figure(
        "SLOs",
        "How many SLOs there are; every member of a group counts as one.",
        newest(f"count(max by (slo) ({_OBJECTIVE}))"),
        width=3,
    )


def _trouble(title: str, description: str, count: str, colour: str = colours.BAD) -> stat.Panel:
    """How many SLOs are in some trouble; none where the query *count* finds none."""
    query = newest(f"{count} or vector(0)")
    return panels.figure(title, description, query, width=3).thresholds(colours.trouble_steps(colour))


def _exhausted() -> stat.Panel:
    return _trouble(
        "Budget exhausted",
        "SLOs that have spent all of their error budget: over their window they do not meet their objective.",
        f"count(max by (slo) ({_BUDGET}) <= 0)",
    )


def _at_risk() -> stat.Panel:
    return _trouble(
        "Budget nearly gone",
        "SLOs with less than a tenth of their error budget left, but not yet exhausted.",
        f"count(max by (slo) ({_BUDGET}) > 0 < 0.1)",
        colours.POOR,
    )


def _pages() -> stat.Panel:
    return _trouble(
        "Active pages",
        "SLOs that burn so fast that somebody was called.",
        f"sum(max by (slo) ({_PAGE}))",
        colours.PAGE,
    )


def _tickets() -> stat.Panel:
    return _trouble(
        "Active tickets",
        "SLOs that burn slowly but steadily: worth a look on the next working day.",
        f"sum(max by (slo) ({_TICKET}))",
        colours.TICKET,
    )


def _frozen() -> stat.Panel:
    return _trouble(
        "Frozen",
        "SLOs with an alert that is frozen: data is missing, so that it neither fires nor resolves.",
        f"sum(max by (slo) ({_FROZEN}))",
        colours.FROZEN,
    )


def _not_judged() -> stat.Panel:
    problems = chosen_slos("slo_problem", ', level="error"')
    return _trouble(
        "Cannot be judged",
        "SLOs that cannot be judged, such as those whose query is rejected or finds no series.",
        f"count(max by (slo) ({problems}))",
    )


def _fleet() -> timeseries.Panel:
    bad_events, events = (
        f"rate({of_services('slo_events_total', matchers)}[$__rate_interval])" for matchers in (', outcome="bad"', "")
    )
    bad = f"max by (slo) ({bad_events}) and on (slo) {_OBJECTIVE}"
    allowed = f"sum by (slo) (max by (slo, outcome) ({events})) * on (slo) (1 - max by (slo) ({_OBJECTIVE}))"
    return panels.with_limits(
        panels.lines(
            "Burn rate of all SLOs together",
            "The bad events of all chosen SLOs as a share of those that their objectives allow: 1 spends all budgets "
            "exactly within their windows.",
            over_time(f"sum({bad}) / sum({allowed})", "all SLOs"),
        ).min(0),
        colours.steps("transparent", (1, colours.DOUBTFUL)),
    )


def _blind() -> stat.Panel:
    return _trouble(
        "Poorly measured",
        "SLOs of whose window less than nine tenths could be measured. Their figures are right for what was "
        "measured; what was missed is not known.",
        f"count(max by (slo) ({_COVERAGE}) < {colours.LEAST_COVERAGE})",
        colours.DOUBTFUL,
    )


def _all_slos() -> table.Panel:
    panel = panels.rows(
        "All SLOs, the least budget left first",
        "One row for each SLO, and for each member of a group: the part of the id after the colon is the member. "
        "Budget left is what remains of the SLO's own window; below zero the objective is missed. A burn rate of 1 "
        'spends exactly the budget. Click an id to open that SLO; "no data" is a figure that is not known.',
        *(column(f"max by (slo, slo_service) ({expr})", ref_id) for ref_id, (_, expr) in _COLUMNS.items()),
        column(f"max by (slo, slo_service, runbook_url) ({chosen_slos('slo_info')})", "info"),
        height=12,
    )
    names = {f"Value #{ref_id}": title for ref_id, (title, _) in _COLUMNS.items()}
    return _with_columns(_one_table(panel, names)).sort_by(
        [common.TableSortByFieldState().display_name("Budget left").desc(desc=False)]
    )


def _one_table(panel: table.Panel, names: dict[str, str]) -> table.Panel:
    order = ["slo", "slo_service", "slo_name", *names, "runbook_url"]
    return panel.with_transformation(DataTransformerConfig(id_val="merge", options={})).with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True, "Value #info": True},
                "indexByName": {name: index for index, name in enumerate(order)},
                "renameByName": {
                    "slo": "SLO",
                    "slo_service": "Service",
                    "slo_name": "Name",
                    "runbook_url": "Runbook",
                    **names,
                },
            },
        )
    )


def _with_columns(panel: table.Panel) -> table.Panel:
    links = [
        {"title": "Open this SLO", "url": boards.slo_url("${__value.raw:percentencode}")},
        {"title": "Open it in Sloburn", "url": "${sloburn}/slos/${__value.raw:percentencode}", "targetBlank": True},
    ]
    budget = panels.shown_as(panels.RATIO, colours.budget_steps(), 1) + panels.coloured_background()
    burn = panels.shown_as(panels.TIMES, colours.burn_steps(), 2) + panels.coloured_text()
    return (
        panel.override_by_name(
            "SLO",
            [
                DynamicConfigValue(id_val="links", value=links),
                DynamicConfigValue(id_val="custom.minWidth", value=320),
            ],
        )
        .override_by_name(
            "Runbook",
            [DynamicConfigValue(id_val="links", value=[{"title": "Open the runbook", "url": "${__value.raw}"}])],
        )
        .override_by_name("Objective", panels.shown_as(panels.RATIO, colours.steps(colours.PLAIN), 3))
        .override_by_name("SLI", panels.shown_as(panels.RATIO, colours.steps(colours.PLAIN), 3))
        .override_by_name("Budget left", budget)
        .override_by_name("Left of this month", panels.shown_as(panels.RATIO, colours.budget_steps(), 1))
        .override_by_name("Burn 5m", burn)
        .override_by_name("Burn 1h", burn)
        .override_by_name(
            "Nearest alert", panels.shown_as(panels.RATIO, colours.nearness_steps(), 0) + panels.coloured_text()
        )
        .override_by_name(
            "Coverage", panels.shown_as(panels.RATIO, colours.coverage_steps(), 1) + panels.coloured_text()
        )
        .override_by_name(
            "Alerts",
            [DynamicConfigValue(id_val="mappings", value=_ALERT_WORDS), *panels.coloured_text()],
        )
    )


def _worst_budgets() -> timeseries.Panel:
    at_end = chosen_slos("slo_error_budget_remaining_ratio", at=" @ end()")
    return panels.with_limits(
        panels.lines(
            "Budget left over time, the ten worst",
            "What remained of the error budget of the ten SLOs that have the least left at the end of the range.",
            over_time(f"max by (slo) ({_BUDGET}) and on (slo) bottomk(10, max by (slo) ({at_end}))", "{{slo}}"),
            unit=panels.RATIO,
        ),
        colours.steps("transparent", (0, colours.BAD)),
    )


def _month() -> timeseries.Panel:
    at_end = chosen_slos("slo_error_budget_month_remaining_ratio", at=" @ end()")
    return panels.this_month(
        "Budgets of this calendar month, the ten worst",
        over_time(f"avg(max by (slo) ({_MONTH}))", "mean of all SLOs"),
        over_time(f"max by (slo) ({_MONTH}) and on (slo) bottomk(10, max by (slo) ({at_end}))", "{{slo}}"),
    )


def _how_many_over_time() -> timeseries.Panel:
    def count(of: str, legend: str) -> Dataquery:
        return over_time(f"count({of}) or vector(0)", legend)

    return panels.lines(
        "How many SLOs burn",
        "SLOs that spent their budget faster than their windows allow over the last hour, that have less than a tenth "
        "of it left, that have spent all of it, and whose pages fire.",
        count(f"max by (slo) ({_BURN_OF_HOUR}) > 1", "burning faster than 1"),
        count(f"max by (slo) ({_BUDGET}) < 0.1", "less than a tenth left"),
        count(f"max by (slo) ({_BUDGET}) <= 0", "exhausted"),
        count(f"max by (slo) ({_PAGE}) > 0", "paging"),
    ).min(0)


def _worst_burn_rates() -> timeseries.Panel:
    at_end = chosen_slos("slo_burn_rate", ', window="1h"', at=" @ end()")
    return panels.with_limits(
        panels.lines(
            "Burn rate over one hour, the ten fastest",
            "How fast the ten SLOs that burn fastest at the end of the range spend their budget; 1 spends it exactly "
            "within the SLO's window.",
            over_time(f"max by (slo) ({_BURN_OF_HOUR}) and on (slo) topk(10, max by (slo) ({at_end}))", "{{slo}}"),
        ),
        colours.steps("transparent", (1, colours.DOUBTFUL)),
    )


def _alerts() -> statetimeline.Panel:
    fired = " or ".join(
        f"max by (slo) (max_over_time({of_services(metric, matchers)}[$__range] @ end())) > 0"
        for metric, matchers in (("slo_alert_firing", ""), ("slo_alert_state", ', state="frozen"'))
    )
    return (
        panels.timeline(
            "Alerts",
            "SLOs whose alerts fired or were frozen within the range, and when. A page that fires mutes the ticket.",
            over_time(f"max by (slo) ({_ALERTS}) and on (slo) ({fired})", "{{slo}}"),
        )
        .no_value("no alert in this range")
        .mappings(list(_ALERT_WORDS))
    )


def _groups() -> table.Panel:
    members = f"count by (slo_service, slo_name) (max by (slo_service, slo_name, slo) ({_OBJECTIVE})) > 1"
    worst = f"min by (slo_service, slo_name) ({_BUDGET}) and on (slo_service, slo_name) ({members})"
    spent = f"count by (slo_service, slo_name) ({_BUDGET} <= 0) and on (slo_service, slo_name) ({members})"
    names = {"Value #members": "Members", "Value #worst": "Worst budget", "Value #spent": "Exhausted"}
    panel = panels.rows(
        "Grouped SLOs, one row for each group",
        "SLOs that are split by labels: how many members each has, how many have spent their budget, and the least "
        "budget that any of them has left.",
        column(members, "members"),
        column(worst, "worst"),
        column(f"{spent} or ({members}) * 0", "spent"),
        height=8,
    ).no_value("no SLO is split by labels")
    budget = panels.shown_as(panels.RATIO, colours.budget_steps(), 1) + panels.coloured_background()
    return (
        _one_table(panel, names)
        .override_by_name("Worst budget", budget)
        .sort_by([common.TableSortByFieldState().display_name("Worst budget").desc(desc=False)])
    )
