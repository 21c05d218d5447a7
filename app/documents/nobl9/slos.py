"""SLOs of Nobl9, one for each objective, with the alert policies that they name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.documents.dialect import PlacedSlo
from app.documents.importing.labels import listed_labels
from app.documents.importing.scope import Scope
from app.documents.importing.slices import by_method
from app.documents.importing.windows import calendar_window, rolling_window, unit_length
from app.documents.nobl9.alerting import Policy, budget_alerts_of, policies_of
from app.documents.nobl9.composites import ObjectiveIds, sli_of_composite, sli_of_objectives
from app.documents.nobl9.model import ObjectiveModel, SloObject, TimeWindowModel
from app.documents.nobl9.slis import sli_of_objective
from app.sli import Composite
from app.slo import Alerting, CalendarUnit, Sli, Slo, SloId, Window

_SLICE = timedelta(minutes=1)
Key = tuple[str, str]
"""Project and name of an object."""


@dataclass(frozen=True, slots=True)
class SloReader:
    """Reads an SLO with the alert policies of all documents; *projects* are those that have an SLO of its name."""

    model: SloObject
    scope: Scope
    policies: Mapping[Key, Policy | None]
    projects: frozenset[str]
    ids: ObjectiveIds

    def slos(self) -> Iterator[PlacedSlo]:
        """One SLO for each sound objective, and the composite of all of them where there is one."""
        spec, scope = self.model.spec, self.scope.below("spec")
        window = _window(spec.time_windows[0], scope.below("timeWindows", 0))
        if not spec.objectives:
            scope.below("objectives").error("is empty", "write at least one objective")
        policies = self._policies()
        found: list[tuple[SloId, ObjectiveModel]] = []
        for i, objective in enumerate(spec.objectives):
            below = scope.below("objectives", i)
            sli = self._sli(objective, below)
            if sli is not None and window is not None:
                slo = self._slo(name_of_objective(self.model, i), objective.target, sli, window, policies)
                components = below.below("composite", "components", "objectives")
                places = [components.below(n) for n in range(len(sli.parts))] if isinstance(sli, Composite) else []
                found.append((slo.id, objective))
                yield self._placed(slo, places)
        if spec.composite is not None and window is not None and len(found) == len(spec.objectives) > 0:
            below = scope.below("composite")
            sli = sli_of_objectives(found, spec.budgeting_method, below)
            if sli is not None:
                slo = self._slo(name_of_composite(self.model), spec.composite.target, sli, window, policies)
                yield self._placed(slo, [below] * len(found))

    def _placed(self, slo: Slo, components: Sequence[Scope]) -> PlacedSlo:
        named = self.scope.below("metadata", "name")
        places = tuple((one.place, one.path) for one in components)
        return PlacedSlo(slo=slo, place=named.place, field=named.path, components=places)

    def _sli(self, objective: ObjectiveModel, scope: Scope) -> Sli | None:
        method = self.model.spec.budgeting_method
        if objective.composite is not None:
            return sli_of_composite(objective, objective.composite, method, scope.below("composite"), self.ids)
        counted = sli_of_objective(objective, scope, shared=self._shared_metric())
        # Slices of Nobl9 are minutes, always.
        return counted and by_method(
            counted, method, target=objective.time_slice_target, length=_SLICE, objective=scope
        )

    def _shared_metric(self) -> tuple[object, Scope] | None:
        """The metric that all objectives compare with their values, as documents had it before 2022."""
        indicator = self.model.spec.indicator
        if not isinstance(indicator, dict) or "rawMetric" not in indicator:
            return None
        return indicator["rawMetric"], self.scope.below("spec", "indicator", "rawMetric")

    def _slo(self, name: str, target: float, sli: Sli, window: Window, policies: Sequence[Policy]) -> Slo:
        model, spec = self.model, self.model.spec
        alerting = Alerting(policies=policies_of(policies, window, target), budget=budget_alerts_of(policies))
        no_data = spec.anomaly_config.no_data if spec.anomaly_config is not None else None
        if no_data is not None and no_data.alert_after is not None:
            alerting = replace(alerting, no_data_for=no_data.alert_after)
        return Slo(
            id=_id_of(name, model, self.projects),
            service=spec.service,
            name=name,
            objective=target,
            window=window,
            sli=sli,
            description=spec.description,
            labels=listed_labels(model.metadata.labels, self.scope.below("metadata", "labels")),
            alerting=alerting,
        )

    def _policies(self) -> list[Policy]:
        found = []
        for i, name in enumerate(self.model.spec.alert_policies):
            key = (self.model.metadata.project, name)
            policy = self.policies.get(key)
            if policy is not None:
                found.append(policy)
            elif key not in self.policies:
                # Nobl9 keeps policies on its server, so that documents often leave them out.
                problem = f"no document has the AlertPolicy {name}, so it fires nothing"
                remedy = "add its document: sloctl get alertpolicies"
                self.scope.below("spec", "alertPolicies", i).warning(problem, remedy, "unresolved_reference")
        return found


def name_of_objective(model: SloObject, i: int) -> str:
    """The name of an SLO; of several objectives each with its own name, or its number, behind."""
    objectives, name = model.spec.objectives, model.metadata.name
    return name if len(objectives) == 1 else f"{name}-{objectives[i].name or i + 1}"


def name_of_composite(model: SloObject) -> str:
    """The name of the composite of all objectives of an SLO: that of the SLO, unless its one objective has it."""
    name = model.metadata.name
    return name if len(model.spec.objectives) > 1 else f"{name}-composite"


def id_of_objective(model: SloObject, i: int, projects: Collection[str]) -> SloId:
    """The id of an SLO, with its project where *projects* that have an SLO of its name are several."""
    return _id_of(name_of_objective(model, i), model, projects)


def _id_of(name: str, model: SloObject, projects: Collection[str]) -> SloId:
    return SloId(name if len(projects) == 1 else f"{model.metadata.project}/{name}")


def _window(model: TimeWindowModel, scope: Scope) -> Window | None:
    count = int(model.count)
    length = unit_length(model.unit)
    if length is None or count < 1 or count != model.count:
        remedy = "write unit: Day and count: 28, or another unit from Minute to Year"
        scope.error(f"{model.count} {model.unit} is not a window", remedy)
        return None
    if model.is_rolling:
        return rolling_window(count * length, scope.below("count"))
    calendar = model.calendar
    if calendar is None or model.unit.lower() not in frozenset(CalendarUnit):
        remedy = "write calendar: {startTime: 2024-01-01 00:00:00, timeZone: UTC} and a unit from Day to Year"
        scope.error("needs a calendar and a unit of it, since it does not roll", remedy)
        return None
    below = scope.below("calendar")
    return calendar_window(
        CalendarUnit(model.unit.lower()),
        count,
        start=(calendar.start_time, below.below("startTime")),
        timezone=(calendar.time_zone, below.below("timeZone")),
        length=scope.below("count"),
    )
