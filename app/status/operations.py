"""The service itself, for those who run it: dead letters, health, reloads, configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.store.dead_letters import DeadLetter


class DeadLetterBox(Protocol):
    """Notifications that were given up."""

    async def letters(self, limit: int) -> Sequence[DeadLetter]:
        """The newest, newest first."""
        ...

    async def retry(self, letter: int) -> bool:
        """Let one be tried again; False if there is none of that id."""
        ...


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

    *last_reload_errors* are why documents or receivers on disk were refused.
    """

    settings: Mapping[str, object]
    spec_digest: str
    slos: int
    last_reload_successful: bool
    last_reload_at: datetime | None
    last_reload_errors: tuple[str, ...] = ()


class ConfigSource(Protocol):
    """Provides the active configuration."""

    def status(self) -> ConfigStatus:
        """The active configuration."""
        ...
