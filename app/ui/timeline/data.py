"""Where the pages of the timeline get what they show."""

import asyncio
from dataclasses import dataclass

from app.status import AdjustmentLog, ChangeLog, Contributors, Pasts


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineData:
    """Changes, adjustments and the past, whose readers wait for their *turn*.

    *contributors* counts the events that an adjustment of some events means.
    """

    changes: ChangeLog
    adjustments: AdjustmentLog
    contributors: Contributors
    pasts: Pasts
    turn: asyncio.Semaphore
