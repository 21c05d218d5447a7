"""Kinds of trouble that are in no mixture, so that the mixtures of a seed stay the same when a kind is added."""

from typing import Final

import numpy as np

from testbed.histories import HOUR, MINUTE, Draft, Kind, but
from testbed.traces import Samples


def flapping_targets(draft: Draft) -> None:
    """Half or more of all scrapes fail."""
    draft.failing = float(draft.rng.choice([0.4, 0.6, 0.8]))


def retries_of_remote_write(draft: Draft) -> None:
    """Remote write fails for a while: samples are lost series by series, and others arrive."""
    first, last = draft.span(2 * MINUTE, HOUR)
    dice = np.random.default_rng(draft.rng.integers(2**32))
    lost = float(dice.choice([0.3, 0.7, 0.95]))

    def lossy(every: list[Samples]) -> list[Samples]:
        seconds = [one.times_ms / 1000 - draft.trace.start for one in every]
        return [
            but(one, ~((at >= first) & (at < last) & (dice.random(len(at)) < lost)))
            for one, at in zip(every, seconds, strict=True)
        ]

    draft.views.append(lossy)


FURTHER_KINDS: Final[dict[str, Kind]] = {
    "flapping_targets": flapping_targets,
    "retries_of_remote_write": retries_of_remote_write,
}

__all__ = ["FURTHER_KINDS"]
