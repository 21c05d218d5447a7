"""What an SLI counts, as a native document says it: each spelling is read again before it is used."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.documents.native.gauges import ABSENT_FOR, UP
from app.documents.native.sli_model import SliModel
from app.documents.native.slis import SliField
from app.documents.native.writing.scalars import written_percent
from app.documents.queries import terms_of
from app.promql.buckets import bound_of
from app.promql.inclusion import histogram_of
from app.promql.metric_names import NAME
from app.promql.selector_text import render, weighted_text
from app.sli import (
    SHORTEST_INTERVAL,
    Composite,
    Condition,
    EventsOf,
    Expression,
    Gauge,
    GaugeOrAbsent,
    GaugeSums,
    IntervalCounts,
    NotExpressibleError,
    Part,
    WeightedSum,
)
from app.sli.sample_sum import SampleSum
from app.slo import (
    CompositeRule,
    EmptyIntervals,
    Matcher,
    MatchOp,
    MissingData,
    Selector,
    Sli,
    Slo,
    SloId,
    WithoutEvents,
    format_duration,
)
from app.yamldoc.writing import Written, given, written_number

Keys = dict[str, Written]
_MS = timedelta(milliseconds=1)
_MS_PER_SECOND = 1000
_USUAL = Composite(rule=CompositeRule.ALL_OF, parts=())


def written_sli(sli: Sli, slos: Mapping[SloId, Slo]) -> Keys:
    """The keys below `sli`; *slos* are all, whose objectives components of composites have as targets.

    Raises:
        NotExpressibleError: no native document can say it.
    """
    if isinstance(sli, Composite):
        # Its components are found when all documents have been read.
        return _composite(sli, slos)
    why = NotExpressibleError("is of a kind that native documents do not have", "write it by hand")
    for keys in _spellings(sli):
        try:
            model: SliModel = _sli_field().validate_python(keys)
        except ValidationError:
            continue
        found = next(iter(model.findings(sli.by)), None)
        if found is not None:
            why = NotExpressibleError(found.problem, found.remedy, found.code)
        elif model.sli(sli.by) == sli:
            return keys
    raise why


@cache
def _sli_field() -> TypeAdapter[Any]:
    return TypeAdapter(SliField)


def _spellings(sli: Sli) -> Iterator[Keys]:
    """The ways in which documents say what is counted, the one first that people read best."""
    match sli:
        case WeightedSum():
            yield from _histogram(sli)
            yield _summed(sli)
        case Gauge():
            yield given({"gauge": render(sli.total), "good_when": _unless_usual(sli.good_when)})
        case GaugeSums():
            yield {"gauge": {"total": render(sli.total), str(sli.events): render(sli.selected)}}
        case SampleSum():
            yield _summed(sli)
        case Expression():
            yield from _of_origin(sli)
            yield _expression(sli)
        case IntervalCounts():
            yield {str(sli.language): _counts(sli)}
        case _:
            pass


def _counts(sli: IntervalCounts) -> Keys:
    return given(
        {
            "total": sli.total,
            str(sli.shares): sli.part,
            "every": None if sli.every == SHORTEST_INTERVAL else format_duration(sli.every),
            "empty_intervals": None if sli.empty is EmptyIntervals.MISSING else str(sli.empty),
        }
    )


def _summed(sli: WeightedSum | SampleSum) -> Keys:
    terms = terms_of(sli, window="w")
    return {"total": weighted_text(terms.total), str(terms.events): weighted_text(terms.part)}


def _histogram(sli: WeightedSum) -> Iterator[Keys]:
    """Events in the bucket at a threshold, or by share in the two beside it."""
    count, *buckets = sli.terms
    name = histogram_of(count.selector)
    bounds = [bound_of(bucket.selector) for bucket in buckets]
    found = [bound for bound in bounds if bound is not None and bound.is_finite()]
    if name is None or len(found) != len(buckets):
        return
    matchers = tuple(matcher for matcher in count.selector.matchers if matcher.label != NAME)
    keys: Keys = {"histogram": name, **written_selector(matchers)}
    if len(found) == 1:
        yield {**keys, "threshold": written_threshold(found[0], name)}
    if len(found) == 2:  # noqa: PLR2004  the buckets beside the threshold
        (lower, upper), above = sorted(found), buckets[found.index(max(found))]
        # To twelve digits: the share was a quotient, and what is read from the document must give it again.
        between = Decimal(f"{lower + Decimal(repr(-above.weights.bad)) * (upper - lower):.12g}")
        bound_texts = [written_threshold(bound, name) for bound in (lower, upper)]
        yield {**keys, "threshold": written_threshold(between, name), "interpolate": bound_texts}


def written_threshold(bound: Decimal, histogram: str) -> Written:
    """A bound of a histogram: a duration where it measures seconds."""
    ms = bound * _MS_PER_SECOND
    is_time = histogram.endswith("_seconds") and ms == int(ms) and ms > 0
    return format_duration(int(ms) * _MS) if is_time else written_number(bound)


def written_selector(matchers: tuple[Matcher, ...]) -> Keys:
    """The key `selector` of a histogram, but for its name; none without matchers."""
    if all(matcher.op is MatchOp.EQUAL for matcher in matchers):
        return given({"selector": {matcher.label: matcher.value for matcher in matchers}})
    return {"selector": render(Selector(matchers))}


def _of_origin(sli: Expression) -> Iterator[Keys]:
    """What a document has in the place of an expression that was put together."""
    match sli.origin:
        case GaugeOrAbsent(gauge=gauge, good_when=good_when, absent_for=absent_for):
            yield given(
                {
                    "gauge": render(gauge),
                    "good_when": _unless_usual(good_when),
                    "absent": "bad",
                    "absent_for": None if absent_for == ABSENT_FOR else format_duration(absent_for),
                }
            )
        case EventsOf(total=total, part=part) if sli.every is not None:
            yield {"total": total, str(sli.shares): part, "every": format_duration(sli.every)}


def _expression(sli: Expression) -> Keys:
    good_when = sli.good_when
    kind = "expression" if good_when is not None else f"{sli.shares}_ratio"
    return given(
        {
            kind: sli.expression,
            "good_when": None if good_when is None else str(good_when),
            "total": sli.weight,
            "every": None if sli.every is None else format_duration(sli.every),
        }
    )


def _unless_usual(good_when: Condition) -> str | None:
    return None if good_when == UP else str(good_when)


def _composite(sli: Composite, slos: Mapping[SloId, Slo]) -> Keys:
    policies = {part.missing for part in sli.parts}
    common = next(iter(policies)) if len(policies) == 1 else MissingData.UNKNOWN
    return given(
        {
            str(sli.rule): [_component(part, common, slos) for part in sli.parts],
            "slice": None if sli.length == _USUAL.length else format_duration(sli.length),
            "target": None if sli.target is None else written_percent(sli.target),
            "missing": None if common is MissingData.UNKNOWN else str(common),
            "missing_after": format_duration(sli.patience) if sli.patience else None,
            "without_events": None if sli.without_events is WithoutEvents.IGNORED else str(sli.without_events),
        }
    )


def _component(part: Part, common: MissingData, slos: Mapping[SloId, Slo]) -> Written:
    component = slos.get(part.slo)
    is_usual = component is not None and part.target == component.objective
    target = None if part.target is None or is_usual else written_percent(part.target)
    keys = given(
        {
            "slo": str(part.slo),
            "member": dict(part.group or ()),
            "weight": None if part.weight == 1.0 else written_number(part.weight),
            "target": target,
            "missing": None if part.missing is common else str(part.missing),
        }
    )
    return keys if len(keys) > 1 else str(part.slo)
