"""Random histories to which several kinds of trouble happen at once: what one kind leaves behind, another one meets.

Two or three kinds of all there are, at most one of which decides which processes there are, on one target or more.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from testbed.histories import BEYOND_COUNTING, KINDS, LAYOUTS, History, random_history
from tests.support.field_kinds import FIELD_KINDS, FIELD_LAYOUTS

_EVERY_LAYOUT: Final = LAYOUTS | FIELD_LAYOUTS
_NOT_MIXED: Final = BEYOND_COUNTING | {"calm"}
NAMES: Final = tuple(name for name in (*KINDS, *FIELD_KINDS) if name not in _NOT_MIXED)
_COUNTS: Final = (2, 3)
_SHARES: Final = (0.7, 0.3)


def mixed_histories(seeds: Sequence[int], *, end: int) -> list[History]:
    """The histories of some seeds that end at *end* (seconds since the epoch), each of a service of its own."""
    return [
        random_history(seed, service=f"service-{seed}", end=end, kinds=_kinds(seed), more=FIELD_KINDS) for seed in seeds
    ]


def _kinds(seed: int) -> tuple[str, ...]:
    dice = np.random.default_rng([seed, 88])
    count = int(dice.choice(_COUNTS, p=_SHARES))
    chosen: list[str] = []
    for name in dice.permutation(NAMES).tolist():
        if len(chosen) < count and not (name in _EVERY_LAYOUT and _EVERY_LAYOUT & set(chosen)):
            chosen.append(name)
    return tuple(chosen)


__all__ = ["NAMES", "mixed_histories"]
