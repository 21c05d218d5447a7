"""Which sources are asked to count an SLI of any kind."""

from app.sli.composites import Composite
from app.sli.several_sources import SeveralSources
from app.slo import Sli


def sources_of_sli(sli: Sli) -> tuple[str, ...]:
    """The names of the sources that an SLI is counted from, each once; of a composite those of its components."""
    if isinstance(sli, SeveralSources):
        return sli.sources
    if isinstance(sli, Composite):
        parts = (part.sli for part in sli.parts if part.sli is not None)
        return tuple(dict.fromkeys(name for part in parts for name in sources_of_sli(part)))
    return (sli.source,)
