"""The metrics of SLOs: their names, types and help, and the labels that are theirs."""

from dataclasses import dataclass
from typing import Literal


# Families are constants, and every sample is filed under one: hashing their texts would take a tenth of the time.
@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric: its name, its type and its help."""

    name: str
    kind: Literal["gauge", "counter"]
    documentation: str

    def header(self, *, openmetrics: bool) -> str:
        """The HELP and TYPE lines; OpenMetrics names a counter's family without ``_total``."""
        name = self.name.removesuffix("_total") if openmetrics else self.name
        return f"# HELP {name} {self.documentation}\n# TYPE {name} {self.kind}\n"


SLO_INFO = Family("slo_info", "gauge", "The SLO's labels, objective and window; always 1.")
SLO_OBJECTIVE = Family("slo_objective_ratio", "gauge", "Share of events that must be good over the SLO window.")
SLO_SLA = Family("slo_sla_ratio", "gauge", "Share of events that must be good by contract; absent without an SLA.")
SLO_HISTOGRAM_THRESHOLD = Family(
    "slo_latency_threshold",
    "gauge",
    "Bound of the bucket up to which events are good, in the unit of the histogram; absent without a histogram.",
)
SLO_SLI = Family("slo_sli_ratio", "gauge", "Share of events that were good over a window; absent without events.")
SLO_BURN_RATE = Family(
    "slo_burn_rate", "gauge", "Bad ratio over a window in error budgets; 1 spends it in one SLO window."
)
SLO_CONSUMED = Family(
    "slo_error_budget_consumed_ratio", "gauge", "Spent share of the error budget; above 1 if overspent."
)
SLO_REMAINING = Family(
    "slo_error_budget_remaining_ratio", "gauge", "Unspent share of the error budget; may be negative."
)
SLO_MONTH_REMAINING = Family(
    "slo_error_budget_month_remaining_ratio",
    "gauge",
    "Unspent share of the error budget of the calendar month, 1 when it begins; may be negative.",
)
SLO_FORECAST_EXHAUSTED = Family(
    "slo_error_budget_forecast_exhausted_timestamp_seconds",
    "gauge",
    "When the error budget is exhausted in a share of the futures of its forecast; absent if later than 30 days.",
)
SLO_FORECAST_ALLOWED = Family(
    "slo_error_budget_forecast_allowed_burn_rate",
    "gauge",
    "Highest mean burn rate from now on at which the objective is met until the end of the forecast.",
)
SLO_EVENTS = Family("slo_events_total", "counter", "Good and bad events counted since the SLI's first sample.")
SLO_COVERAGE = Family("slo_coverage_ratio", "gauge", "Measured share of the SLO window's slots.")
SLO_WINDOW = Family(
    "slo_window_seconds", "gauge", "Length of the SLO window; of a calendar window, that of its period."
)
SLO_MEASURED = Family("slo_last_measured_timestamp_seconds", "gauge", "End of the newest measured slot.")
SLO_DATA_SINCE = Family(
    "slo_data_since_timestamp_seconds", "gauge", "First sample of the SLI; coverage counts from then on."
)
SLO_PROBLEM = Family("slo_problem", "gauge", "1 for each problem with the data of an SLO; absent without problems.")
SLO_FIRING = Family(
    "slo_alert_firing", "gauge", "1 while an alert of a severity fires and is not muted, also while frozen; else 0."
)
SLO_STATE = Family("slo_alert_state", "gauge", "1 for the state that an alert is in, 0 for the others.")
SLO_FACTOR = Family("slo_alert_factor", "gauge", "Burn rate at which a tier of an alert trips, in both of its windows.")
SLO_THRESHOLD = Family(
    "slo_alert_threshold",
    "gauge",
    "Burn rate of a window at which an alert trips; the least of its tiers.",
)
SLO_LAST_CHANGE = Family(
    "slo_last_change_timestamp_seconds",
    "gauge",
    "Start of the newest change of a service with SLOs; absent two days later.",
)
SLO_PROBLEM_COUNTS = Family("sloburn_slo_problems", "gauge", "SLOs that have a problem with their data.")
SLO_REFUSED_MEMBERS = Family(
    "slo_group_refused_members", "gauge", "Members of a group that are not evaluated since it has too many."
)
SLO_COUNT = Family("sloburn_slos", "gauge", "SLOs on the board; every member of a group counts.")

FAMILIES = (
    SLO_INFO,
    SLO_OBJECTIVE,
    SLO_SLA,
    SLO_HISTOGRAM_THRESHOLD,
    SLO_SLI,
    SLO_BURN_RATE,
    SLO_CONSUMED,
    SLO_REMAINING,
    SLO_MONTH_REMAINING,
    SLO_FORECAST_EXHAUSTED,
    SLO_FORECAST_ALLOWED,
    SLO_EVENTS,
    SLO_COVERAGE,
    SLO_WINDOW,
    SLO_MEASURED,
    SLO_DATA_SINCE,
    SLO_PROBLEM,
    SLO_FIRING,
    SLO_STATE,
    SLO_FACTOR,
    SLO_THRESHOLD,
    SLO_LAST_CHANGE,
    SLO_PROBLEM_COUNTS,
    SLO_REFUSED_MEMBERS,
    SLO_COUNT,
)

_OWN_LABELS = frozenset(
    {"slo", "slo_service", "slo_name", "window", "outcome", "severity", "objective", "long", "short", "cause", "state"}
    | {"problem", "level", "slo_revision", "runbook_url", "histogram", "selector", "quantile"}
)
# Prometheus and its Operator set these on everything they scrape. Without `honor_labels` they rename ours to
# `exported_...`, with it ours would replace theirs: under the prefix from the start a label has one name in both.
# Source: https://github.com/prometheus-operator/prometheus-operator/blob/main/pkg/prometheus/promcfg.go
_TARGET_LABELS = frozenset({"job", "instance", "namespace", "service", "pod", "container", "endpoint", "node"})
# Names that a group's label may not take, in any family: the same label has one name everywhere.
RESERVED_LABELS = _OWN_LABELS | _TARGET_LABELS

# The states of an alert on a burn, and of any other: those are shown while they fire, and are not frozen.
