"""Incidents that come and go by chance: services of a shop break and mend, each at its own pace."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from testbed.shop import Shop

SLOW, FAST = 0.04, 0.5
"""Shares of failing requests: one that opens a ticket, and one that pages."""

_STEP_S = 0.1
_LASTS_S = (5.0, 25.0)


@contextmanager
def changing(shop: Shop, names: Sequence[str], dice: random.Random) -> Iterator[None]:
    """Let the services break and mend until the end of the block."""
    ended = threading.Event()

    def play() -> None:
        due = {name: time.monotonic() + dice.uniform(0, _LASTS_S[1]) for name in names}
        failing = dict.fromkeys(names, 0.0)
        while not ended.wait(_STEP_S):
            for name, moment in due.items():
                if moment <= time.monotonic():
                    failing[name] = dice.choice([share for share in (0.0, SLOW, FAST) if share != failing[name]])
                    shop.breaks(name, failing=failing[name])
                    due[name] = time.monotonic() + dice.uniform(*_LASTS_S)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
