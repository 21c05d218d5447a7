"""Timelines: `at(t)` something happens, from a time on something is wanted; nothing else may reach the pager.

The style is that of Alertmanager's own acceptance tests, but no time is too late: on a busy machine all takes longer.
Seconds count from the call of `run`, or from the moment when something else was seen.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from testbed.sink import Received, Sink
from testbed.waiting import PATIENCE_S

_POLL_S = 0.1
_QUIET_S = 6.0
"""How long the pager must stay silent after the last thing that was wanted: more than one slot."""

Alert = dict[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """What reaches a pager: an alert that fires, or its end."""

    status: str
    labels: Mapping[str, str]

    def tells(self, alert: Alert) -> bool:
        """Whether *alert* is this news."""
        return bool(alert["status"] == self.status and self.labels.items() <= alert["labels"].items())


def page(slo: str) -> News:
    """A page for *slo*."""
    return News("firing", {"slo": slo, "severity": "page"})


def ticket(slo: str) -> News:
    """A ticket for *slo*."""
    return News("firing", {"slo": slo, "severity": "ticket"})


def all_clear(slo: str, severity: str = "page") -> News:
    """The end of an alert of *slo*."""
    return News("resolved", {"slo": slo, "severity": severity})


@dataclass(frozen=True, slots=True)
class Sight:
    """Something that can be seen from outside, by asking again and again."""

    what: str
    holds: Callable[[], bool]


@dataclass(slots=True, kw_only=True)
class Wanted:
    """One thing that is wanted *from_second* on, and when it came about; *after* is what its seconds count from."""

    from_second: float
    what: News | Sight
    after: "Wanted | None" = None
    came_at: float | None = None
    alert: Alert = field(default_factory=dict)

    @property
    def base(self) -> float | None:
        """What its seconds count from; None while that has not come about."""
        return _base(self.after)

    def is_due(self, now: float) -> bool:
        """Whether it is wanted and has not come about yet."""
        return self.came_at is None and self.base is not None and self.base + self.from_second <= now

    def is_missed(self, now: float) -> bool:
        """Whether it came too early, or not at all."""
        if self.base is None:
            return self.came_at is not None
        at = now if self.came_at is None else self.came_at
        early = self.came_at is not None and at < self.base + self.from_second
        return early or at > self.base + self.from_second + PATIENCE_S


@dataclass(frozen=True, slots=True)
class _Action:
    second: float
    do: Callable[[], object]
    after: Wanted | None

    def is_due(self, now: float) -> bool:
        base = _base(self.after)
        return base is not None and base + self.second <= now


class Timeline:
    """What happens and what is wanted, in one test; `run` plays it, and fails where it goes otherwise."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._actions: list[_Action] = []
        self._wanted: list[Wanted] = []
        self._surplus: list[tuple[float, Alert]] = []

    def at(self, second: float, action: Callable[[], object], *, after: Wanted | None = None) -> None:
        """Let something happen."""
        self._actions.append(_Action(second, action, after))

    def want(self, from_second: float, what: News | Sight, *, after: Wanted | None = None) -> Wanted:
        """Want something to reach the pager, or to be seen, and not before a time."""
        wanted = Wanted(from_second=from_second, what=what, after=after)
        self._wanted.append(wanted)
        return wanted

    def run(self) -> None:
        """Play the timeline; it ends once everything has happened and the pager has been silent for a while.

        Raises:
            AssertionError: something did not come when it was wanted, or something came that nobody wanted.
        """
        start, start_wall = time.monotonic(), time.time()
        heard = len(self._sink.received)
        busy_until = 0.0
        while True:
            self._act(start)
            now = time.monotonic() - start
            received = self._sink.received[heard:]
            heard += len(received)
            for one in received:
                self._hear(one, one.at - start_wall)
            self._look(now)
            missed = [wanted for wanted in self._wanted if wanted.is_missed(now)]
            assert not missed, f"not as wanted after {now:.1f} s: {missed}; what else came: {self._surplus}"
            assert not self._surplus, f"nobody wanted: {self._surplus}; wanted: {self._wanted}"
            if self._actions or any(wanted.came_at is None for wanted in self._wanted):
                busy_until = now
            elif now - busy_until >= _QUIET_S:
                return
            time.sleep(_POLL_S)

    def _act(self, start: float) -> None:
        for action in list(self._actions):
            if action.is_due(time.monotonic() - start):
                self._actions.remove(action)
                action.do()

    def _hear(self, received: Received, second: float) -> None:
        for alert in received.body["alerts"]:
            open_wants = (want for want in self._wanted if want.came_at is None)
            match = next((want for want in open_wants if isinstance(want.what, News) and want.what.tells(alert)), None)
            if match is None:
                self._surplus.append((second, alert))
            else:
                match.came_at, match.alert = second, alert

    def _look(self, now: float) -> None:
        for want in self._wanted:
            if isinstance(want.what, Sight) and want.is_due(now) and want.what.holds():
                want.came_at = now


def _base(after: Wanted | None) -> float | None:
    return 0.0 if after is None else after.came_at
