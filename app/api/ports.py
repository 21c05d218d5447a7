"""What the routes need of the rest of the service."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.alerting import Transition
from app.slo import SloId
from app.status import HistoryPoint
from app.store.dead_letters import DeadLetter


class History(Protocol):
    """The past of one SLO; called in a worker thread."""

    def history(self, slo_id: SloId, start: datetime, end: datetime, step: timedelta) -> Sequence[HistoryPoint] | None:
        """One point for each step that ends in (start, end], oldest first; None if the SLO is not known."""
        ...


class AlertLog(Protocol):
    """What alerts have done lately."""

    async def recent(self, limit: int, slos: Collection[SloId] | None) -> Sequence[Transition]:
        """The newest transitions of these SLOs and group members, newest first; of all if None."""
        ...


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
    """The active configuration; secrets in *settings* are masked."""

    settings: Mapping[str, object]
    spec_digest: str
    slos: int
    last_reload_successful: bool
    last_reload_at: datetime | None


class ConfigSource(Protocol):
    """Provides the active configuration."""

    def status(self) -> ConfigStatus:
        """The active configuration."""
        ...
