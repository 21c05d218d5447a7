"""Templates for texts of an alert, in a small part of Jinja2: values, filters, `if`, and one loop over labels.

Templates come from documents and are not trusted. There is nothing in them that reaches beyond the values they are
given, and nothing that takes long or grows: no calls, no attributes, no assignments, no loop within a loop, arithmetic
on numbers only. So a template needs no more steps than its own length times the number of labels.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from jinja2 import StrictUndefined, Template, meta, nodes
from jinja2.filters import do_round
from jinja2.sandbox import SandboxedEnvironment
from typing_extensions import override

from app.wording.sentences import number, share
from app.wording.template_values import NAMES

# Characters; a message of Slack or PagerDuty shows less.
_LONGEST_TEMPLATE = 4_096
_LONGEST_TEXT = 8_192
# A template of the longest text that goes over dozens of labels in one loop makes fewer.
_MOST_PIECES = 20_000
# Digits of a double; Python would compute a power of ten for any number.
_MOST_DIGITS = 15
_MARKS = ("{{", "{%", "{#")
_FILTERS = ("default", "d", "join", "length", "lower", "round", "title", "trim", "truncate", "upper", "first", "last")
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.Keyword,
)


class TemplateProblemError(ValueError):
    """A template that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The texts of one receiver; None for the defaults."""

    summary: str | None = None
    description: str | None = None


class _Environment(SandboxedEnvironment):
    """Jinja2's sandbox, narrowed: a dot means a key of a mapping, and arithmetic means numbers."""

    intercepted_binops = frozenset({"+", "-", "*", "/"})

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    @override
    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        return self.undefined(name=str(argument))

    @override
    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(value, int | float) for value in (left, right)):
            raise TemplateProblemError(f"`{operator}` is for numbers; join texts with `~`")
        return super().call_binop(context, operator, left, right)


def _finite(show: Callable[[float], str]) -> Callable[[float | None], str]:
    def checked(value: float | None) -> str:
        if value is None:
            raise TemplateProblemError("a value that is not known cannot be shown as a number; test it with `is none`")
        if not math.isfinite(value):
            raise TemplateProblemError(f"{value} cannot be shown as a number")
        return show(value)

    return checked


def _round(value: float, precision: int = 0, method: Literal["common", "ceil", "floor"] = "common") -> float:
    """Jinja2's `round`, which would compute 10 to the power of any precision."""
    if abs(precision) > _MOST_DIGITS:
        raise TemplateProblemError(f"round: at most {_MOST_DIGITS} digits")
    return do_round(value, precision, method)


def _join(value: Iterable[object], d: str = "") -> str:
    """Jinja2's `join`, of texts: one join within another would grow without limit."""
    parts = [str(part) for part in value]
    if sum(map(len, parts)) + len(d) * len(parts) > _LONGEST_TEXT:
        raise TemplateProblemError(f"join: the text has more than {_LONGEST_TEXT} characters")
    return d.join(parts)


def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
    filters = {name: environment.filters[name] for name in _FILTERS}
    filters |= {"number": _finite(number), "percent": _finite(share), "round": _round, "join": _join}
    environment.filters = filters
    environment.globals.clear()
    return environment


_ENVIRONMENT = _environment()


def is_template(text: str) -> bool:
    """Whether the text is more than the words in it."""
    return any(mark in text for mark in _MARKS)


def compile_template(text: str) -> Template:
    """The template in the text.

    Raises:
        TemplateProblemError: it is none, or uses what is not allowed.
    """
    compiled = _compiled(text)
    if isinstance(compiled, str):
        raise TemplateProblemError(compiled)
    return compiled


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Template | str:
    """The template, or its error, which is cached too since finding it may take long."""
    try:
        return _compile(text)
    except TemplateProblemError as error:
        return str(error)


def _compile(text: str) -> Template:
    if len(text) > _LONGEST_TEMPLATE:
        raise TemplateProblemError(f"the template has more than {_LONGEST_TEMPLATE} characters")
    with _as_problem():
        tree = _ENVIRONMENT.parse(text)
        _check(tree)
        return _ENVIRONMENT.from_string(tree)


def render_template(text: str, values: Mapping[str, Any]) -> str:
    """The text that the template makes of the values.

    Raises:
        TemplateProblemError: it cannot be made, or is too long.
    """
    template = compile_template(text)
    with _as_problem():
        return "".join(_bounded(template.generate(values)))


@contextmanager
def _as_problem() -> Iterator[None]:
    try:
        yield
    except TemplateProblemError:
        raise
    except Exception as error:
        # Jinja2 and its filters raise anything, assertions included, for a template that is not trusted.
        raise TemplateProblemError(_one_line(error)) from error


def _bounded(pieces: Iterator[str]) -> Iterator[str]:
    length = 0
    for count, piece in enumerate(pieces):
        length += len(piece)
        if length > _LONGEST_TEXT:
            raise TemplateProblemError(f"the text has more than {_LONGEST_TEXT} characters")
        # A bound on steps and not on time: on a busy machine a template must not fail that works on an idle one.
        if count >= _MOST_PIECES:
            raise TemplateProblemError(f"the template has more than {_MOST_PIECES} parts when it is rendered")
        yield piece


def _check(tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise TemplateProblemError(f"line {node.lineno}: {type(node).__name__} is not allowed")
        if isinstance(node, nodes.For):
            _check_loop(node)
    # `self` is no variable to Jinja2: it is the template.
    own = {name.name for name in tree.find_all(nodes.Name) if name.name in {"self", "loop"}}
    unknown = (meta.find_undeclared_variables(tree) | own) - NAMES
    if unknown:
        raise TemplateProblemError(f"there is no {', no '.join(sorted(unknown))}; there are {', '.join(sorted(NAMES))}")


def _check_loop(loop: nodes.For) -> None:
    if not isinstance(loop.iter, nodes.Name) or loop.iter.name not in {"labels", "group"}:
        raise TemplateProblemError(f"line {loop.lineno}: a loop goes over labels or group")
    if loop.recursive or any(inner is not loop for inner in loop.find_all(nodes.For)):
        raise TemplateProblemError(f"line {loop.lineno}: a loop within a loop is not allowed")


def _one_line(error: Exception) -> str:
    said = " ".join(str(error).split())[:300]
    # The words of an assertion or a number that is too large name nothing; the kind of the error does.
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
