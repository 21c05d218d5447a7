"""Who did what: entries of the audit, and on whose behalf the code that is running works."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from app.access.identity import Identity, IdentityKind
from app.slo import Tenants


class AuditOutcome(StrEnum):
    """What became of it."""

    CHANGED = "changed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, and the address that it comes from; empty for the service itself and for commands."""

    kind: IdentityKind
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change, or one that was refused.

    Attributes:
        action: the `operation_id` of the API; the method and the path of a form that was refused.
        target: the id of what was changed; the path of what was refused.
        detail: why it was refused.
        before, after: what was changed as it was and as it is, of plain values; None where it was not, or is no more.
    """

    at: datetime
    actor: Actor
    action: str
    target: str
    outcome: AuditOutcome
    detail: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


class AuditTrail(Protocol):
    """Keeps entries that belong to no transaction, such as those of refused changes."""

    def note(self, entry: AuditEntry) -> None:
        """Keep an entry, soon; never waits."""


class Deed:
    """What is done on behalf of an actor, such as one request; *is_recorded* once the audit has it.

    It sees what belongs to *tenants*, or everything if that is None.
    """

    def __init__(self, actor: Actor, tenants: Tenants | None = None) -> None:
        self.actor = actor
        self.tenants = tenants
        self.is_recorded = False


_current: ContextVar[Deed] = ContextVar("deed")


def begin_deed(actor: Actor, *, tenants: Tenants | None = None) -> Deed:
    """From now on, what this task and the threads do that it waits for is done on behalf of an actor."""
    deed = Deed(actor, tenants)
    _current.set(deed)
    return deed


def act_as(identity: Identity) -> None:
    """Name another actor of what is done, such as the one whose token is in a form."""
    deed = _current.get(None)
    if deed is not None:
        deed.actor = Actor(kind=identity.kind, name=identity.name, address=deed.actor.address)
        deed.tenants = identity.tenants


def seen_tenants() -> Tenants | None:
    """The tenants whose things may be shown to who asks; None if those of all.

    Raises:
        LookupError: there is no deed. Code that forgets on whose behalf it reads must not see everything.
    """
    return _current.get().tenants


def note_unchanged() -> None:
    """What was asked for is so already: there is no entry of it."""
    current_deed().is_recorded = True


def current_deed() -> Deed:
    """What is done, and by whom: the service itself, unless something else has begun."""
    return _current.get(None) or Deed(Actor(kind=IdentityKind.SERVICE))
