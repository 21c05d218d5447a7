"""The components that the engine works with, opened by `run.py`."""

from dataclasses import dataclass, field

from fastapi.telemetry import TelemetryConfig

from app.adjustments import CurrentAdjustments
from app.clock import Clock
from app.integrations import DeliveryConfig
from app.metrics import Instruments
from app.service.otel import NO_TELEMETRY
from app.settings import Settings
from app.status import Board, IncidentMemory, RecentChanges
from app.store import Database
from app.store.shards import ServiceLease


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """What the engine works with."""

    settings: Settings
    database: Database
    board: Board
    instruments: Instruments
    clock: Clock
    telemetry: TelemetryConfig = field(default_factory=lambda: NO_TELEMETRY)
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)
    adjustments: CurrentAdjustments = field(default_factory=CurrentAdjustments)
    recent_changes: RecentChanges = field(default_factory=RecentChanges)
    incident_memory: IncidentMemory = field(default_factory=IncidentMemory)
    service_lease: ServiceLease = field(default_factory=ServiceLease)
