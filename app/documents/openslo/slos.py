"""SLOs of OpenSLO, one for each objective, with what they refer to."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.documents.dialect import Defaults, PlacedSlo
from app.documents.importing.fields import BudgetingMethod
from app.documents.importing.labels import listed_labels
from app.documents.importing.slices import by_method
from app.documents.openslo.alerting import alerting_of, check_targets, condition_of
from app.documents.openslo.objects import BurnRateCondition, Indicator, Objective, Objects, Policy, SloObject
from app.documents.openslo.slis import sli_of_indicator
from app.documents.openslo.windows import window_of
from app.sli import Composite, Part
from app.slo import Alerting, CompositeRule, Labels, Sli, Slo, SloId, Window, format_percent

_SLICE = timedelta(minutes=1)
_WITHOUT_ALERTS = Alerting(no_data_for=None)
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class SloReader:
    """Reads an SLO with the objects of all documents."""

    slo: SloObject
    objects: Objects
    defaults: Defaults
    is_faulty: bool = False

    def slos(self) -> Iterator[PlacedSlo]:
        """One SLO for each sound objective; of a composite, and one of all of them together."""
        slo, spec = self.slo, self.slo.scope.below("spec")
        window = window_of(slo.window, spec, self.defaults)
        policies = self._policies()
        labels = listed_labels(slo.labels, slo.scope.below("metadata", "labels"))
        if not slo.objectives:
            spec.below("objectives").error("is empty", "write at least one: [{target: 0.999}]")
        if slo.method is None:
            problem, remedy = "is missing: Occurrences is used", "write budgetingMethod: Occurrences"
            spec.below("budgetingMethod").warning(problem, remedy, "budgeting_method")
        # Everything is read before anything is left out, so that every fault is said at once.
        is_sound = self._has_one_indicator()
        found = [self._slo(objective, window, policies, labels) for objective in slo.objectives]
        named = slo.scope.below("metadata", "name")
        sound = [one for one in found if one is not None and is_sound]
        self._check_targets(is_whole=len(sound) == len(found) and not self.is_faulty)
        if slo.is_composite:
            sound = self._composite(sound) if len(sound) == len(found) else []
        scopes = tuple((one.scope.place, one.scope.path) for one in slo.objectives)
        for one in sound:
            components = scopes if isinstance(one.sli, Composite) else ()
            yield PlacedSlo(slo=one, place=named.place, field=named.path, components=components)

    def _slo(
        self,
        objective: Objective,
        window: Window | None,
        policies: Sequence[tuple[Policy, BurnRateCondition]] | None,
        labels: Labels,
    ) -> Slo | None:
        target = _target(objective)
        indicator = self._indicator(objective)
        counted = None if indicator is None else sli_of_indicator(indicator, objective, self.objects)
        sli = None if counted is None else self._sliced(counted, objective)
        if target is None or sli is None or window is None or policies is None or not self.slo.service:
            return None
        name = self._name(objective)
        return Slo(
            id=SloId(name),
            service=self.slo.service,
            name=self.slo.title if self.slo.title and len(self.slo.objectives) == 1 else name,
            objective=target,
            window=window,
            sli=sli,
            description=self.slo.description,
            labels=labels,
            alerting=alerting_of(policies, window, target, self.slo.scope.below("spec")),
        )

    def _name(self, objective: Objective) -> str:
        """The name of the SLO; of several objectives each with its own name, or its number, behind."""
        if len(self.slo.objectives) == 1:
            return self.slo.name
        names = [_in_ids(one.display_name) for one in self.slo.objectives]
        i = next(i for i, one in enumerate(self.slo.objectives) if one is objective)
        return f"{self.slo.name}-{names[i] if names[i] and names.count(names[i]) == 1 else i + 1}"

    def _sliced(self, sli: Sli, objective: Objective) -> Sli | None:
        method, length = self.slo.method, objective.slice_window
        if length is None and method in {BudgetingMethod.TIMESLICES, BudgetingMethod.RATIO_TIMESLICES}:
            problem = "has no timeSliceWindow: 1m is used"
            objective.scope.warning(problem, "write timeSliceWindow: 1m", "time_slice_window")
        return by_method(sli, method, target=objective.slice_target, length=length or _SLICE, objective=objective.scope)

    def _has_one_indicator(self) -> bool:
        if self.slo.indicator is not None and any(one.indicator is not None for one in self.slo.objectives):
            problem = "has an indicator, and so have its objectives"
            self.slo.of_indicator.error(problem, "write it here, or in each objective")
            return False
        return True

    def _composite(self, components: Sequence[Slo]) -> list[Slo]:
        """The objectives as SLOs without alerts, and their composite, which has those of the document.

        A composite has no target of its own: its error budget is the weighted mean of those of its objectives.
        """
        weights = [float(one.weight) if one.weight is not None else 1.0 for one in self.slo.objectives]
        parts = tuple(Part(slo=one.id, weight=weight) for one, weight in zip(components, weights, strict=True))
        budget = sum(weight * one.error_budget for one, weight in zip(components, weights, strict=True)) / sum(weights)
        names = ", ".join(one.id for one in components)
        problem = (
            f"is a composite of {names}: its objective is the weighted mean of theirs, {format_percent(1 - budget)}"
        )
        remedy = "look at alerts and budgets of the composite; its parts have no alerts"
        self.slo.scope.below("spec", "objectives").warning(problem, remedy, "composite")
        composite = replace(
            components[0],
            id=SloId(self.slo.name),
            name=self.slo.name,
            objective=1 - budget,
            sli=Composite(rule=CompositeRule.WEIGHTED, parts=parts),
        )
        return [*(replace(one, alerting=_WITHOUT_ALERTS) for one in components), composite]

    def _indicator(self, objective: Objective) -> Indicator | None:
        indicator = self.slo.indicator if objective.indicator is None else objective.indicator
        if indicator is None:
            remedy = "write indicatorRef: and the name of an SLI, or indicator: and the SLI itself"
            self.slo.scope.below("spec").error("says nothing to count", remedy)
            return None
        if isinstance(indicator, Indicator):
            return indicator
        found = self.objects.indicators.get(indicator)
        if found is None and ("SLI", indicator) not in self.objects.unusable:
            scope = self.slo.of_indicator if objective.indicator is None else objective.scope
            remedy = "add its document, or write the SLI here"
            scope.error(f"no document has the SLI {indicator}", remedy, "unresolved_reference")
        return found

    def _policies(self) -> list[tuple[Policy, BurnRateCondition]] | None:
        """The alert policies with their conditions; None, and an error for each that is not in the documents."""
        found: list[tuple[Policy, BurnRateCondition] | None] = []
        for policy, scope in self.slo.policies:
            named = self.objects.policies.get(policy) if isinstance(policy, str) else policy
            if named is None:
                if ("AlertPolicy", str(policy)) not in self.objects.unusable:
                    remedy = "add its document, or write the policy here"
                    scope.error(f"no document has the AlertPolicy {policy}", remedy, "unresolved_reference")
                found.append(None)
                continue
            condition = condition_of(named, self.objects)
            found.append(None if condition is None else (named, condition))
        usable = [one for one in found if one is not None]
        return usable if len(usable) == len(found) else None

    def _check_targets(self, *, is_whole: bool) -> None:
        """Check the targets of inline policies, and note those that have their own document for later."""
        for policy, _ in self.slo.policies:
            if not isinstance(policy, str):
                check_targets(policy, self.objects, of_whole_slo=is_whole)
            elif is_whole:
                self.objects.used_policies.add(policy)


def _in_ids(display_name: str) -> str:
    return _NOT_OF_A_NAME.sub("-", display_name).strip("-").lower()


def name_in_id(objective: SloId, slo: SloId, number: int) -> str | None:
    """The `displayName` of an objective that gives it its id, empty for its number; None where none does."""
    name = objective.removeprefix(f"{slo}-")
    if name == objective or name != _in_ids(name):
        return None
    return "" if name == str(number) else name


def _target(objective: Objective) -> float | None:
    ratio, percent = objective.target, objective.target_percent
    if (ratio is None) == (percent is None):
        problem = "needs a target" if ratio is None else "target cannot be combined with targetPercent"
        objective.scope.error(problem, "write target: 0.999, or targetPercent: 99.9")
        return None
    return percent if ratio is None else ratio
