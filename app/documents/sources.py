"""Whether the sources are there that SLOs name."""

import difflib
from collections.abc import Iterable, Mapping

from app.documents.dialect import PlacedSlo
from app.sli import Composite, language_of_sli, sources_of_sli
from app.slo import DEFAULT_SOURCE, SourceKind
from app.yamldoc.findings import Findings

SOURCE = "source"
"""The code of a source that is not there."""
SOURCE_KIND = "source_kind"
"""The code of a source whose language is not that of the SLI."""
_KEYS = {
    SourceKind.PROMETHEUS: "PromQL",
    SourceKind.DATADOG: "datadog: and metric queries below sli",
    SourceKind.NEWRELIC: "newrelic: and NRQL below sli",
}


def check_sources(placed: Iterable[PlacedSlo], known: Mapping[str, SourceKind], findings: Findings) -> None:
    """Note the SLOs that are to be counted from a source that is not *known*, or has another language."""
    listed = ", ".join(known)
    for found in placed:
        sli = found.slo.sli
        unknown = () if isinstance(sli, Composite) else [name for name in sources_of_sli(sli) if name not in known]
        place, field = found.source or (found.place, found.field)
        if not unknown:
            _check_language(found, known, findings)
            continue
        close = difflib.get_close_matches(unknown[0], known, n=1) if found.source is not None else []
        remedy = f"did you mean {close[0]}?" if close else f"write one of {listed}, or add it to sources"
        problem = f"there is no source {unknown[0]}"
        if found.source is None and unknown[0] == DEFAULT_SOURCE:
            problem = "names no source, and none is the default"
            remedy = f"write source: and one of {listed}, or set SLOBURN_PROMETHEUS_URL"
        findings.error(place, problem, remedy, field=field, code=SOURCE)


def _check_language(found: PlacedSlo, known: Mapping[str, SourceKind], findings: Findings) -> None:
    """Note an SLO whose queries its source does not understand."""
    sli = found.slo.sli
    if isinstance(sli, Composite):
        return
    language = language_of_sli(sli)
    other = next((name for name in sources_of_sli(sli) if known[name] is not language), None)
    if other is None:
        return
    place, field = found.source or (found.place, found.field)
    problem = f"the source {other} is of kind {known[other]}, and the queries are those of {language}"
    fitting = [name for name, kind in known.items() if kind is language]
    remedy = f"write {_KEYS[known[other]]}"
    if fitting:
        remedy += f", or a source of kind {language}: {', '.join(fitting)}"
    findings.error(place, problem, remedy, field=field, code=SOURCE_KIND)
