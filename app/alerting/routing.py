"""Which receivers are notified of an alert: the first route that matches, and the next where it says so."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.alerting.labels import sent_labels
from app.alerting.notification import Notification
from app.slo import Severity

Patterns = tuple[str, ...]
"""Values, any of which may match; `*` and `?` stand for any text and any character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Alerts that match in everything that is given go to the *receivers*; *goes_on* lets later routes add theirs.

    *labels* are matched against those that receivers get.
    """

    receivers: tuple[str, ...]
    severities: frozenset[Severity] = frozenset()
    services: Patterns = ()
    labels: tuple[tuple[str, Patterns], ...] = ()
    goes_on: bool = False

    def matches(self, notice: Notification) -> bool:
        """Whether the alert is one of this route's; a label that it does not have is empty."""
        if self.severities and notice.severity not in self.severities:
            return False
        if self.services and not _any(self.services, notice.service):
            return False
        own = sent_labels(notice)
        return all(_any(patterns, own.get(label, "")) for label, patterns in self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Routes in order; *default* receives what none of them matches, and *always* receives all alerts.

    *unrouted* are receivers that no route names: fallbacks, and those that routes named before a reload.
    """

    routes: tuple[Route, ...] = ()
    default: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    unrouted: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        """Every receiver that may have been notified of an alert, and so must be notified of its end."""
        routed = (name for route in self.routes for name in route.receivers)
        return frozenset((*self.always, *self.default, *routed, *self.unrouted))

    def receivers(self, notice: Notification) -> tuple[str, ...]:
        """The receivers that are notified of the alert, each once."""
        found: list[str] = [*self.always]
        matched = False
        for route in self.routes:
            if route.matches(notice):
                found += route.receivers
                matched = True
                if not route.goes_on:
                    break
        if not matched:
            found += self.default
        return tuple(dict.fromkeys(found))


def _any(patterns: Patterns, value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)
