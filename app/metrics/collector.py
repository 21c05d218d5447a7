"""The snapshots on the board as metric families, written straight as exposition lines.

prometheus_client needs a second for the 30,000 samples of a thousand SLOs; this needs some tens of milliseconds. All
labels come from documents, so a removed SLO leaves with its snapshot. A value that is NaN is left out: an absent
sample is Prometheus's own way to say "unknown".
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from app.metrics.families import FAMILIES, SLO_COUNT, SLO_PROBLEM_COUNTS, SLO_REFUSED_MEMBERS, Family
from app.metrics.slo_lines import KnownTexts, labels_of_slo
from app.status import ProblemCode, Snapshot


def render_slos(snapshots: Sequence[Snapshot], *, openmetrics: bool = False, known: KnownTexts | None = None) -> str:
    """Every family of the SLOs in the text format or in OpenMetrics, without its closing ``# EOF``."""
    return "".join(render_families(snapshots, openmetrics=openmetrics, known=known))


def render_families(
    snapshots: Sequence[Snapshot], *, openmetrics: bool = False, known: KnownTexts | None = None
) -> Iterator[str]:
    """The text of each family, one after another; *known* is what has been written before."""
    texts = KnownTexts() if known is None else known
    # A few families at a time: all lines of 10,000 SLOs would be 80 MB of small strings.
    for add in (texts.add_about, texts.add_windows, texts.add_figures):
        some: dict[Family, list[str]] = defaultdict(list)
        for snapshot in snapshots:
            add(some, snapshot)
        yield from _written(some, openmetrics=openmetrics)
        some.clear()
    lines: dict[Family, list[str]] = defaultdict(list)
    for snapshot in snapshots:
        texts.add_alerts(lines, snapshot)
    # Every member shows the alerts of its group.
    first_members = {one.slo.id: one for one in reversed(snapshots) if one.group}
    for one in reversed(first_members.values()):
        texts.add_alerts_of_group(lines, one)
    texts.forget_all_but(snapshots)
    lines[SLO_PROBLEM_COUNTS] += _problem_counts(snapshots)
    lines[SLO_REFUSED_MEMBERS] += _refused(snapshots)
    lines[SLO_COUNT].append(f"{SLO_COUNT.name} {len(snapshots)}\n")
    yield from _written(lines, openmetrics=openmetrics)


def _written(lines: dict[Family, list[str]], *, openmetrics: bool) -> Iterator[str]:
    for family in FAMILIES:
        of_family = lines.pop(family, None)
        if of_family:
            yield family.header(openmetrics=openmetrics) + "".join(of_family)


def _refused(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    """Of every group, how many members it refuses; by the labels of the whole SLO."""
    refused = {one.slo.id: one for one in snapshots if one.refused_members is not None}
    for one in refused.values():
        yield f"{SLO_REFUSED_MEMBERS.name}{{{labels_of_slo(one.slo)}}} {one.refused_members}\n"


def _problem_counts(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    # Of one SLO only what it has is listed: twenty series at zero for each would double the page.
    counts = Counter(
        code for snapshot in snapshots if snapshot.problems for code in {problem.code for problem in snapshot.problems}
    )
    for code in ProblemCode:
        yield f'{SLO_PROBLEM_COUNTS.name}{{problem="{code}"}} {counts[code]}\n'
