"""A circuit breaker: once Prometheus is known to be away, asking fails at once instead of after a timeout each time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.prometheus.errors import CircuitOpenError, PrometheusError, TimedOutError, UnreachableError

# A server that restarts within two seconds costs no slot: it takes five failures and two seconds to open. The probe
# comes 4 s later, below the shortest evaluation interval, so that each slot probes once.
_FAILURES = 5
_PATIENCE_S = 2.0
_COOL_DOWN_S = 4.0


class Breaker:
    """Opens after consecutive attempts without any answer, and lets one probe through after a rest.

    It takes several failures *and* some seconds, so that a server that restarts within a moment costs no slot. While
    the probe is under way the others wait for its verdict, so that the slot in which Prometheus returns is whole.

    Args:
        failures: consecutive attempts without an answer before it opens.
        patience: seconds from the first of them before it opens.
        cool_down: seconds before a probe; below the shortest interval, so that each slot probes.
    """

    def __init__(
        self, *, failures: int = _FAILURES, patience: float = _PATIENCE_S, cool_down: float = _COOL_DOWN_S
    ) -> None:
        self._limit = failures
        self._patience = patience
        self._cool_down = cool_down
        self._failures = 0
        self._failing_since = 0.0
        self._probe_at: float | None = None
        self._probe_done: asyncio.Event | None = None
        self._cause = ""

    @property
    def is_open(self) -> bool:
        """Whether calls fail without being tried."""
        return self._probe_at is not None

    @asynccontextmanager
    async def attempt(self, until: float) -> AsyncIterator[None]:
        """Surrounds one attempt and learns from how it ends; any answer at all counts as being there.

        Args:
            until: when to give up waiting for the verdict of a probe, in the time of the event loop.

        Raises:
            CircuitOpenError: Prometheus was away a moment ago.
        """
        probe = await self._admit(until)
        try:
            yield
        except (UnreachableError, TimedOutError) as error:
            self._failed(error)
            raise
        except PrometheusError:
            self._succeeded()
            raise
        else:
            self._succeeded()
        finally:
            if probe is not None:
                self._probe_done = None
                probe.set()

    async def _admit(self, until: float) -> asyncio.Event | None:
        """Wait for leave to ask; the event to set at the end if this is the probe."""
        while self._probe_at is not None:
            if self._probe_done is not None:
                await self._verdict(self._probe_done, until)
            elif _now() < self._probe_at:
                raise CircuitOpenError(self._cause)
            else:
                self._probe_done = asyncio.Event()
                return self._probe_done
        return None

    async def _verdict(self, probe_done: asyncio.Event, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await probe_done.wait()
        except TimeoutError:
            raise CircuitOpenError(self._cause) from None

    def _failed(self, error: Exception) -> None:
        self._cause = str(error)
        if self._failures == 0:
            self._failing_since = _now()
        self._failures += 1
        if self._failures >= self._limit and _now() - self._failing_since >= self._patience:
            self._probe_at = _now() + self._cool_down

    def _succeeded(self) -> None:
        self._failures = 0
        self._probe_at = None


def _now() -> float:
    return asyncio.get_running_loop().time()
