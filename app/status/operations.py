"""The service itself, for those who run it: dead letters, health, reloads, configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.slo import Tenants
from app.store.dead_letters import DeadLetter
from app.store.receiver_records import ReceiverRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStatus:
    """What became of the notifications to one receiver; one that is not configured has dead letters or waiting ones.

    *accepted* notifications and *failures*, attempts by reason, are since the start of the service.
    """

    name: str
    is_configured: bool
    record: ReceiverRecord
    accepted: int
    failures: Mapping[str, int]


class DeliveryLog(Protocol):
    """How receivers take notifications, and what was given up."""

    async def receivers(self) -> Sequence[ReceiverStatus]:
        """Every receiver, in the order of the configuration."""
        ...

    async def dead_letters(
        self, limit: int, *, before: int | None = None, tenants: Tenants | None = None
    ) -> Sequence[DeadLetter]:
        """The newest, newest first; only those with an id below *before*, and of *tenants*, if given."""
        ...

    async def retry(self, letter: int) -> bool:
        """Let a dead letter be tried again; False if there is none of that id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """The health of a source: the newest slot that it has answered, and how long its last queries took.

    Of its *slis*, *failing* have no answer. *problem* says why it answers nothing, or what is missing from its answers.
    """

    name: str
    answered_at: datetime | None
    seconds: float
    slis: int
    failing: int
    answers: bool
    problem: str | None


class Readiness(Protocol):
    """Whether the service can answer requests, and whether evaluation is healthy."""

    def reasons(self) -> Sequence[str]:
        """Why the service cannot serve, in words; empty if it can."""
        ...

    def unhealthy_reasons(self) -> Sequence[str]:
        """Why evaluation is not healthy, in words; empty if it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadOutcome:
    """The result of a reload: *errors* if the old documents stay active.

    They stay active as well if the new ones are sound and the database cannot be used, which *unavailable* says.
    """

    slos: int
    errors: tuple[str, ...] = ()
    unavailable: str | None = None


class Reloader(Protocol):
    """Reloads the documents, all or nothing."""

    async def reload(self) -> ReloadOutcome:
        """Activate the documents on disk, or keep the old ones and return what is wrong."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigStatus:
    """The active configuration; secrets in *settings* are masked.

    *database* is its product and version, *replicas* names the processes that work on it. *last_reload_errors* are why
    documents or receivers on disk were refused.
    """

    settings: Mapping[str, object]
    spec_digest: str
    slos: int
    last_reload_successful: bool
    last_reload_at: datetime | None
    database: str
    replicas: tuple[str, ...]
    last_reload_errors: tuple[str, ...] = ()


class ConfigSource(Protocol):
    """Provides the active configuration."""

    def status(self) -> ConfigStatus:
        """The active configuration."""
        ...
