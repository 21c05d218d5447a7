"""What loads, and is probably not meant."""

from collections.abc import Iterator
from datetime import timedelta

from app.documents.native.model import SloEntry
from app.promql.metric_names import NAME, looks_like_counter
from app.slo import MatchOp, Selector, Severity, Sli, Slo
from app.yamldoc.findings import FieldFinding

COUNTER_NAME = "counter_name"
"""The code of names that do not look like a counter's; Prometheus may know better."""
_SHORTEST_OUTAGE = timedelta(minutes=1)


def lint_slo(model: SloEntry, slo: Slo) -> Iterator[FieldFinding]:
    """Everything about a sound SLO that its author should look at again."""
    if model.sli.names_metrics:
        yield from _lint_events(slo.sli)
    yield from model.sli.warnings()
    yield from _lint_budget(slo)
    yield from _lint_policies(model, slo)


def _lint_events(sli: Sli) -> Iterator[FieldFinding]:
    total, part, field = sli.terms[0].selector, sli.terms[-1].selector, sli.terms[-1].events
    for key, selector in (("total", total), (field, part)):
        name = _equal(selector, NAME)
        if name is not None and not looks_like_counter(name):
            problem, remedy = unlike_a_counter(name)
            yield FieldFinding(("sli", key), problem, remedy, COUNTER_NAME)
        yield from _lint_values(key, selector)
    if part == total:
        yield FieldFinding(("sli", field), "is the same as total", f"narrow it to the {field} events")
    elif _equal(total, NAME) == _equal(part, NAME):
        yield from _lint_part(total, part, field)


def unlike_a_counter(name: str, *, asked: bool = False) -> tuple[str, str]:
    """What is said of a name that does not end like a counter's; *asked*: Prometheus does not know its type."""
    problem = f"{name} does not look like a counter, and only counters can be counted"
    if asked:
        return (
            f"{problem}; Prometheus has no metadata of its type",
            "write a counter; its name usually ends with _total",
        )
    return problem, "write a counter; its name usually ends with _total. `check --live` asks Prometheus for its type"


def _lint_values(key: str, selector: Selector) -> Iterator[FieldFinding]:
    for matcher in selector.matchers:
        if matcher.op is MatchOp.EQUAL and matcher.value != matcher.value.strip():
            problem = f"the value of {matcher.label} begins or ends with a space: {matcher.value!r}"
            yield FieldFinding(("sli", key), problem, f"write {matcher.value.strip()!r}", "space_in_value")


def _lint_part(total: Selector, part: Selector, field: str) -> Iterator[FieldFinding]:
    for label in dict.fromkeys(matcher.label for matcher in total.matchers):
        wanted, found = _equal(total, label), _equal(part, label)
        if all(matcher.label != label for matcher in part.matchers):
            problem = f"counts events that total does not count: it has no matcher on {label}"
            yield FieldFinding(("sli", field), problem, f"write the matcher on {label} as in total")
        elif wanted is not None and found is not None and wanted != found:
            problem = f"counts no event of total: {label} is {found!r} here and {wanted!r} there"
            yield FieldFinding(("sli", field), problem, f"write the matcher on {label} as in total")


def _lint_budget(slo: Slo) -> Iterator[FieldFinding]:
    outage = slo.window.nominal * slo.error_budget
    if outage < _SHORTEST_OUTAGE:
        problem = f"a total outage of {outage.total_seconds():.2g} s spends the whole error budget, before any alert"
        yield FieldFinding(("objective",), problem, "write a lower objective or a longer window")


def _lint_policies(model: SloEntry, slo: Slo) -> Iterator[FieldFinding]:
    wanted = {Severity.PAGE: model.alerting.page, Severity.TICKET: model.alerting.ticket}
    for severity, policy in wanted.items():
        if policy is not None and slo.alerting.policy(severity) is None:
            problem = (
                f"no usual tier suits an objective of {slo.objective * 100:.10g}% over {slo.window}: it never fires"
            )
            yield FieldFinding(("alerting", str(severity)), problem, f"write tiers, or {severity}: off")


def _equal(selector: Selector, label: str) -> str | None:
    values = (m.value for m in selector.matchers if m.label == label and m.op is MatchOp.EQUAL)
    return next(values, None)
