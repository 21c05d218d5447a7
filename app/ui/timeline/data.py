"""Where the pages of the timeline get what they show."""

import asyncio
from dataclasses import dataclass

from app.status import AdjustmentLog, ChangeLog, Pasts


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineData:
    """Changes, adjustments and the past, whose readers wait for their *turn*; without *token* nothing is changed."""

    changes: ChangeLog
    adjustments: AdjustmentLog
    pasts: Pasts
    turn: asyncio.Semaphore
    token: str | None = None
