"""PromQL expressions from text, also those whose ranges are placeholders of the tool that they were written for."""

import re
from datetime import timedelta
from typing import Final

import promql_parser as promql

from app.promql.selector_text import LONGEST, STRING_OR_COMMENT, parse_promql, parser_message
from app.slo import format_duration

PLACEHOLDER: Final = timedelta(days=91, hours=7, minutes=13, seconds=17)
"""The range that stands for a placeholder in a parsed expression: one that no document has."""
_PLACEHOLDER_TEXT = "91d7h13m17s"
_REMEDIES: Final = {
    "ranges only allowed for vector selectors": "write a subquery around an expression, such as (...)[5m:1m]"
}
"""What to write instead of what the parser refuses, by its message."""
_TOKEN = re.compile(rf"{STRING_OR_COMMENT}|\[(?P<range>[^\[\]]*)\]|(?P<template>\{{\{{|\{{%)", re.DOTALL)
# Sloth: {{.window}}; Grafana: $__rate_interval, ${__range}; slo-generator: window; others: %window%, <window>.
_WINDOW = re.compile(
    r"(?:\{\{-?\s*\.?|\$\{?(?:__)?|%|<|\{)?\s*"
    r"(?:w|window|slo_?window|time_?window|range|interval|rate_interval|duration)"
    r"\s*(?:-?\}\}|\}|%|>)?",
    re.IGNORECASE,
)


class ExpressionError(ValueError):
    """A text that is not PromQL: *problem* says what is wrong, *remedy* what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


def parse_expression(text: str) -> promql.Expr:
    """Parse an expression; every placeholder of a window in it becomes the range `PLACEHOLDER`.

    Raises:
        ExpressionError: the text is too long, is a template, or is not PromQL.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has more than {LONGEST} characters", "write shorter matchers")
    plain, is_template = _without_placeholders(text)
    if is_template:
        raise ExpressionError(
            "the expression is a template: only the window may be a placeholder",
            "render the template first, such as by helm template",
        )
    try:
        return parse_promql(plain)
    except ValueError as error:
        message = parser_message(error)
        remedy = _REMEDIES.get(message, 'write a selector such as m{label="x"}, or a sum of rates')
        raise ExpressionError(f"this is not PromQL: {message}", remedy) from error


def unwrapped(expr: promql.Expr) -> promql.Expr:
    """The expression inside the parentheses around it; itself where it has none."""
    while isinstance(expr, promql.ParenExpr):
        expr = expr.expr
    return expr


def has_placeholder(text: str) -> bool:
    """Whether a range of the expression is a placeholder."""
    return _without_placeholders(text)[0] != text


def with_window(text: str, window: timedelta) -> str:
    """The expression with a range in the place of every placeholder."""
    plain, _ = _without_placeholders(text)
    return plain.replace(f"[{_PLACEHOLDER_TEXT}", f"[{format_duration(window)}")


def _without_placeholders(text: str) -> tuple[str, bool]:
    """The text with a duration in place of each placeholder, and whether it holds other templates."""
    templates = 0

    def replaced(token: re.Match[str]) -> str:
        nonlocal templates
        templates += token["template"] is not None
        window, colon, step = (token["range"] or "").partition(":")
        if not _WINDOW.fullmatch(window.strip()):
            return token[0]
        return f"[{_PLACEHOLDER_TEXT}{colon}{step}]"

    plain = _TOKEN.sub(replaced, text)
    return plain, templates > 0
