"""Catalogues of burn-rate rules: documents of the kind AlertWindows, one for each SLO window."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.documents.importing.parts import ImportedPart, Text, read_part
from app.documents.importing.scalars import read_any_number
from app.documents.importing.scope import Scope
from app.documents.sloth.model import REFERENCE
from app.slo import BurnRateRule, Severity
from app.yamldoc.explain import Structure
from app.yamldoc.scalars import read_duration

Duration = Annotated[timedelta, PlainValidator(read_duration)]
PlacedRules = tuple[tuple[BurnRateRule, Scope], ...]
"""Rules, each with where it is written."""
_ALL = Decimal(100)


class WindowModel(ImportedPart):
    """The share of the error budget that may burn within the long window."""

    error_budget_percent: Annotated[Decimal, PlainValidator(read_any_number)] = Field(alias="errorBudgetPercent")
    short_window: Duration = Field(alias="shortWindow")
    long_window: Duration = Field(alias="longWindow")


class PairModel(ImportedPart):
    """The two rules of a severity."""

    quick: WindowModel
    slow: WindowModel


class SpecModel(ImportedPart):
    """The rules for SLOs over one window."""

    slo_period: Duration = Field(alias="sloPeriod")
    page: PairModel
    ticket: PairModel


class CatalogueModel(ImportedPart):
    """A document of the kind AlertWindows."""

    api_version: Text = Field(alias="apiVersion")
    kind: Text
    metadata: Any = None
    spec: SpecModel


_EXAMPLES = {
    "sloPeriod": "sloPeriod: 30d",
    "errorBudgetPercent": "errorBudgetPercent: 2",
    "shortWindow": "shortWindow: 5m",
    "longWindow": "longWindow: 1h",
}
_STRUCTURE = Structure(model=CatalogueModel, reference=REFERENCE, examples=_EXAMPLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The rules of each severity for SLOs over *period*."""

    period: timedelta
    rules: dict[Severity, PlacedRules]
    scope: Scope


def read_catalogue(scope: Scope) -> Catalogue | None:
    """The catalogue in a document; None, and what is wrong with it, where it is unusable."""
    model = read_part(CatalogueModel, scope.document.root, _STRUCTURE, scope, {})
    if model is None:
        return None
    spec, below = model.spec, scope.below("spec")
    pairs = {Severity.PAGE: spec.page, Severity.TICKET: spec.ticket}
    rules = {severity: _rules(pair, below.below(str(severity)), spec.slo_period) for severity, pair in pairs.items()}
    return Catalogue(
        period=spec.slo_period,
        rules={severity: found for severity, found in rules.items() if found is not None},
        scope=below.below("sloPeriod"),
    )


def _rules(pair: PairModel, scope: Scope, period: timedelta) -> PlacedRules | None:
    rules = []
    for name, window in (("quick", pair.quick), ("slow", pair.slow)):
        if window.short_window >= window.long_window:
            scope.below(name, "shortWindow").error("is not shorter than longWindow", "write a twelfth of it")
            return None
        # A share of the budget, as in Sloth: for 2% of 30 days within 1h it is 14.4.
        factor = float(window.error_budget_percent / _ALL) * (period / window.long_window)
        rule = BurnRateRule(long=window.long_window, short=window.short_window, factor=factor)
        rules.append((rule, scope.below(name, "errorBudgetPercent")))
    return tuple(rules)
