"""The adjustments that apply, shared by the API and the engine; replaced as a whole whenever one of them changes."""

import threading
from collections.abc import Sequence

from app.adjustments.model import Adjustment


class CurrentAdjustments:
    """All adjustments that were not withdrawn; written by the API's threads, read by the engine's.

    Attributes:
        all: the adjustments; another tuple after each change, so that what was computed from it can be kept with it.
        storing: held while they are read or written in the database and replaced here, so that the last ones here are
            the last that were written.
    """

    def __init__(self, adjustments: Sequence[Adjustment] = ()) -> None:
        self.all: tuple[Adjustment, ...] = tuple(adjustments)
        self.storing = threading.Lock()

    def replace(self, adjustments: Sequence[Adjustment]) -> None:
        """Use these adjustments from the next evaluation on."""
        self.all = tuple(adjustments)
