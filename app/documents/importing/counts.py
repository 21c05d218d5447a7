"""Queries of which a document says whether they are counters, or counts of each interval."""

from app.documents.importing.events import sli_of_events
from app.documents.importing.samples import WINDOW
from app.documents.importing.scope import Scope
from app.promql.metric_names import looks_like_counter, name_of
from app.promql.selector_text import SelectorError, parse_selector
from app.slo import Sli

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
        return sli_of_events(total=total, bad=bad, good=good)
    sli = sli_of_events(total=total, bad=bad, good=good)
    names = set() if sli is None else {name_of(term.selector) for term in sli.terms}
    if sli is None or all(name is not None and looks_like_counter(name) for name in names):
        if sli is not None:
            problem = "is taken as a counter by its name, although the document does not say that it is one"
            total[1].warning(problem, "say that it is a counter", TAKEN_AS_COUNTER)
        return sli
    if not all(_is_bare(text) for text, _ in queries):
        problem = "is neither said to be a counter nor a bare selector whose samples could be added up"
        total[1].error(problem, "say that it is a counter, or write sum_over_time() and a range")
        return None
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
