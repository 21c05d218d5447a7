"""Templates for texts of an alert, in a small part of Jinja2: values, filters, `if`, and one loop over labels.

Templates come from documents and are not trusted. There is nothing in them that reaches beyond the values they are
given, and nothing that takes long or grows: no calls, no attributes, no assignments, no loop within a loop, arithmetic
on numbers only. What filters, joins and loops do is counted and bounded, however long the values are.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, Literal

from jinja2 import StrictUndefined, Template, meta, nodes, pass_context
from jinja2.filters import do_round
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer
from typing_extensions import override

from app.wording.sentences import number, share
from app.wording.template_values import NAMES

# Characters; a message of Slack or PagerDuty shows less.
_LONGEST_TEMPLATE = 4_096
_LONGEST_TEXT = 8_192
# A template of the longest text that goes over dozens of labels in one loop makes fewer.
_MOST_PIECES = 20_000
# Of all templates of one alert, in characters that filters read; some 20 ms. A description of the longest text through
# ten filters is a tenth of it.
_MOST_WORK: Final = 1_000_000
# What a filter, a node in each step of a loop, and a search by `in` cost beside it.
_CALL: Final = 50
_NODE: Final = 20
_SEARCH: Final = 1_000
# Names that no template can write: of the meter among the values, and of the filter before each step of a loop.
_METER: Final = "the work"
_STEP: Final = "a step"
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


class Work:
    """Counts what the templates of one alert do."""

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def spend(self, amount: int) -> None:
        """Note work that is about to be done.

        Raises:
            TemplateProblemError: it is too much.
        """
        self._left -= amount
        if self._left < 0:
            raise TemplateProblemError("the templates of the alert do too much: use fewer filters and shorter texts")


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


def _bound(work: Callable[..., object], environment: SandboxedEnvironment) -> Callable[..., object]:
    """A filter of Jinja2 as a plain function: some of them ask for the environment."""
    return partial(work, environment) if hasattr(work, "jinja_pass_arg") else work


class _Metering(NodeTransformer):
    """Makes a checked template count what it does: `~` becomes `join`, and each step of a loop costs what is in it."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  Jinja2 names it so
        self.generic_visit(node)
        return nodes.Filter(nodes.Tuple(node.nodes, "load"), "join", [], [], None, None, lineno=node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        searches = sum(one.op in {"in", "notin"} for one in node.find_all(nodes.Operand))
        cost = _NODE * sum(1 for _ in node.find_all(nodes.Node)) + _SEARCH * searches
        self.generic_visit(node)
        step = nodes.Filter(nodes.Const(cost), _STEP, [], [], None, None, lineno=node.lineno)
        node.body.insert(0, nodes.Output([step], lineno=node.lineno))
        return node


def _metered(work: Callable[..., object]) -> Callable[..., object]:
    """A filter that counts what it is given before it begins; Jinja2 does not call it while it compiles."""

    @pass_context
    def metered(context: Context, *arguments: object) -> object:
        context[_METER].spend(_CALL + sum(map(_length, arguments)))
        return work(*arguments)

    return metered


def _length(value: object) -> int:
    """Characters of a value, roughly."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(name) + len(text) for name, text in value.items())
    return sum(map(_length, value)) if isinstance(value, tuple | list) else _NODE


@pass_context
def _step(context: Context, cost: int) -> str:
    context[_METER].spend(cost)
    return ""


def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
    filters = {name: _bound(environment.filters[name], environment) for name in _FILTERS}
    filters |= {"number": _finite(number), "percent": _finite(share), "round": _round, "join": _join}
    environment.filters = {**{name: _metered(work) for name, work in filters.items()}, _STEP: _step}
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
        return _ENVIRONMENT.from_string(_Metering().visit(tree))


def render_template(text: str, values: Mapping[str, Any], work: Work | None = None) -> str:
    """The text that the template makes of the values; *work* is what other templates of the alert have done.

    Raises:
        TemplateProblemError: it cannot be made, is too long or takes too much work.
    """
    template = compile_template(text)
    with _as_problem():
        return "".join(_bounded(template.generate({**values, _METER: work or Work()})))


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
