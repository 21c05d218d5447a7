"""The Prometheus rules that come closest to what Sloburn does by itself, for those who leave or who compare.

They judge ratios of `rate`, which extrapolates and forgets what a restart or a failed scrape hid; budgets from them are
estimates. `own.py` names what they record as Sloburn does, `sloth.py` and `pyrra.py` as those tools do, so that routes
and dashboards made for their rules go on working. What no rule can say is in `limits.py`.

Source: https://sre.google/workbook/alerting-on-slos/, approach 6
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import StrEnum

from app.promql.rules.limits import general_limits, limits_of
from app.promql.rules.own import own_groups
from app.promql.rules.parts import Group
from app.promql.rules.pyrra import limits_of_pyrra, pyrra_groups
from app.promql.rules.sloth import limits_of_sloth, sloth_groups
from app.slo import Slo

__all__ = ["RuleNames", "rule_groups", "rule_limits"]


class RuleNames(StrEnum):
    """Whose names and labels the rules have."""

    SLOBURN = "sloburn"
    SLOTH = "sloth"
    PYRRA = "pyrra"


_GROUPS: dict[RuleNames, Callable[[Slo], Iterator[Group]]] = {
    RuleNames.SLOBURN: own_groups,
    RuleNames.SLOTH: sloth_groups,
    RuleNames.PYRRA: pyrra_groups,
}
_LIMITS: dict[RuleNames, Callable[[Slo], Iterator[str]]] = {
    RuleNames.SLOBURN: lambda _: iter(()),
    RuleNames.SLOTH: limits_of_sloth,
    RuleNames.PYRRA: limits_of_pyrra,
}


def rule_groups(
    slos: Iterable[Slo], names: RuleNames = RuleNames.SLOBURN, *, native_histograms: bool = False
) -> list[Group]:
    """The groups of a rule file: for each SLO those of its alerts and of its budget.

    *native_histograms*: they read native histograms where there are no classic ones, which not all servers can.
    """
    return [group for slo in _reading(slos, native_histograms) for group in _GROUPS[names](slo)]


def rule_limits(
    slos: Iterable[Slo], names: RuleNames = RuleNames.SLOBURN, *, native_histograms: bool = False
) -> dict[str, tuple[Slo, ...]]:
    """What the rules do not do that Sloburn does, and of which SLOs; those without any are said of all."""
    chosen = _reading(slos, native_histograms)
    found: dict[str, list[Slo]] = {limit: [] for limit in general_limits(chosen)}
    for slo in chosen:
        for limit in (*limits_of(slo), *_LIMITS[names](slo)):
            found.setdefault(limit, []).append(slo)
    return {limit: tuple(of_slos) for limit, of_slos in found.items()}


def _reading(slos: Iterable[Slo], native_histograms: bool) -> tuple[Slo, ...]:
    return tuple(replace(slo, sli=slo.sli.including_native()) if native_histograms else slo for slo in slos)
