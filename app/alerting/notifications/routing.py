"""Which receivers are notified of an alert: the first route that matches, and the next where it says so.

Every decision about who is notified is made here; `app.store.recipients` reads what the decisions need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase

from app.alerting.notifications.labels import sent_labels
from app.alerting.notifications.notification import Notification, NotificationStatus
from app.slo import Severity, tenant_of

# Longer than a restart or a deployment of a receiver, and short enough for a page at a burn rate of 14.4.
DEFAULT_FALLBACK_AFTER = timedelta(minutes=5)

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

    def matches(self, notification: Notification) -> bool:
        """Whether the alert is one of this route's; a label that it does not have is empty."""
        if self.severities and notification.severity not in self.severities:
            return False
        if self.services and not _any(self.services, notification.service):
            return False
        own = sent_labels(notification)
        return all(_any(patterns, own.get(label, "")) for label, patterns in self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """The receivers that have been, or will be, notified that an alert fires, and that it is resolved.

    One that is in both was notified of the end last.
    """

    firing: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[str, ...]:
        """The receivers for which the alert fires."""
        return tuple(name for name in self.firing if name not in self.resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerouting:
    """What a change of routes means for an alert that fires: the receivers for which it begins, and ends."""

    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Routes in order; *default* receives what none of them matches, and *always* receives all alerts.

    *unrouted* are receivers that no route names: fallbacks, and those that routes named before a reload. *fallbacks*
    has, by receiver, the one that is notified of what was given up for it, and of pages that it has not accepted for
    *fallback_after* (default `DEFAULT_FALLBACK_AFTER`). *tenants* has the receivers of each tenant: no alert of others
    is sent there, and those of a tenant that has any nowhere else.
    """

    routes: tuple[Route, ...] = ()
    default: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    unrouted: tuple[str, ...] = ()
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    fallback_after: Mapping[str, timedelta] = field(default_factory=dict)
    tenants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def known(self) -> frozenset[str]:
        """Every receiver that may have been notified of an alert, and so must be notified of its end."""
        routed = (name for route in self.routes for name in route.receivers)
        owned = (name for names in self.tenants.values() for name in names)
        return frozenset((*self.always, *self.default, *routed, *self.unrouted, *owned, *self.fallbacks.values()))

    def recipients(self, notification: Notification, notified: Notified) -> tuple[str, ...]:
        """The receivers of a notification that an evaluation has decided; *notified* is of the same alert.

        A resolved notification goes to those that were notified that the alert fires, even if routes have changed in
        between; to the routes' receivers only if nothing is known of any notification.
        """
        if notification.status is NotificationStatus.RESOLVED:
            # Entries of the outbox are deleted after 30 days: an end too many is better than an alert that stays open
            # at its receiver.
            return notified.open if notified.firing or notified.resolved else self.receivers(notification)
        return self._not_resolved(notification, notified)

    def recipients_instead(self, notification: Notification, notified: Notified) -> tuple[str, ...]:
        """The receivers of a notification that waited for a receiver which is no longer configured."""
        if notification.status is NotificationStatus.RESOLVED:
            return notified.open
        return self._not_resolved(notification, notified)

    def rerouted(self, notification: Notification, notified: Notified) -> Rerouting:
        """Who else must be notified of a firing alert, where receivers were *notified* of it by other routes.

        A fallback is notified of its end by the alert itself, as it was of its beginning by no route.
        """
        wanted = self.receivers(notification)
        return Rerouting(
            begins=tuple(name for name in wanted if name not in notified.open),
            ends=tuple(name for name in notified.open if name not in wanted and not self.is_fallback(name)),
        )

    def is_fallback(self, receiver: str) -> bool:
        """Whether a receiver is notified of what was given up for another one."""
        return receiver in self.fallbacks.values()

    def falling_back_to(self, receiver: str) -> Mapping[str, timedelta]:
        """The receivers whose fallback this one is, with how long each may fail before a page is sent here."""
        return {
            source: self.fallback_after.get(source, DEFAULT_FALLBACK_AFTER)
            for source, fallback in self.fallbacks.items()
            if fallback == receiver
        }

    def _not_resolved(self, notification: Notification, notified: Notified) -> tuple[str, ...]:
        # A firing notification after the resolved one would never be resolved.
        return tuple(name for name in self.receivers(notification) if name not in notified.resolved)

    def receivers(self, notification: Notification) -> tuple[str, ...]:
        """The receivers that the routes name for the alert, each once, as far as its tenant may notify them."""
        found = self._routed(notification)
        return self._of_tenant(tenant_of(notification.slo), found) if self.tenants else found

    def _of_tenant(self, tenant: str, routed: tuple[str, ...]) -> tuple[str, ...]:
        """What is left of *routed* for an alert of a tenant: all receivers of the tenant if that is none of them."""
        own = self.tenants.get(tenant, ())
        if own:
            return tuple(name for name in routed if name in own) or own
        owned = {name for names in self.tenants.values() for name in names}
        return tuple(name for name in routed if name not in owned)

    def _routed(self, notification: Notification) -> tuple[str, ...]:
        found: list[str] = [*self.always]
        matched = False
        for route in self.routes:
            if route.matches(notification):
                found += route.receivers
                matched = True
                if not route.goes_on:
                    break
        if not matched:
            found += self.default
        return tuple(dict.fromkeys(found))


def _any(patterns: Patterns, value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)
