"""Selectors from text and to text: the one place where a label value turns into PromQL."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import promql_parser as promql
import re2

from app.slo import Matcher, MatchOp, Selector

_NAME = "__name__"
_OPS = (
    (promql.MatchOp.Equal, MatchOp.EQUAL),
    (promql.MatchOp.NotEqual, MatchOp.NOT_EQUAL),
    (promql.MatchOp.Re, MatchOp.REGEX),
    (promql.MatchOp.NotRe, MatchOp.NOT_REGEX),
)
_REGEX_OPS = frozenset({MatchOp.REGEX, MatchOp.NOT_REGEX})
# Printable ASCII without the quote and the backslash: a value of it is its own literal.
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
# Words that are syntax where a label or metric name may stand: such names are quoted, as Prometheus 3 allows.
_WORDS_OF_PROMQL = re.compile(
    r"and|or|unless|atan2|bool|by|without|on|ignoring|group_(left|right)|fill(_left|_right)?|offset|start|end|step|range"
    r"|min_of|max_of|smoothed|anchored|inf|nan",
    re.IGNORECASE,
)
# PromQL has Go's escapes: \uXXXX up to here, \UXXXXXXXX above.
_ESCAPES_OF_FOUR_DIGITS_END = 0xFFFF
STRING_OR_COMMENT: Final = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*)"""
"""What looks for tokens in the text of an expression skips these: a regular expression has brackets, too."""
_STRING_OR_COMMENT = re.compile(STRING_OR_COMMENT, re.DOTALL)
# What shows that a string is a name: an operator behind it, or a list of labels around it; `{` alone, for a metric.
_OPERATOR = re.compile(r"\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$", re.IGNORECASE)
_OPEN = re.compile(r"\{[^{}]*$")
_OF_NAMES = re.compile(r"[A-Za-z0-9_:]", re.ASCII)
LONGEST = 8192
"""The parser recurses over nested expressions; a text this short cannot exhaust a thread's stack."""


