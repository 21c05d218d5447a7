"""The names of all warnings and hints about documents, by which they can be turned off; docs/lint.md is their table."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

UNKNOWN_NAME: Final = "unknown_name"
"""The name of the warning about a comment that names no warning."""
GROUP_OF_ONE: Final = "group_of_one"
KIND_IGNORED: Final = "kind_ignored"
NO_RUNBOOK: Final = "no_runbook"
OUTAGE_SPENDS_BUDGET: Final = "outage_spends_budget"
SLA_ABOVE_OBJECTIVE: Final = "sla_above_objective"
SLA_WITHOUT_BUFFER: Final = "sla_without_buffer"
OUTSIDE_TOTAL: Final = "outside_total"
SAME_AS_TOTAL: Final = "same_as_total"
SEVERITY_NEVER_FIRES: Final = "severity_never_fires"
UNSET_VARIABLE: Final = "unset_variable"

_EVERY_DOCUMENT = {
    NO_RUNBOOK: "an SLO pages, and no annotation says what to do: `runbook_url`, `runbook` or `playbook`",
    OUTAGE_SPENDS_BUDGET: "a total outage of less than a minute spends the whole error budget",
    SLA_ABOVE_OBJECTIVE: "an SLA promises more than the objective, so that it is broken while the SLO is met",
    SLA_WITHOUT_BUFFER: "an SLA promises what the objective does, so that no alert comes before it is broken",
    OUTSIDE_TOTAL: "`bad` or `good` counts events that `total` does not count, such as `code!=` on `total` only",
    SAME_AS_TOTAL: "`bad` or `good` is the same query as `total`",
    GROUP_OF_ONE: "a label of `by` has one value only, since `total` asks for it",
    "never_bad": "nothing that is counted can be bad; in native documents an error",
    "counter_name": "a metric has no counter's name; `--live` asks Prometheus for its type instead",
    "counter_as_gauge": "a metric of `gauge` has a counter's name",
    "space_in_value": "the value of a matcher begins or ends with a space",
    "fixed_range": "a range in a query, such as `[5m]`, is replaced by the windows of the SLO",
    "irate": "`irate()` is counted as `rate()`",
    "delta": "`delta()` is counted as `increase()`",
    "idelta": "`idelta()` is counted as `increase()`",
    "pooled": "`sum without (...)` has groups by labels that are not written, and all are counted together",
    "fallback_series": "`or vector(0)` is one more series beside those with labels; `or on () vector(0)` is not",
    UNSET_VARIABLE: "the value of a matcher looks like a variable that nothing has replaced, such as `$namespace`",
    "divisor_guard": "`clamp_min()` that only avoids a division by 0 is left out",
    "evaluated": "a query cannot be counted and is evaluated periodically",
    "quantile": "a quantile is compared; the share of requests within the threshold is exact",
    SEVERITY_NEVER_FIRES: "no usual burn-rate rule suits the objective and the window, so a severity never fires",
    "template_fails": "the template of an annotation or a receiver fails for a sample alert",
    "no_document": "a file holds no document",
    UNKNOWN_NAME: "a comment `# sloburn: ignore=` names no warning or hint",
}
_OTHER_TOOLS = {
    "unknown_key": "a key is not read",
    "objective_ratio": "an objective in percent looks like a ratio",
    "taken_as_counter": "a query is counted, although its document does not say that it is a counter",
    "rule_left_out": "a burn-rate rule can never fire, or looks back further than the SLO window, and is left out",
    "rule_raised": "a burn-rate rule has a factor below 1, and 1 is used",
    "prometheus_template": "an annotation has a template that only Prometheus could render",
    "alertname_ignored": "a label `alertname` is ignored",
    "tag_ignored": "a tag of Datadog without a value is no label, and is ignored",
    "label_name": "the name of a label is changed to one that Prometheus allows",
    "label_values": "several values of a label are joined",
    "offset_ignored": "the time zone of a window replaces the offset of its start",
    "plugin_ignored": "an SLO plugin of Sloth is ignored",
    "plugin_repaired": "an SLI plugin of Sloth asks for what does not exist, and is read as it is meant",
    "catalogue_unused": "the windows of an AlertWindows catalogue apply to no SLO",
    "absent_name": "a name for Pyrra's alert on absent metrics is ignored",
    "absent_severity": "a severity for Pyrra's alert on absent metrics is ignored",
    "merged_severities": "burn-rate rules of several severities are one alert",
    "name": "a name of OpenSLO is not a DNS label",
    "default_window": "an SLO of OpenSLO has no window, and the default is used",
    "minute_for_month": "a window of OpenSLO is `1m`, and a month is meant",
    "rolling_month": "a rolling month, quarter or year of OpenSLO becomes a number of days",
    "calendar_ignored": "the calendar of a rolling window of OpenSLO is ignored",
    "no_alerts": "an alert policy of OpenSLO has no burn rate, so nothing fires",
    "operator_of_burn_rate": "the operator of a burn-rate condition is read as `gte`",
    "operator_of_ratio": "the operator and the value of an objective are ignored, since the SLI is a ratio",
    "unknown_source": "the type of a data source is missing, and Prometheus is taken",
    "budgeting_method": "a budgeting method is read otherwise than it is written",
    "time_slice_window": "time slices have no length, and a minute is used",
    "composite": "a composite is read as several SLOs, or otherwise than it is written",
    "max_delay": "`maxDelay` of a composite of Nobl9 is longer than what can be waited for",
    "annotation": "an annotation of Nobl9 is not shown",
    "budget_adjustment": "a budget adjustment of Nobl9 is not applied",
    KIND_IGNORED: "a document that holds no SLOs lies beside some, such as a Deployment, or a kind of Nobl9 is ignored",
    "budget_window": "the alerting window of a condition about the budget is ignored",
    "not_combined": "conditions of an alert policy cannot be combined, and some are ignored",
    "one_factor": "conditions of an alert policy have several burn rates, and one is used",
    "merged_wait": "conditions of an alert policy last for different times, and one is used",
    "unresolved_reference": "no document has an alert policy that an SLO refers to",
    "unresolved_target": "no document has an AlertNotificationTarget of OpenSLO that a policy names",
}
_LIVE = {
    "no_series": "no series match",
    "good_never_matched": "no series match `good`",
    "bad_never_matched": (
        "no series match `bad`: normal for a service without errors; a warning where it names what cannot be matched"
    ),
    "term_never_matched": "no series match one of several selectors",
    "bucket_missing": "series of a histogram lack the bucket at the threshold",
    "threshold_interpolated": "a threshold lies between two bounds of a native histogram",
    "good_exceeds_total": "there are more good events than events",
    "mostly_bad": "most events of the last day are bad: `good` and `bad` may be swapped",
    "sum_of_values": "a `_sum` is counted, which adds up what was measured",
    "group_label_missing": "some series lack a label of `by`",
    "objective_above_history": "the objective was not met over the SLO window, or as much of it as can be read",
    "budget_below_one_event": "at the traffic of the last day the error budget allows less than one bad event a week",
    "high_cardinality": "`by` makes more than 100 groups",
    "scraped_seldom": "scrapes are too far apart for a short window of the alerts",
    "short_retention": "samples are kept for less time than the SLOs look back",
    "partial_data": "Prometheus says that its answer is incomplete",
}
_RECEIVERS = {
    "no_receiver": "SLOs page, and there is neither an Alertmanager nor a receiver",
    "page_without_receiver": "routes send the pages of an SLO to no receiver",
    "page_without_fallback": "the only receiver of pages has no `fallback`",
}
NAMES: Final[Mapping[str, str]] = MappingProxyType({**_EVERY_DOCUMENT, **_OTHER_TOOLS, **_LIVE, **_RECEIVERS})
"""What each warning or hint says, by its name: of every document, of other tools, of `check --live`, of receivers."""
