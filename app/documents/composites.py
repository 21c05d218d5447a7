"""Finding the components of composites among the SLOs of all documents of any dialect."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.documents.dialect import PlacedSlo
from app.sli import Composite, Part
from app.slo import CompositeRule, GroupKey, Slo, SloId, group_in_id, ungrouped_id
from app.yamldoc.findings import FieldPath, Findings, Place

COMPONENT = "component"
"""The code of a component that cannot be one."""
# A composite has the SLIs of all that it is made of, at each level again.
_DEEPEST, _MOST_SLOS = 8, 1000
_MOST_LOOKED_FOR = 20


def with_components(placed: Sequence[PlacedSlo], findings: Findings) -> list[PlacedSlo]:
    """The SLOs, each composite with the SLIs of its components; those that lack one are left out with an error."""
    if not any(isinstance(found.slo.sli, Composite) for found in placed):
        return list(placed)
    resolver = _Resolver({found.slo.id: found for found in placed}, findings, all_sound=not findings.errors)
    resolved = [(found, resolver.slo(found, ())) for found in placed]
    return [replace(found, slo=slo) for found, slo in resolved if slo is not None]


@dataclass(slots=True)
class _Resolver:
    placed: Mapping[SloId, PlacedSlo]
    findings: Findings
    all_sound: bool
    _done: dict[SloId, Slo | None] = field(default_factory=dict)
    # By composite: of how many SLOs it is made in all, and over how many levels.
    _extents: dict[SloId, tuple[int, int]] = field(default_factory=dict)
    _suggested: int = 0

    def slo(self, found: PlacedSlo, above: tuple[SloId, ...]) -> Slo | None:
        """The SLO with its components; *above* are the composites that it is looked up for."""
        slo = found.slo
        if not isinstance(slo.sli, Composite):
            return slo
        if slo.id not in self._done:
            self._done[slo.id] = self._resolved(found, slo.sli, (*above, slo.id))
        return self._done[slo.id]

    def _resolved(self, found: PlacedSlo, composite: Composite, above: tuple[SloId, ...]) -> Slo | None:
        parts: list[Part] = []
        taken: set[tuple[SloId, GroupKey | None]] = set()
        for i, part in enumerate(composite.parts):
            place, path = found.components[i] if i < len(found.components) else (found.place, found.field)
            one = self._part(part, composite.rule, above, place, path)
            if one is not None and (one.slo, one.group) in taken:
                self._refuse(place, path, f"{one.words} is a component already", "remove it")
                one = None
            parts += [] if one is None else [one]
            taken |= set() if one is None else {(one.slo, one.group)}
        if len(parts) < len(composite.parts):
            return None
        extents = [self._extents.get(part.slo, (1, 0)) for part in parts]
        size, level = sum(size for size, _ in extents), 1 + max((level for _, level in extents), default=0)
        if size > _MOST_SLOS or level > _DEEPEST:
            self._refuse_extent(found.place, found.field)
            return None
        self._extents[found.slo.id] = size, level
        return replace(found.slo, sli=composite.with_parts(tuple(parts)))

    def _part(
        self, part: Part, rule: CompositeRule, above: tuple[SloId, ...], place: Place, path: FieldPath
    ) -> Part | None:
        slo_id, group = self._meant(part)
        if slo_id in above:
            chain = " -> ".join((*above[above.index(slo_id) :], slo_id))
            problem = f"{slo_id} is the composite itself" if slo_id == above[-1] else f"goes round in a circle: {chain}"
            self._refuse(place, path, problem, "write SLOs that do not need this one")
            return None
        found = self.placed.get(slo_id)
        if len(above) > _DEEPEST:
            self._refuse_extent(place, path)
            return None
        if found is None:
            close = self._close_to(slo_id)
            remedy = f"did you mean {close[0]}?" if close else "write the id of an SLO of these documents"
            or_unsound = "" if self.all_sound else ", or it has errors of its own"
            self._refuse(place, path, f"there is no SLO with the id {part.slo}{or_unsound}", remedy)
            return None
        component = self.slo(found, above)
        if component is None:
            # Its own error says why.
            return None
        labels = tuple(sorted(component.sli.by))
        if group is not None and tuple(label for label, _ in group) != labels:
            wanted = ", ".join(f"{label}: ..." for label in labels)
            problem = f"{slo_id} has no members with the labels {', '.join(label for label, _ in group)}"
            remedy = f"write member: {{{wanted}}}" if labels else "remove member:, since the SLO has no groups"
            self._refuse(place, path, problem, remedy)
            return None
        target = part.target
        if rule is CompositeRule.ALL_OF and target is None:
            target = component.objective
        return replace(part, slo=slo_id, group=group, sli=component.sli, target=target)

    def _meant(self, part: Part) -> tuple[SloId, GroupKey | None]:
        """The SLO of a part, and the member of it, which may be named by its id."""
        base = ungrouped_id(part.slo)
        found = self.placed.get(base)
        if part.slo in self.placed or found is None or part.group is not None or not found.slo.sli.by:
            return part.slo, part.group
        group = group_in_id(part.slo, found.slo.sli.by)
        return (part.slo, None) if group is None else (base, group)

    def _close_to(self, slo_id: SloId) -> list[str]:
        """An id that may be meant; looked for some times only, as each is compared with all others."""
        self._suggested += 1
        known = map(str, self.placed) if self._suggested <= _MOST_LOOKED_FOR else ()
        return difflib.get_close_matches(slo_id, known, n=1)

    def _refuse_extent(self, place: Place, path: FieldPath) -> None:
        problem = f"is made of more than {_MOST_SLOS:,} SLOs, or of composites more than {_DEEPEST} levels deep"
        self._refuse(place, path, problem, "write a composite of fewer SLOs")

    def _refuse(self, place: Place, path: FieldPath, problem: str, remedy: str) -> None:
        self.findings.error(place, problem, remedy, field=path, code=COMPONENT)
