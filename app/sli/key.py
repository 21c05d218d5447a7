"""The identity of an SLI's history."""

from hashlib import blake2b


def key_of(*lines: str, by: tuple[str, ...]) -> str:
    """A hash of what is counted, a line for each part of it, and of the groups."""
    # Sorted: the order in which a document lists its labels does not matter to what is counted.
    text = "\n".join((*lines, "by " + ",".join(sorted(by))))
    # 128 bits: keys of 10,000 SLIs do not collide by chance; a collision would add up two histories.
    return blake2b(text.encode(), digest_size=16).hexdigest()