class SelectorError(ValueError):
    """A text that is not a bare selector: *problem* says what is wrong, *remedy* what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


def parse_promql(text: str) -> promql.Expr:
    r"""Parse PromQL; strings in backticks have no escapes, in which the parser would look for them.

    >>> str(parse_promql(r"m{code=~`5\d\d`}")) == r'm{code=~"5\\d\\d"}'
    True
    """
    if "`" in text:
        text = _STRING_OR_COMMENT.sub(lambda found: quote(found[0][1:-1]) if found[0][0] == "`" else found[0], text)
    return promql.parse(text)


def with_escaped_names(text: str) -> str:
    r"""The text with names in quotes as MetricsQL has them, with backslashes: VictoriaMetrics may know no quoted names.

    >>> print(with_escaped_names('sum by ("http.route") (rate(m{"http.route"="a.b"}[5m]))'))
    sum by (http\.route) (rate(m{http\.route="a.b"}[5m]))
    """

    def escaped(found: re.Match[str]) -> str:
        # A list of labels, or a selector, is shorter than that; queries of many SLIs are not.
        token, before = found[0], text[max(found.start() - LONGEST // 4, 0) : found.start()]
        after = text[found.end() : found.end() + 8]
        if token[0] not in "\"'" or "\\" in token:
            return token
        name = "".join(char if _OF_NAMES.fullmatch(char) else f"\\{char}" for char in token[1:-1])
        if _OPERATOR.match(after) or _GROUPING.search(before):
            return name
        is_metric = before.rstrip()[-1:] in {"{", ","} and after.lstrip()[:1] in {"}", ","} and _OPEN.search(before)
        return f"__name__={token}" if is_metric else token

    return _STRING_OR_COMMENT.sub(escaped, text)


def parse_selector(text: str) -> Selector:
    """Parse a selector such as ``http_requests_total{code=~"5.."}``.

    Raises:
        SelectorError: the text is not a bare instant vector selector, or a regular expression in it is not RE2.
    """
    if len(text) > LONGEST:
        raise SelectorError(f"the selector has more than {LONGEST} characters", "write shorter matchers")
    try:
        expr = parse_promql(text)
    except ValueError as error:
        raise SelectorError(
            f"this is not PromQL: {parser_message(error)}", 'write a selector such as m{label="x"}'
        ) from error
    if not isinstance(expr, promql.VectorSelector):
        raise SelectorError(_why_not_bare(expr), _write_instead(expr))
    return bare(expr)


def bare(expr: promql.VectorSelector) -> Selector:
    """The selector of a parsed one.

    Raises:
        SelectorError: it has an offset, an @, an `or`, or a regular expression that is not RE2.
    """
    if expr.offset is not None or expr.at is not None:
        raise SelectorError("a selector carries no time: offset and @ are not allowed", f"write {_without_time(expr)}")
    if expr.matchers.or_matchers:
        raise SelectorError(
            "`or` between matchers is understood by VictoriaMetrics only", 'write a regex: {code=~"a|b"}'
        )
    selector = selector_of(expr)
    for matcher in selector.matchers:
        if matcher.op in _REGEX_OPS:
            _check_regex(matcher)
    return selector


def selector_of(expr: promql.VectorSelector) -> Selector:
    """The name and the matchers of a parsed selector, without the time that it may have."""
    matchers = [Matcher(found.name, _op(found.op), found.value) for found in expr.matchers.matchers]
    if expr.name is not None:
        matchers.append(Matcher(_NAME, MatchOp.EQUAL, expr.name))
    return Selector(tuple(matchers))


def render(selector: Selector) -> str:
    """The selector as PromQL, every value quoted.

    >>> render(parse_selector("up { job = 'a' , code !~ `4..` }"))
    'up{code!~"4..",job="a"}'
    """
    names = [matcher for matcher in selector.matchers if matcher.label == _NAME]
    bare = len(names) == 1 and names[0].op is MatchOp.EQUAL and _is_metric_name(names[0].value)
    name = names[0].value if bare else ""
    matchers = [matcher for matcher in selector.matchers if not (bare and matcher.label == _NAME)]
    if bare and not matchers:
        return name
    return name + "{" + ",".join(_matcher(matcher) for matcher in matchers) + "}"


def sum_text(weighted: Iterable[tuple[float, Selector]]) -> str:
    """A weighted sum of selectors as people write it; those without a weight are left out.

    >>> sum_text([(1, parse_selector("a")), (-1, parse_selector("b")), (0.5, parse_selector("c"))])
    'a - b + 0.5 * c'
    """
    return weighted_text((weight, render(selector)) for weight, selector in weighted)


def weighted_text(weighted: Iterable[tuple[float, str]]) -> str:
    """A weighted sum of expressions as people write it; those without a weight are left out."""
    text = ""
    for weight, term in weighted:
        if weight:
            factor = "" if abs(weight) == 1 else f"{abs(weight):.12g} * "
            sign = ("- " if weight < 0 else "") if not text else " - " if weight < 0 else " + "
            text += f"{sign}{factor}{term}"
    return text


def label_text(label: str) -> str:
    """A label name as PromQL, quoted where its characters ask for that."""
    return label if _LABEL_NAME.fullmatch(label) else quote(label)


def by_clause(labels: Sequence[str]) -> str:
    """What an aggregation is grouped by, to be written behind its name; empty where there are no labels.

    >>> f"sum{by_clause(['job', 'http.route'])} (m)", f"sum{by_clause(())} (m)"
    ('sum by (job, "http.route") (m)', 'sum (m)')
    """
    return f" by ({', '.join(map(label_text, labels))})" if labels else ""


def quote(value: str) -> str:
    r"""A PromQL string literal for any text; what is not printable is escaped.

    >>> print(quote('a "b" #'))
    "a \"b\" #"
    """
    if _PLAIN.fullmatch(value):
        return f'"{value}"'
    return '"' + "".join(map(_escape, value)) + '"'


def _op(found: promql.MatchOp) -> MatchOp:
    return next(op for theirs, op in _OPS if theirs == found)


def _check_regex(matcher: Matcher) -> None:
    problem = _problem_of_regex(matcher.value)
    if problem is not None:
        raise SelectorError(
            f"the regular expression of {matcher.label} is not RE2: {problem}",
            "see https://github.com/google/re2/wiki/Syntax",
        )


# Thousands of SLOs have the same few expressions, such as 5.. of status codes.
@lru_cache(maxsize=1024)
def _problem_of_regex(expression: str) -> str | None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(expression, options)
    except re2.error as error:
        return parser_message(error)
    return None


def _why_not_bare(expr: promql.Expr) -> str:
    if isinstance(expr, promql.MatrixSelector | promql.SubqueryExpr):
        return "a selector has no range: the service chooses the windows"
    if isinstance(expr, promql.Call):
        return f"{expr.func.name}() is not a selector: the service counts the events of the bare counter itself"
    if isinstance(expr, promql.AggregateExpr):
        return "an aggregation is not a selector: the service adds up all series that match"
    if isinstance(expr, promql.NumberLiteral | promql.StringLiteral):
        return "a literal is not a selector"
    return "an expression is not a selector: one counter and its matchers are counted"


def _write_instead(expr: promql.Expr) -> str:
    found: list[promql.VectorSelector] = []
    promql.walk(expr, lambda node: _collect(node, found))
    if len(found) == 1 and not found[0].matchers.or_matchers:
        return f"write {_without_time(found[0])}"
    return 'write a bare selector such as http_requests_total{job="shop"}'


def _collect(node: promql.Expr, found: list[promql.VectorSelector]) -> None:
    if isinstance(node, promql.VectorSelector):
        found.append(node)


def _without_time(expr: promql.VectorSelector) -> str:
    return render(selector_of(expr))


def _matcher(matcher: Matcher) -> str:
    return f"{label_text(matcher.label)}{matcher.op}{quote(matcher.value)}"


def _is_metric_name(name: str) -> bool:
    # A word of the language is a name in some versions of PromQL only; in braces it always is.
    return _METRIC_NAME.fullmatch(name) is not None and _WORDS_OF_PROMQL.fullmatch(name) is None


def _escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    # Prometheus takes a literal U+FFFD for broken UTF-8.
    if char.isprintable() and char != "\ufffd":
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= _ESCAPES_OF_FOUR_DIGITS_END else f"\\U{ord(char):08x}"


def parser_message(error: Exception) -> str:
    """What an error says, without line breaks."""
    return " ".join(str(error).split())
