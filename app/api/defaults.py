"""What parameters are that are not given."""

from typing import Any


# pydantic looks at the signature of a factory in each request, and reads that of `list` from its documentation: 0.3 ms
# for each parameter, a third of an answer of the gate.
def no_values() -> list[Any]:
    """No values: the default of a parameter that may be repeated."""
    return []
