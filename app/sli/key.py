"""The identity of an SLI's history."""

from hashlib import blake2b

from app.slo import DEFAULT_SOURCE


def key_of(*lines: str, by: tuple[str, ...], source: str = DEFAULT_SOURCE) -> str:
    """A hash of what is counted, a line for each part of it, of the groups, and of where it is counted from."""
    if source != DEFAULT_SOURCE:
        # Of the same counters in two places these are two histories.
        lines = (*lines, f"source {source}")
    # Sorted: the order in which a document lists its labels does not matter to what is counted.
    text = "\n".join((*lines, "by " + ",".join(sorted(by))))
    # 128 bits: keys of 10,000 SLIs do not collide by chance; a collision would add up two histories.
    return blake2b(text.encode(), digest_size=16).hexdigest()
