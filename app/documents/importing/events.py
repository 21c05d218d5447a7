"""SLIs from the queries of a document."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta

from app.documents.importing.scope import Scope
from app.documents.lint.outside_total import outside_of_sli
from app.documents.templates import TEMPLATE
from app.sli.any_promql import sli_of_any_error_ratio, sli_of_any_events
from app.sli.errors import NotExpressibleError
from app.sli.from_promql import Reduced
from app.sli.never_bad import NEVER_BAD
from app.slo import Sli, format_duration

# Sloth, Pyrra and their like record each ratio from this window on.
_SHORTEST = timedelta(minutes=5)
# As in `job:slo_errors:ratio_rate{{.window}}`.
_IN_NAME = re.compile(r"(?<=[\w:])\{\{-?\s*\.window\s*-?\}\}")
NOT_EXPRESSIBLE = "not_expressible"
"""The code of a query that cannot be counted, where nothing closer is known."""
# Any `{{ ... }}` but `{{.window}}` with the spaces and dashes that Go allows, and any tag of Jinja such as `{% raw %}`;
# one without an end is one too.
_OTHER_ACTION = re.compile(r"\{\{(?!-?\s*\.window\s*-?\}\}).*?(?:\}\}|$)|\{%.*?(?:%\}|$)", re.DOTALL)


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
    queries = {events: _of_recorded(*query) for events, query in given.items() if query is not None}
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
    return _with_warnings(reduced, {events: scope for events, (_, scope) in queries.items()})


def sli_of_ratio(query: tuple[str, Scope], by: tuple[str, ...] = ()) -> Sli | None:
    """The SLI of an expression of the error ratio, with its place; None where it fails."""
    text, scope = query = _of_recorded(*query)
    if has_other_actions((query,)):
        return None
    try:
        reduced = sli_of_any_error_ratio(text, by=by)
    except NotExpressibleError as error:
        scope.error(error.reason, error.remedy, error.code or NOT_EXPRESSIBLE)
        return None
    return _with_warnings(reduced, {"": scope})


def _of_recorded(text: str, scope: Scope) -> tuple[str, Scope]:
    """The query with the series of the shortest window in the place of those that are recorded for each."""
    named = _IN_NAME.sub(format_duration(_SHORTEST), text)
    if named != text:
        problem = f"reads a series that is recorded for each window: that of {format_duration(_SHORTEST)} is evaluated"
        scope.warning(problem, "write the queries that it is recorded from, to have its events counted", "evaluated")
    return named, scope


def _with_warnings(reduced: Reduced, scopes: Mapping[str, Scope]) -> Sli:
    """The SLI; its findings are warnings at the queries that they are about."""
    whole = next(iter(scopes.values()))
    of_part = scopes.get("bad") or scopes.get("good") or whole
    for finding in reduced.findings:
        # That nothing can be bad is shown at the part, which is the one that people change.
        at = of_part if finding is NEVER_BAD else scopes.get(finding.field, whole)
        at.warning(finding.problem, finding.remedy, finding.code)
    for outside in outside_of_sli(reduced.sli):
        of_part.warning(outside.problem, outside.remedy, outside.code)
    return reduced.sli


def has_other_actions(queries: Iterable[tuple[str, Scope]]) -> bool:
    """Whether a query has a template action besides that of the window, which only its own tool could render."""
    found = [(action, scope) for text, scope in queries if (action := _OTHER_ACTION.search(text)) is not None]
    for action, scope in found:
        engine = "Jinja" if action[0].startswith("{%") else "Go, such as Helm's"
        problem = f"{action[0]} is a template of {engine}, and only {{{{.window}}}} is replaced here"
        scope.error(problem, "write {{.window}} for the window, or render the file first", TEMPLATE)
    return bool(found)
