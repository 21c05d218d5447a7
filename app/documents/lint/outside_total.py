"""Bad or good events that are none of all events, by the matchers of both queries."""

from collections.abc import Iterator, Sequence

from app.documents.lint.names import OUTSIDE_TOTAL
from app.promql.matching import matches
from app.promql.metric_names import BUCKET, NAME, name_of
from app.promql.selector_text import render
from app.slo import Events, Matcher, MatchOp, Selector, Sli
from app.yamldoc.findings import FieldFinding

# Tried beside the values that the matchers name: what people tell apart by patterns are mostly status codes.
_CODES = ("200", "201", "301", "304", "400", "401", "403", "404", "429", "499", "500", "502", "503", "504")


def outside_of_sli(sli: Sli) -> Iterator[FieldFinding]:
    """Findings, without a path, about the part of an SLI that is one query out of another one."""
    totals = [term.selector for term in sli.terms if term.events is Events.TOTAL]
    parts = [term.selector for term in sli.terms if term.events is not Events.TOTAL]
    # Of sums, a difference in matchers is what makes them a sum.
    if len(totals) == len(parts) == 1:
        yield from outside_total(totals[0], parts[0])


def outside_total(total: Selector, part: Selector) -> Iterator[FieldFinding]:
    """Findings, without a path, about labels by which *part* selects what *total* does not."""
    if name_of(total) is None or name_of(total) != name_of(part):
        return
    for label in dict.fromkeys(matcher.label for matcher in total.matchers if matcher.label not in {NAME, BUCKET}):
        problem = _problem(label, _on(label, total), _on(label, part))
        if problem is not None:
            yield FieldFinding((), problem, f"write the matcher on {label} as in total", OUTSIDE_TOTAL)


def _problem(label: str, of_total: Sequence[Matcher], of_part: Sequence[Matcher]) -> str | None:
    if not of_part:
        return f"counts events that total does not count: it has no matcher on {label}"
    if set(of_total) <= set(of_part):
        return None
    wanted, found = _equal(of_total), _equal(of_part)
    if wanted is not None and found is not None:
        return None if wanted == found else f"counts no event of total: {label} is {found!r} here and {wanted!r} there"
    counted = [value for value in _candidates((*of_part, *of_total)) if _match(of_part, label, value)]
    outside = [value for value in counted if not _match(of_total, label, value)]
    if not outside:
        return None
    words = "counts no event of total" if outside == counted else "counts events that total does not count"
    return f"{words}, such as {label}={outside[0]!r}: total has {render(Selector(tuple(of_total)))}"


def _match(matchers: Sequence[Matcher], label: str, value: str) -> bool:
    return matches(Selector(tuple(matchers)), {label: value})


def _candidates(matchers: Sequence[Matcher]) -> Iterator[str]:
    for matcher in matchers:
        yield from matcher.value.split("|") if matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX} else (matcher.value,)
    yield from _CODES


def _on(label: str, selector: Selector) -> list[Matcher]:
    return [matcher for matcher in selector.matchers if matcher.label == label]


def _equal(matchers: Sequence[Matcher]) -> str | None:
    return next((matcher.value for matcher in matchers if matcher.op is MatchOp.EQUAL), None)
