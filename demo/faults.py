"""The switch that breaks the shop: which service answers badly now, how badly, and until when."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a service: the ratio of requests that fail, and what every answer takes longer."""

    errors: float
    latency_seconds: float
    until: float  # monotonic seconds


NO_FAULT = Fault(errors=0.0, latency_seconds=0.0, until=0.0)


@dataclass(slots=True)
class Switchboard:
    """The current faults; each ends by itself."""

    clock: Callable[[], float] = time.monotonic
    _faults: dict[str, Fault] = field(default_factory=dict)

    def start(self, service: str, *, errors: float, latency_seconds: float, for_seconds: float) -> None:
        """Break *service* from now on; an earlier fault of it is replaced."""
        until = self.clock() + for_seconds
        self._faults[service] = Fault(errors=errors, latency_seconds=latency_seconds, until=until)

    def mend(self, service: str | None = None) -> list[str]:
        """End the fault of *service*, or all; the services that were broken."""
        mended = [name for name, _ in self.active() if service in {None, name}]
        for name in mended:
            del self._faults[name]
        return mended

    def fault(self, service: str) -> Fault:
        """What is wrong with *service* now."""
        fault = self._faults.get(service, NO_FAULT)
        return fault if fault.until > self.clock() else NO_FAULT

    def active(self) -> list[tuple[str, Fault]]:
        """Each broken service with its fault."""
        now = self.clock()
        return [(service, fault) for service, fault in self._faults.items() if fault.until > now]

    def seconds_left(self, fault: Fault) -> float:
        """How long *fault* still lasts."""
        return max(0.0, fault.until - self.clock())
