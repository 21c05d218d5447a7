"""Whether the sources are there that SLOs name."""

import difflib
from collections.abc import Iterable, Sequence

from app.documents.dialect import PlacedSlo
from app.sli import Composite, sources_of_sli
from app.slo import DEFAULT_SOURCE
from app.yamldoc.findings import Findings

SOURCE = "source"
"""The code of a source that is not there."""


def check_sources(placed: Iterable[PlacedSlo], known: Sequence[str], findings: Findings) -> None:
    """Note the SLOs that are to be counted from a source that is not *known*."""
    listed = ", ".join(known)
    for found in placed:
        sli = found.slo.sli
        unknown = () if isinstance(sli, Composite) else [name for name in sources_of_sli(sli) if name not in known]
        if not unknown:
            continue
        place, field = found.source or (found.place, found.field)
        close = difflib.get_close_matches(unknown[0], known, n=1) if found.source is not None else []
        remedy = f"did you mean {close[0]}?" if close else f"write one of {listed}, or add it to sources"
        problem = f"there is no source {unknown[0]}"
        if found.source is None and unknown[0] == DEFAULT_SOURCE:
            problem = "names no source, and none is the default"
            remedy = f"write source: and one of {listed}, or set SLOBURN_PROMETHEUS_URL"
        findings.error(place, problem, remedy, field=field, code=SOURCE)
