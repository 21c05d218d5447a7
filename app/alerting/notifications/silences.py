"""What an Alertmanager keeps from notifying: a silence that people made, or another alert that inhibits this one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSilence:
    """Why an Alertmanager passes an alert on to no one, as it answered at *read_at*.

    Attributes:
        receiver: the name of the Alertmanagers among several receivers of their kind; empty if there are no others.
        id: of the silence; empty where another alert inhibits this one, as also are the three below.
    """

    read_at: datetime = field(compare=False)
    receiver: str = ""
    id: str = ""
    until: datetime | None = None
    created_by: str = ""
    comment: str = ""

    @property
    def is_inhibited(self) -> bool:
        """Whether another alert keeps it from notifying, and no silence."""
        return not self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSilences:
    """The silences of active alerts by the alert's key, and the Alertmanagers that did *not* answer when asked."""

    by_key: Mapping[str, AlertSilence] = field(default_factory=lambda: MappingProxyType({}))
    unanswered: tuple[str, ...] = ()
