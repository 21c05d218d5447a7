"""Metrics that are counted and do not have a counter's name."""

from typing import Final

COUNTER_NAME: Final = "counter_name"
"""The code of names that do not look like a counter's; Prometheus may know better."""


def unlike_a_counter(name: str, *, asked: bool = False) -> tuple[str, str]:
    """What is said of a name that does not end like a counter's; *asked*: Prometheus does not know its type."""
    problem = f"{name} does not look like a counter, and only counters can be counted"
    if asked:
        return (
            f"{problem}; Prometheus has no metadata of its type",
            "write a counter; its name usually ends with _total",
        )
    return problem, "write a counter; its name usually ends with _total. `check --live` asks Prometheus for its type"
