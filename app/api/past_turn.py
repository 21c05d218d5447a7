"""The turn to read the past, which readers of the present do not wait behind."""

import asyncio
from http import HTTPStatus
from typing import Literal

from typing_extensions import override

from app.api.admission import PATIENCE_S, leave_place
from app.api.problems import ProblemError

# A year of one SLO takes a tenth of a second, that of a hundred SLOs two seconds.
_WAITING = 50


class PastTurn(asyncio.Semaphore):
    """The turn to read the past, of which one reader at a time computes figures for a second.

    Those who wait for it keep no place from requests that take milliseconds.
    """

    def __init__(self, at_once: int = 1, *, waiting: int = _WAITING, patience_s: float = PATIENCE_S) -> None:
        super().__init__(at_once)
        self._places_to_wait = waiting
        self._patience_s = patience_s

    @override
    async def acquire(self) -> Literal[True]:
        """Wait for the turn.

        Raises:
            ProblemError: 503 if too many wait, or for too long.
        """
        if not self.locked():
            return await super().acquire()
        if self._places_to_wait == 0:
            raise _past_is_busy()
        leave_place()
        self._places_to_wait -= 1
        try:
            async with asyncio.timeout(self._patience_s):
                return await super().acquire()
        except TimeoutError:
            raise _past_is_busy() from None
        finally:
            self._places_to_wait += 1


def _past_is_busy() -> ProblemError:
    detail = "the past is being read for others; ask again in a moment, or for fewer SLOs"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
