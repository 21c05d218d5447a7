"""The SLI of an SLO of Sloth."""

from app.documents.importing.events import sli_of_events, sli_of_ratio
from app.documents.importing.scope import Scope
from app.documents.sloth.model import SliModel
from app.documents.sloth.plugins import sli_of_plugin
from app.slo import Sli

_KINDS = "write one of events, raw and plugin"


def sli_of_model(model: SliModel, objective: float, scope: Scope) -> Sli | None:
    """What is counted; None, and why, where it cannot be."""
    given = [kind for kind in (model.events, model.raw, model.plugin) if kind is not None]
    if len(given) != 1:
        scope.error("says nothing to count" if not given else "has more than one kind of SLI", _KINDS)
        return None
    if model.events is not None:
        events, below = model.events, scope.below("events")
        return sli_of_events(
            total=(events.total_query, below.below(events.key("total_query"))),
            bad=(events.error_query, below.below(events.key("error_query"))),
        )
    if model.raw is not None:
        return sli_of_ratio((model.raw.error_ratio_query, scope.below("raw", model.raw.key("error_ratio_query"))))
    if model.plugin is not None:
        return sli_of_plugin(model.plugin, objective, scope.below("plugin"))
    return None
