"""What the user of the demo may choose."""

from dataclasses import dataclass, field
from pathlib import Path

from demo.ports import Ports

DAYS = 31
"""A day more than the SLOs' window, so that the whole of it is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Ports, a folder to keep the data in, how much history and traffic there is."""

    ports: Ports = field(default_factory=Ports)
    data: Path | None = None
    days: float = DAYS
    traffic: float = 1.0
