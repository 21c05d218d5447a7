"""The identity of an SLI's history."""

from hashlib import blake2b


def key_of(*lines: str, by: tuple[str, ...]) -> str:
    """A hash of what is counted, a line for each part of it, and of the groups."""
    text = "\n".join((*lines, "by " + ",".join(sorted(by))))
    return blake2b(text.encode(), digest_size=16).hexdigest()
