"""What no rule of Prometheus says, in words for those who print rules."""

from collections.abc import Iterator, Sequence

from app.promql.rules.parts import period_of
from app.slo import NoData, NoTraffic, Slo


def general_limits(slos: Sequence[Slo]) -> Iterator[str]:
    """What holds for all of them."""
    policies = [policy for slo in slos for policy in slo.alerting.policies]
    yield "ratios of rate() are estimates, and so are budgets"
    if any(slo.sli.including_native() is not slo.sli for slo in slos):
        yield "native histograms are not read, only classic ones, without --native-histograms"
    if policies:
        yield "a page does not mute its ticket, and missing data resolves what fires"
    if any(policy.evidence is not None for policy in policies):
        yield "a single failure at low traffic fires"


def limits_of(slo: Slo) -> Iterator[str]:
    """What holds for one SLO, under all names."""
    alerting, budget = slo.alerting, slo.alerting.budget
    if period_of(slo) is None:
        yield "a calendar window has no budget, since PromQL does not know the calendar"
    if alerting.no_traffic is not NoTraffic.FREEZE:
        yield "there is no SLOTrafficStopped, which compares with earlier weeks"
    if alerting.no_data_for is not None and not slo.sli.queries:
        yield "there is no SLODataUnavailable, since the SLI names no series that could be absent"
    if alerting.no_data in {NoData.BAD, NoData.GOOD}:
        yield f"missing data does not count as {alerting.no_data.value}"
    if budget is not None and budget.runs_out_within is not None:
        yield "there is no ErrorBudgetRunsOut, which knows what leaves the window"
