"""Exceptions from policies: changes that go ahead all the same, for a limited time, with a reason and an owner."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.policy.model import Patterns, fits
from app.slo import tenant_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GateException:
    """Lets changes go ahead from *starts_at* until *ends_at* that match in everything that is given.

    One of a *tenant* is about its services only. A *break_glass* is one that receivers are notified of. *ended_by* is
    who ended it before its time.
    """

    id: str
    reason: str
    owner: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime
    services: Patterns = ()
    environments: Patterns = ()
    changes: Patterns = ()
    slos: Patterns = ()
    break_glass: bool = False
    ended_at: datetime | None = None
    ended_by: str | None = None
    tenant: str = ""

    @property
    def until(self) -> datetime:
        """When it is over."""
        return self.ends_at if self.ended_at is None else min(self.ended_at, self.ends_at)

    def is_active(self, at: datetime) -> bool:
        """Whether it holds at a time."""
        return self.starts_at <= at < self.until

    def covers(self, *, slo: str, service: str, environment: str, change: str) -> bool:
        """Whether it is about a change to a service, as far as one SLO of it is concerned."""
        return (
            (not self.tenant or tenant_of(service) == self.tenant)
            and fits(self.services, service)
            and fits(self.slos, slo)
            and self.fits_change(environment, change)
        )

    def fits_change(self, environment: str, change: str) -> bool:
        """Whether it is about changes of a kind in an environment, to some service."""
        return fits(self.environments, environment) and fits(self.changes, change)


def covering(
    exceptions: Iterable[GateException], *, slo: str, service: str, environment: str, change: str, at: datetime
) -> GateException | None:
    """The exception that lets a change go ahead, the one that lasts longest; None if there is none."""
    found = [
        one
        for one in exceptions
        if one.is_active(at) and one.covers(slo=slo, service=service, environment=environment, change=change)
    ]
    return max(found, key=lambda one: one.until, default=None)
