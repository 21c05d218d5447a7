"""The label sets of earlier answers: slot after slot the same series come, and to read their labels takes longest."""

import sys
from collections.abc import Mapping
from hashlib import blake2b

Labels = Mapping[str, str]
# 10,000 SLOs are asked for in 50 queries a slot: what has not come in 20 slots, such as history, is forgotten.
_KEPT_FOR_ANSWERS = 1_000


class KnownSeries:
    """Label sets by the text of the answer that names them, without its samples.

    An answer that names the same series gets the very same tuple, so that what is known of them is found at once.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Labels, ...]] = {}
        self._last_used: dict[bytes, int] = {}
        self._answers = 0

    def find(self, text: bytes) -> tuple[Labels, ...] | None:
        """The label sets of an answer whose text was the same; None if there was none."""
        key = _digest(text)
        self._answers += 1
        found = self._known.get(key)
        if found is not None:
            self._last_used[key] = self._answers
        return found

    def note(self, text: bytes, labels: tuple[Labels, ...]) -> tuple[Labels, ...]:
        """Remember the label sets of an answer, and give them back with equal texts in memory once."""
        # Large answers are decoded in threads: a copy cannot change meanwhile.
        for key, used in list(self._last_used.items()):
            if self._answers - used > _KEPT_FOR_ANSWERS:
                self._last_used.pop(key, None)
                self._known.pop(key, None)
        shared = tuple({name: sys.intern(value) for name, value in one.items()} for one in labels)
        key = _digest(text)
        self._known[key], self._last_used[key] = shared, self._answers
        return shared


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()
