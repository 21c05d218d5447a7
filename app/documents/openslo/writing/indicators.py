"""What an SLI counts, as an indicator of OpenSLO."""

from dataclasses import dataclass, field

from app.documents.importing.fields import Operator
from app.documents.importing.samples import WINDOW
from app.documents.openslo.fields import RawType
from app.documents.queries import EventTerms, Weighted, terms_of
from app.promql.probe import sum_by
from app.promql.selector_text import render, weighted_text
from app.sli import Composite, Condition, EventsOf, Expression, Gauge, GaugeSums, NotExpressibleError, WeightedSum
from app.sli.sample_sum import SampleSum
from app.slo import Events, Sli
from app.yamldoc.tree import BooleanText
from app.yamldoc.writing import Written, written_number

_WINDOW = WINDOW.strip("[]")
_OPERATORS = {one.promql: one for one in Operator}


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """The `spec` of an SLI, and the keys that its objective has for it."""

    spec: Written
    of_objective: dict[str, Written] = field(default_factory=dict)


def indicator_of(sli: Sli) -> Indicator:
    """The indicator of an SLI.

    Raises:
        NotExpressibleError: OpenSLO cannot say what it counts.
    """
    match sli:
        case WeightedSum():
            return _ratio(terms_of(sli, window=_WINDOW), sli.by, are_counters=True)
        case Gauge() if not sli.by and str(sli.good_when.comparison) in _OPERATORS:
            return _threshold(render(sli.total), sli.good_when)
        case Gauge() | GaugeSums() | SampleSum():
            return _ratio(terms_of(sli, window=_WINDOW), sli.by, are_counters=False)
        case Expression():
            return _expression(sli)
        case Composite():
            problem = "is a composite of other SLOs than its own objectives, and OpenSLO has no references to SLOs"
            raise NotExpressibleError(problem, "write its SLI by hand")
    raise NotExpressibleError("is of a kind that OpenSLO does not have", "write it by hand")


def _ratio(terms: EventTerms, by: tuple[str, ...], *, are_counters: bool) -> Indicator:
    total, part = (_summed(one, by) for one in (terms.total, terms.part))
    return _ratio_of(total, part, terms.events, are_counters=are_counters)


def _ratio_of(total: str, part: str, events: Events, *, are_counters: bool) -> Indicator:
    counter = BooleanText("true" if are_counters else "false")
    return Indicator(spec={"ratioMetric": {"counter": counter, str(events): _metric(part), "total": _metric(total)}})


def _summed(terms: Weighted, by: tuple[str, ...]) -> str:
    return weighted_text((weight, sum_by(text, by)) for weight, text in terms)


def _threshold(query: str, good_when: Condition) -> Indicator:
    return Indicator(
        spec={"thresholdMetric": _metric(query)},
        of_objective={
            "op": str(_OPERATORS[str(good_when.comparison)]),
            "value": written_number(good_when.number),
        },
    )


def _expression(sli: Expression) -> Indicator:
    if sli.good_when is not None and sli.weight is None and not sli.by:
        if str(sli.good_when.comparison) not in _OPERATORS:
            raise NotExpressibleError(f"OpenSLO has no operator {sli.good_when.comparison}", "compare by < or >")
        return _threshold(sli.expression, sli.good_when)
    if isinstance(sli.origin, EventsOf):
        return _ratio_of(sli.origin.total, sli.origin.part, sli.shares, are_counters=False)
    if sli.weight is not None or sli.good_when is not None or sli.by:
        what = "weighted by a total" if sli.weight is not None else "grouped by labels"
        raise NotExpressibleError(f"OpenSLO has no expressions that are {what}", "write good, or bad, and total events")
    raw = RawType.FAILURE if sli.shares is Events.BAD else RawType.SUCCESS
    return Indicator(spec={"ratioMetric": {"rawType": str(raw), "raw": _metric(sli.expression)}})


def _metric(query: str) -> Written:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}
