"""Composites of OpenSLO: the objectives of one SLO, each with its own indicator, which count by their weights."""

from collections.abc import Mapping, Sequence

from app.documents.openslo.slos import name_in_id
from app.sli import Composite
from app.slo import CompositeRule, Slo, SloId

_USUAL = Composite(rule=CompositeRule.WEIGHTED, parts=())


def objectives_of(slo: Slo, slos: Mapping[SloId, Slo]) -> Sequence[Slo] | None:
    """The SLOs that are the objectives of a composite; None where it is none of OpenSLO.

    An objective has no id of its own: it is that of the composite with a name, or a number, behind.
    """
    sli = slo.sli
    if not isinstance(sli, Composite) or sli.with_parts(()) != _USUAL or len(sli.parts) <= 1:
        return None
    parts = [slos.get(part.slo) for part in sli.parts if part.is_whole]
    found = [part for part in parts if part is not None and part.window == slo.window and part.service == slo.service]
    names = [name_in_id(part.id, slo.id, number) for number, part in enumerate(found, start=1)]
    is_usable = len(found) == len(sli.parts) == len(set(names)) and None not in names
    return found if is_usable and not any(isinstance(part.sli, Composite) for part in found) else None


def composites_by_objective(slos: Mapping[SloId, Slo]) -> dict[SloId, SloId]:
    """The composite of each SLO that is an objective of one."""
    found: dict[SloId, SloId] = {}
    for slo in slos.values():
        objectives = objectives_of(slo, slos) or ()
        if not any(one.id in found for one in objectives):
            found |= {one.id: slo.id for one in objectives}
    return found
