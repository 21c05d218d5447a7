"""Queries of which a document says whether they are counters, or counts of each interval."""

from app.documents.importing.events import sli_of_events
from app.documents.importing.samples import WINDOW
from app.documents.importing.scope import Scope
from app.promql.metric_names import looks_like_counter, name_of
from app.promql.selector_text import SelectorError, parse_selector
from app.slo import Sli, SliKind

_Placed = tuple[str, Scope]
TAKEN_AS_COUNTER = "taken_as_counter"
"""The code of a query that is counted although its document says that it is no counter."""


def sli_of_counts(
    total: _Placed, *, bad: _Placed | None = None, good: _Placed | None = None, are_counters: bool
) -> Sli | None:
    """The SLI of the queries of all and of the bad or good events; None, and an error, where it fails.

    Queries that are no counters and have no range have the events of one interval in each sample.
    """
    queries = [query for query in (total, bad, good) if query is not None]
    if are_counters or any("[" in text for text, _ in queries):
        return sli_of_events(total=total, bad=bad, good=good, are_counters=are_counters)
    are_bare = all(_is_bare(text) for text, _ in queries)
    sli = sli_of_events(total=total, bad=bad, good=good, are_counters=are_bare)
    if sli is None or sli.kind is not SliKind.COUNTERS:
        return sli
    names = {name_of(term.selector) for term in sli.terms}
    if all(name is not None and looks_like_counter(name) for name in names):
        problem = "is taken as a counter by its name, although the document does not say that it is one"
        total[1].warning(problem, "say that it is a counter", TAKEN_AS_COUNTER)
        return sli
    return sli_of_events(total=_added_up(total), bad=bad and _added_up(bad), good=good and _added_up(good))


def _is_bare(text: str) -> bool:
    try:
        parse_selector(text.strip())
    except SelectorError:
        return False
    return True


def _added_up(query: _Placed) -> _Placed:
    text, scope = query
    return f"sum_over_time({text}{WINDOW})", scope
