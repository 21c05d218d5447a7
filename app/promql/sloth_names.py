"""The names and labels of what Sloth's rules record, which its dashboards and people's routes ask for.

Source: https://github.com/slok/sloth/blob/main/examples/_gen/getting-started.yml
"""

from datetime import timedelta
from typing import Final

from app.slo import GroupKey, Slo, duration_with_weeks, group_id

OBJECTIVE: Final = "slo:objective:ratio"
ERROR_BUDGET: Final = "slo:error_budget:ratio"
PERIOD_DAYS: Final = "slo:time_period:days"
CURRENT_BURN_RATE: Final = "slo:current_burn_rate:ratio"
PERIOD_BURN_RATE: Final = "slo:period_burn_rate:ratio"
BUDGET_REMAINING: Final = "slo:period_error_budget_remaining:ratio"
INFO: Final = "sloth_slo_info"
WINDOW_LABEL: Final = "sloth_window"
SEVERITY_LABEL: Final = "sloth_severity"
CURRENT: Final = timedelta(minutes=5)
"""The window of the current burn rate."""


def error_ratio_name(window: timedelta) -> str:
    """The name of the share of bad events in a window.

    >>> error_ratio_name(timedelta(minutes=5)), error_ratio_name(timedelta(days=28))
    ('slo:sli_error:ratio_rate5m', 'slo:sli_error:ratio_rate4w')
    """
    return f"slo:sli_error:ratio_rate{duration_with_weeks(window)}"


def sloth_identity(slo: Slo, group: GroupKey = ()) -> dict[str, str]:
    """The labels by which Sloth's dashboards choose an SLO; each member of a group is an SLO of its own.

    Those of Sloth's own documents are labels of the SLO already.
    """
    own = dict(slo.labels)
    member = group_id(slo.id, group).removeprefix(slo.id)
    return {
        "sloth_id": own.get("sloth_id", slo.id) + member,
        "sloth_service": own.get("sloth_service", slo.service),
        "sloth_slo": own.get("sloth_slo", slo.name) + member,
    }


def sloth_labels(slo: Slo, group: GroupKey = ()) -> dict[str, str]:
    """The labels of every series of an SLO: its identity, and the labels of its document and of the group."""
    members = dict(group)
    free = {name: value for name, value in slo.labels if name not in slo.sli.by}
    return {**free, **members, **sloth_identity(slo, group)}


def sloth_about(slo: Slo) -> dict[str, str]:
    """The labels that only `sloth_slo_info` has."""
    return {"sloth_mode": "sloburn", "sloth_objective": f"{100 * slo.objective:.10g}", "sloth_spec": "sloburn"}
