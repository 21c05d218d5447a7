"""An SLO and the SLI it judges."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NewType

from app.slo.alerts import BudgetAlerts, Cause, NoData, NoTraffic, Severity, SeverityPolicy
from app.slo.sli import Sli
from app.slo.windows import Window

SloId = NewType("SloId", str)
# Decimal digits of an error budget: as many as any number below 1 keeps as a double.
_DIGITS = 15
Labels = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name."""
GroupKey = Labels
"""The values of an SLO's `by` labels that identify one member of the group; empty for an SLO without groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """How an SLO alerts; a severity that is switched off is absent from *policies*.

    *labels* and *annotations* are of all its alerts, those of a policy come on top of them.
    When data has been missing for *no_data_for* a ticket says so, and *no_data* applies; None is never. *no_traffic* is
    whether an alert fires when no events have come for *no_traffic_for* although they did at that time before.
    """

    name: str = "ErrorBudgetBurn"
    policies: tuple[SeverityPolicy, ...] = ()
    labels: Labels = ()
    annotations: Labels = ()
    no_data: NoData = NoData.FREEZE
    # Long enough for the restart of Prometheus with a large write-ahead log, which takes minutes.
    no_data_for: timedelta | None = timedelta(minutes=10)
    no_traffic: NoTraffic = NoTraffic.FREEZE
    no_traffic_for: timedelta = timedelta(minutes=10)
    budget: BudgetAlerts | None = None

    @property
    def alerts(self) -> tuple[tuple[Severity, Cause], ...]:
        """Every alert that an SLO can have, by severity and cause, the pages first."""
        budget = self.budget or BudgetAlerts()
        causes = {
            Cause.NO_DATA: self.no_data_for is not None,
            Cause.BUDGET_CONSUMED: budget.consumed is not None,
            Cause.BUDGET_RUNS_OUT: budget.runs_out_within is not None,
            Cause.BUDGET_EXHAUSTED: budget.exhausted,
        }
        burns = [(policy.severity, Cause.BURN) for policy in self.policies]
        traffic = self.no_traffic.severity
        return (
            *sorted(burns),
            *((Severity.TICKET, cause) for cause, wanted in causes.items() if wanted),
            *([] if traffic is None else [(traffic, Cause.NO_TRAFFIC)]),
        )

    def policy(self, severity: Severity) -> SeverityPolicy | None:
        """The policy of one severity; None where it is switched off."""
        return next((policy for policy in self.policies if policy.severity is severity), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """A service level agreement beside an objective, over the same window.

    *contract* is the share of events that must be good by contract. Down to *penalty_free* below it, as a difference of
    ratios, no penalty is due.
    """

    contract: float
    penalty_free: float = 0.0

    @property
    def penalty_below(self) -> float:
        """The share of good events below which a penalty is due."""
        return round(self.contract - self.penalty_free, _DIGITS)

    def buffer(self, objective: float) -> float:
        """How far the contract is below the objective, as a difference of ratios; negative if it is above."""
        return round(objective - self.contract, _DIGITS)

    def remaining_ratio(self, *, bad: float, total: float) -> float:
        """The unspent share of the bad events that the contract allows; NaN without events."""
        return 1.0 - bad / (total * (1.0 - self.contract)) if total > 0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """A service level objective: how often the SLI may be bad over a window.

    Its *tenant*, if it has one, is part of its *id* and of its *service*, and one of its *labels*.

    Raises:
        ValueError: the objective is not a ratio between 0 and 1.
    """

    id: SloId
    service: str
    name: str
    objective: float
    window: Window
    sli: Sli
    description: str = ""
    labels: Labels = ()
    alerting: Alerting = Alerting()
    sla: Sla | None = None
    tenant: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1:
            raise ValueError(f"objective {self.objective} must be a ratio in (0, 1)")

    @property
    def error_budget(self) -> float:
        """The share of events that may be bad.

        Rounded to where 1 - 0.999 is 0.001: the rest of 1e-18 would put a budget that is spent to the last event, and
        a burn rate that is the factor, on the wrong side.
        """
        return round(1.0 - self.objective, _DIGITS) or 1.0 - self.objective

    @property
    def alert_labels(self) -> Labels:
        """The labels of all its alerts: its own, and those that only its alerts have."""
        return tuple(sorted({**dict(self.labels), **dict(self.alerting.labels)}.items()))

    @property
    def longest_alert_window(self) -> timedelta:
        """The longest window that any of the alerts looks back over; zero without alerts."""
        longs = [tier.long for policy in self.alerting.policies for tier in policy.rules]
        return max(longs, default=timedelta(0))


def group_id(slo_id: SloId, group: GroupKey) -> SloId:
    """The id of one member of a grouped SLO; the SLO's own id where there is no group.

    >>> group_id(SloId("checkout-availability"), (("route", "/pay"),))
    'checkout-availability:route=/pay'
    """
    if not group:
        return slo_id
    return SloId(f"{slo_id}:" + ",".join(f"{label}={value}" for label, value in group))


def ungrouped_id(member: SloId) -> SloId:
    """The id of the SLO in an id that `group_id` made.

    >>> ungrouped_id(SloId("checkout-availability:route=/pay"))
    'checkout-availability'
    """
    return SloId(member.partition(":")[0])


def group_in_id(member: SloId, by: Sequence[str]) -> GroupKey | None:
    """The group in an id that `group_id` made; None if it is not of a group with exactly these labels.

    >>> [group_in_id(SloId("checkout-availability:route=/pay"), by) for by in (["route"], ["code"], [])]
    [(('route', '/pay'),), None, None]
    """
    _, _, labels = member.partition(":")
    names = sorted(by)
    values = re.fullmatch(",".join(f"{re.escape(name)}=(.*)" for name in names), labels, re.DOTALL)
    return None if values is None else tuple(zip(names, values.groups(), strict=True))
