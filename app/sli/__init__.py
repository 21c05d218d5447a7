"""The kinds of SLIs, one module each: what its key is, what it asks for, what its series count for, what it is called.

Core: no IO. May import `app.slo`, whose `Sli` each kind implements, and `app.promql`. Counters are in
`weighted_sum.py`, gauges in `samples.py` and what is built on it, other SLOs in `composites`,
counts that a service answers for intervals in `interval_counts.py`.
`from_promql.py` makes SLIs of PromQL expressions.
A further kind is a module here and a model of its document in `app.documents.native`.
"""

from app.sli.asked_sources import language_of_sli, sources_of_sli
from app.sli.composites import ComponentCounts, ComposedSlices, Composite, Part, compose_slices
from app.sli.condition import Comparison, Condition
from app.sli.errors import NotExpressibleError, QueryFaultError
from app.sli.expression import EventsOf, Expression, GaugeOrAbsent, expression_of_events
from app.sli.from_promql import (
    EventQuery,
    Reduced,
    read_events,
    reduce_error_ratio,
    reduce_events,
    reduce_queries,
    sli_of,
    sli_of_error_ratio,
)
from app.sli.gauge import Gauge
from app.sli.gauge_sums import GaugeSums
from app.sli.interval_counts import SHORTEST_INTERVAL, IntervalCounts
from app.sli.named_terms import named_terms
from app.sli.reduction import QueryFinding
from app.sli.several_sources import SeveralSources
from app.sli.time_slices import TimeSlices, counted_terms
from app.sli.weighted_sum import WeightedSum, sli_of_bad, sli_of_good, weighted_sum

__all__ = [
    "SHORTEST_INTERVAL",
    "Comparison",
    "ComponentCounts",
    "ComposedSlices",
    "Composite",
    "Condition",
    "EventQuery",
    "EventsOf",
    "Expression",
    "Gauge",
    "GaugeOrAbsent",
    "GaugeSums",
    "IntervalCounts",
    "NotExpressibleError",
    "Part",
    "QueryFaultError",
    "QueryFinding",
    "Reduced",
    "SeveralSources",
    "TimeSlices",
    "WeightedSum",
    "compose_slices",
    "counted_terms",
    "expression_of_events",
    "language_of_sli",
    "named_terms",
    "read_events",
    "reduce_error_ratio",
    "reduce_events",
    "reduce_queries",
    "sli_of",
    "sli_of_bad",
    "sli_of_error_ratio",
    "sli_of_good",
    "sources_of_sli",
    "weighted_sum",
]
