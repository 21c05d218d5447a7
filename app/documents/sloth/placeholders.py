"""The SLI plugins of `sloth-common` that count nothing: they stand in for an SLI that is yet to be written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.documents.importing.scope import Scope
from app.sli.any_promql import EVALUATED
from app.sli.expression import Expression
from app.sli.never_bad import NEVER_BAD
from app.slo import Sli

# The default interval of rules in Prometheus, which Sloth leaves as it is.
_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """The error ratio that a plugin makes up, by its options and the objective, and the warning about it."""

    error_ratio: Callable[[Mapping[str, str], float], str]
    problem: str
    code: str
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


def sli_of_placeholder(plugin: Placeholder, options: Mapping[str, str], objective: float, scope: Scope) -> Sli:
    """An expression that is evaluated each minute, with a warning, since it says nothing about the service."""
    scope.warning(plugin.problem, "write the queries of the service under events", plugin.code)
    return Expression(expression=plugin.error_ratio(options, objective), every=_EVERY)


def _made_up(options: Mapping[str, str], objective: float) -> str:
    ratio = f"{(1.0 - objective) * float(options['burn_rate']):.10g}"
    jitter = float(options.get("jitter_percent", "").strip() or 0)
    if not jitter:
        return f"clamp_max(vector({ratio}), 1)"
    # The plugin's own noise: between none and twice the percentage below and above the ratio.
    noise = f"{jitter:.10g} - time() * minute() * hour() * day_of_week() * month() % {2 * jitter:.10g}"
    return f"clamp(vector({ratio}) - {ratio} * ({noise}) / 100, 0, 1)"


PLACEHOLDERS: Mapping[str, Placeholder] = {
    "sloth-common/noop": Placeholder(
        error_ratio=lambda _options, _objective: "vector(0)",
        problem="is a placeholder that never counts a bad event: the SLO is always met",
        code=NEVER_BAD.code,
    ),
    "sloth-common/fake": Placeholder(
        error_ratio=_made_up,
        problem="makes up an error ratio from its burn rate, which is evaluated every 1m: it is not one of the service",
        code=EVALUATED,
        required=frozenset({"burn_rate"}),
        optional=frozenset({"jitter_percent"}),
    ),
}
"""By id."""
