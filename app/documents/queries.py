"""The queries of SLIs as documents have them: sums of selectors, and of functions over the samples of gauges."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.promql.buckets import any_spelling, bound_of
from app.promql.metric_names import BUCKET
from app.promql.selector_text import render
from app.sli import Gauge, GaugeSums, WeightedSum
from app.sli.sample_events import EverySample, SamplesThat, SampleValues
from app.sli.sample_sum import Reading, SampleSum
from app.sli.weighted_sum import weights_of_part
from app.slo import Events, Matcher, MatchOp, Selector, Weights
from app.yamldoc.writing import written_number

Weighted = list[tuple[float, str]]
"""Terms of a sum with their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTerms:
    """The terms of all events, and of the bad or the good ones among them, as *events* says."""

    total: Weighted
    part: Weighted
    events: Events


def terms_of(sli: WeightedSum | SampleSum | Gauge | GaugeSums, *, window: str) -> EventTerms:
    """What an SLI adds up; *window* is the range of functions over samples."""
    match sli:
        case WeightedSum():
            return _terms([(usual_spelling(term.selector), term.weights) for term in sli.terms])
        case SampleSum():
            return _terms([(_over_time(one.selector, one.events, window), one.weights) for one in sli.summed])
        case Gauge():
            every = _over_time(sli.total, EverySample(), window)
            good = _over_time(sli.total, SamplesThat(sli.good_when), window)
            return EventTerms(total=[(1.0, every)], part=[(1.0, good)], events=Events.GOOD)
        case GaugeSums():
            total, part = (_over_time(one, SampleValues(), window) for one in (sli.total, sli.selected))
            return EventTerms(total=[(1.0, total)], part=[(1.0, part)], events=sli.events)


def usual_spelling(selector: Selector) -> str:
    """The selector with the usual spelling of the bound of its bucket, if that selects the same."""
    bound = bound_of(selector)
    if bound is None or not bound.is_finite():
        return render(selector)
    rest = tuple(matcher for matcher in selector.matchers if matcher.label != BUCKET)
    usual = Selector((*rest, Matcher(BUCKET, MatchOp.EQUAL, str(written_number(bound)))))
    return render(usual if any_spelling(usual) == selector else selector)


def _terms(given: Sequence[tuple[str, Weights]]) -> EventTerms:
    events, weights = weights_of_part([one for _, one in given])
    return EventTerms(
        total=[(one.total, text) for text, one in given if one.total],
        part=[(weight, text) for weight, (text, _) in zip(weights, given, strict=True) if weight],
        events=events,
    )


def _over_time(selector: Selector, events: Reading, window: str) -> str:
    text = render(selector)
    match events:
        case SamplesThat(condition):
            operator, _, number = str(condition).partition(" ")
            return f"sum_over_time(({text} {operator} bool {number})[{window}:])"
        case SampleValues():
            return f"sum_over_time({text}[{window}])"
    return f"count_over_time({text}[{window}])"
