"""What the application is made of: every port that its routes read from or write to."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.access import Access
from app.api.ports import AlertLog, History
from app.api.stream import Stream
from app.api.timeline import Timeline
from app.gate import Gate
from app.metrics import BuildInfo, Exposition
from app.remote_write import RemoteWriteStatus
from app.replay import Backtests
from app.status import (
    AuditLog,
    Board,
    ConfigSource,
    Contributors,
    DeliveryLog,
    IncidentLog,
    Pasts,
    Readiness,
    Reloader,
    Reports,
    SourceStatus,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiData:
    """Where the routes get what they answer, and where they keep what they are given.

    Attributes:
        turn: requests share it to read the past.
        external_url: where people reach the service; a path in it is served too, whether a proxy strips it or not.
        access: decides who may do what.
        alertmanager_url: gives where people reach Alertmanager, if there is one.
        report_link_secret: what links to reports are signed with.
        refused: counts a request that is refused for who sends it, by its status.
    """

    board: Board
    history: History
    pasts: Pasts
    contributors: Contributors
    reports: Reports
    turn: asyncio.Semaphore
    alerts: AlertLog
    incidents: IncidentLog
    deliveries: DeliveryLog
    timeline: Timeline
    backtests: Backtests
    gate: Gate
    readiness: Readiness
    reloader: Reloader
    config: ConfigSource
    metrics: Exposition
    build: BuildInfo
    external_url: str
    access: Access
    audit: AuditLog
    stream: Stream
    alertmanager_url: Callable[[], str | None] = lambda: None
    remote_write: Callable[[], Sequence[RemoteWriteStatus]] = tuple
    sources: Callable[[], Sequence[SourceStatus]] = tuple
    report_link_secret: str | None = None
    refused: Callable[[int], None] = lambda _status: None
