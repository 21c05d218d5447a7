"""Queries of services that answer counts for intervals: what is read, what is refused, and what they are asked as.

Pure text, as `app.promql` is for PromQL. Start at `datadog.py` and `nrql.py`, one for each language.
"""

from app.count_queries.datadog import DatadogCount, label_of_tag, read_datadog
from app.count_queries.errors import CountQueryError
from app.count_queries.nrql import EVENTS, NrqlCount, faceted, in_intervals, read_nrql

__all__ = [
    "EVENTS",
    "CountQueryError",
    "DatadogCount",
    "NrqlCount",
    "faceted",
    "in_intervals",
    "label_of_tag",
    "read_datadog",
    "read_nrql",
]
