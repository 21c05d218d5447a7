"""SLIs from the queries of a document."""

import re
from collections.abc import Iterable

from app.documents.importing.scope import Scope
from app.documents.lint.outside_total import outside_of_sli
from app.sli.any_promql import sli_of_any_error_ratio, sli_of_any_events
from app.sli.errors import NotExpressibleError
from app.sli.from_promql import Reduced
from app.sli.never_bad import NEVER_BAD
from app.slo import Sli

NOT_EXPRESSIBLE = "not_expressible"
"""The code of a query that cannot be counted, where nothing closer is known."""
# Any `{{ ... }}` but `{{.window}}` with the spaces and dashes that Go allows; one without an end is one too.
_OTHER_ACTION = re.compile(r"\{\{(?!-?\s*\.window\s*-?\}\}).*?(?:\}\}|$)", re.DOTALL)


def sli_of_events(
    *,
    total: tuple[str, Scope],
    bad: tuple[str, Scope] | None = None,
    good: tuple[str, Scope] | None = None,
    by: tuple[str, ...] = (),
    are_counters: bool = False,
) -> Sli | None:
    """The SLI of queries of all events and of the bad or the good ones, each with its place; None where it fails.

    *are_counters*: selectors without a function over time are counters, also without a counter's name.
    """
    given = {"total": total, "bad": bad, "good": good}
    queries = {events: query for events, query in given.items() if query is not None}
    if has_other_actions(queries.values()):
        return None
    try:
        texts = {events: text for events, (text, _) in queries.items()}
        reduced = sli_of_any_events(
            total=texts["total"], bad=texts.get("bad"), good=texts.get("good"), by=by, are_counters=are_counters
        )
    except NotExpressibleError as error:
        part = "good" if bad is None else "bad"
        # An error without a field is about how both go together: it is shown at the part, which is the one that people
        # change.
        _, scope = queries.get(error.field) or queries[part]
        scope.error(error.reason, error.remedy, error.code or NOT_EXPRESSIBLE)
        return None
    _, of_part = queries["good" if bad is None else "bad"]
    return _with_warnings(reduced, total[1], of_part)


def sli_of_ratio(query: tuple[str, Scope], by: tuple[str, ...] = ()) -> Sli | None:
    """The SLI of an expression of the error ratio, with its place; None where it fails."""
    text, scope = query
    if has_other_actions((query,)):
        return None
    try:
        reduced = sli_of_any_error_ratio(text, by=by)
    except NotExpressibleError as error:
        scope.error(error.reason, error.remedy, error.code or NOT_EXPRESSIBLE)
        return None
    return _with_warnings(reduced, scope)


def _with_warnings(reduced: Reduced, scope: Scope, of_part: Scope | None = None) -> Sli:
    """The SLI; its findings are warnings, that nothing can be bad at the part, which is the one that people change."""
    for finding in reduced.findings:
        at = of_part if of_part is not None and finding is NEVER_BAD else scope
        at.warning(finding.problem, finding.remedy, finding.code)
    for outside in outside_of_sli(reduced.sli):
        (of_part or scope).warning(outside.problem, outside.remedy, outside.code)
    return reduced.sli


def has_other_actions(queries: Iterable[tuple[str, Scope]]) -> bool:
    """Whether a query has a template action besides that of the window, which only its own tool could render."""
    found = [(action.group(), scope) for text, scope in queries for action in _OTHER_ACTION.finditer(text)]
    for action, scope in found:
        scope.error(f"{action} cannot be rendered here", "write {{.window}} for the window, or render it first")
    return bool(found)
