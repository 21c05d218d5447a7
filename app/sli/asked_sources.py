"""Which sources are asked to count an SLI of any kind, and in which language."""

from app.sli.composites import Composite
from app.sli.interval_counts import IntervalCounts
from app.sli.several_sources import SeveralSources
from app.slo import Sli, SourceKind


def sources_of_sli(sli: Sli) -> tuple[str, ...]:
    """The names of the sources that an SLI is counted from, each once; of a composite those of its components."""
    if isinstance(sli, SeveralSources):
        return sli.sources
    if isinstance(sli, Composite):
        parts = (part.sli for part in sli.parts if part.sli is not None)
        return tuple(dict.fromkeys(name for part in parts for name in sources_of_sli(part)))
    return (sli.source,)


def language_of_sli(sli: Sli) -> SourceKind:
    """The kind of the sources that can count an SLI; of a composite, which asks none itself, Prometheus."""
    of = sli.of if isinstance(sli, SeveralSources) else sli
    return of.language if isinstance(of, IntervalCounts) else SourceKind.PROMETHEUS
