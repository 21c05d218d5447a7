"""SLOs as adjustments see them: with the components of composites."""

from collections.abc import Iterable, Mapping, Sequence

from app.adjustments.model import AdjustedMember
from app.slo import Component, CompositeRule, GroupKey, Slo, SloId, ungrouped_id


class AdjustedMembers:
    """Makes members of SLOs; *slos* are all that there are, in which components are looked up."""

    def __init__(self, slos: Sequence[Slo]) -> None:
        self._slos: Mapping[SloId, Slo] = {slo.id: slo for slo in slos}
        self._parts: dict[SloId, tuple[AdjustedMember, ...]] = {}

    def member(self, id_: SloId, slo: Slo, group: GroupKey = ()) -> AdjustedMember:
        """An SLO, or a member of its group."""
        return AdjustedMember(id_, slo.service, slo.labels, group, self.parts_of(slo.id))

    def parts_of(self, slo: SloId) -> tuple[AdjustedMember, ...]:
        """The components of a composite; none of another SLO, nor of a sum of several, of which the others remain."""
        if slo not in self._parts:
            known = self._slos.get(slo)
            evaluated = None if known is None else known.sli.evaluated
            composition = None if evaluated is None else evaluated.composition
            is_sum = composition is not None and composition.rule is CompositeRule.SUM_OF
            components = () if composition is None else composition.components
            # A sum of one SLO is that SLO, such as all members of its group.
            self._parts[slo] = tuple(self._members(components)) if len(components) == 1 or not is_sum else ()
        return self._parts[slo]

    def _members(self, components: Iterable[Component]) -> Iterable[AdjustedMember]:
        for component in components:
            id_ = SloId(component.slo)
            slo = self._slos.get(ungrouped_id(id_))
            if slo is not None:
                yield self.member(id_, slo, component.group or ())
