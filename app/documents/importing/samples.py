"""Queries whose samples, not counters, are events."""

WINDOW = "[{{.window}}]"
"""The window of a query, as Sloth writes it and Sloburn reads it in every dialect."""
_STEPS = "[{{.window}}:]"


def all_samples(query: str) -> str:
    """How many values the query has in the window."""
    return f"count_over_time(({query}){_STEPS})"


def samples_that(query: str, comparison: str) -> str:
    """How many of its values compare so, such as ``< 0.5``."""
    return f"count_over_time((({query}) {comparison}){_STEPS})"
