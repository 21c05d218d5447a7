"""Datadog's metric queries that count events, such as ``sum:requests{service:shop}.as_count()``.

Sums and differences of them are sent as formulas, which Datadog's own SLOs have too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.count_queries.errors import CountQueryError

# aggregation:metric{scope} by {tags}.functions()
_TERM = re.compile(
    r"(?P<aggregation>[a-z][a-z0-9]*):(?P<metric>[A-Za-z][\w.]*)\{(?P<scope>[^{}]*)\}"
    r"(?:\s*by\s*\{(?P<by>[^{}]*)\})?(?P<functions>(?:\.\w+\([^()]*\))*)"
)
_FUNCTION = re.compile(r"\.(\w+)\(([^()]*)\)")
_PLACE = "\0"
# What may be left around the terms: sums, differences, and the function that makes zeros of missing points.
_AROUND = re.compile(r"(?:\0|[-+()\s]|default_zero)+")
# Those whose values of intervals are numbers of events; `count` is that of distributions.
_COUNTING = ("sum", "count")
_AS_COUNT = "write sum:METRIC{TAGS}.as_count()"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatadogCount:
    """A query that counts: its *terms*, without a rollup, and the *formula* of ``q0``, ``q1`` ... that adds them up.

    *by* are the tags that it is grouped by, as Datadog names them.
    """

    terms: tuple[str, ...]
    formula: str
    by: tuple[str, ...]

    @property
    def text(self) -> str:
        """The query as it is shown, and known by: without what does not matter to what is counted."""
        return self.formula_of(self.terms)

    def formula_of(self, names: Sequence[str]) -> str:
        """The formula with a name in the place of each term, in their order."""
        return re.sub(r"q(\d+)", lambda found: names[int(found[1])], self.formula)

    def rolled_up(self, seconds: int) -> tuple[str, ...]:
        """The terms as they are asked for intervals of some length."""
        return tuple(f"{term}.rollup(sum, {seconds})" for term in self.terms)


def read_datadog(text: str) -> DatadogCount:
    """What a query counts.

    >>> read_datadog("sum:hits{env:prod,service:shop} by {route}.as_count().rollup(sum, 30)").terms
    ('sum:hits{env:prod,service:shop} by {route}.as_count()',)

    Raises:
        CountQueryError: it counts no events, or groups its terms in different ways.
    """
    found = list(_TERM.finditer(text))
    around = _TERM.sub(_PLACE, text)
    if not found or _PLACE in text:
        raise CountQueryError("is not a metric query of Datadog", _AS_COUNT)
    if not _AROUND.fullmatch(around):
        left = " ".join(around.replace(_PLACE, " ").split())
        problem = f"has parts that are neither counted metrics nor their sums or differences: {left[:60]}"
        raise CountQueryError(problem, "write counts with + and - between them, without other functions")
    terms = tuple(map(_term, found))
    groups = {_tags(one["by"]) for one in found}
    if len(groups) > 1:
        raise CountQueryError("groups its metrics by different tags", "write the same by {...} for each")
    numbers = iter(range(len(found)))
    formula = re.sub(_PLACE, lambda _: f"q{next(numbers)}", " ".join(around.split()))
    return DatadogCount(terms=terms, formula=formula, by=groups.pop())


def label_of_tag(tag: str) -> str:
    """The label that a tag becomes: Datadog's names have dots, slashes and hyphens.

    >>> label_of_tag("kube_cluster-name")
    'kube_cluster_name'
    """
    return re.sub(r"\W", "_", tag, flags=re.ASCII)


def _term(found: re.Match[str]) -> str:
    """One term without its rollup, which is that of the interval."""
    metric, aggregation = found["metric"], found["aggregation"]
    if aggregation not in _COUNTING:
        raise CountQueryError(f"{aggregation}:{metric} is no number of events", _AS_COUNT)
    if "$" in found["scope"]:
        raise CountQueryError("has a template variable of a dashboard", "write the tag and its value")
    functions = _FUNCTION.findall(found["functions"])
    if ("as_count", "") not in functions:
        problem = f"{metric} is not asked as a count: without as_count() Datadog interpolates, and answers rates"
        raise CountQueryError(problem, _AS_COUNT)
    for name, arguments in functions:
        if name == "rollup" and arguments.split(",")[0].strip() not in ("", "sum"):
            raise CountQueryError("rolls counts up to something else than their sum", "remove .rollup(...)")
        if name not in ("as_count", "rollup"):
            problem = f"{name}() changes the counts"
            remedy = "remove it" if name != "fill" else "remove it, and write empty_intervals: no_events"
            raise CountQueryError(problem, remedy)
    by = _tags(found["by"])
    grouped = f" by {{{','.join(by)}}}" if by else ""
    scope = ",".join(part.strip() for part in found["scope"].split(",")) or "*"
    return f"{aggregation}:{metric}{{{scope}}}{grouped}.as_count()"


def _tags(written: str | None) -> tuple[str, ...]:
    return tuple(sorted(tag.strip() for tag in (written or "").split(",") if tag.strip()))
