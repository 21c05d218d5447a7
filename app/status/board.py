"""Where the newest snapshots hang: written once a tick, read by anybody at any time.

A reader gets an immutable tuple that is swapped as a whole, so neither readers nor ticks ever wait for each other.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from app.slo import SloId
from app.status.snapshot import Snapshot


class Board:
    """The newest snapshot of every SLO, in the order of the documents."""

    def __init__(self) -> None:
        self._snapshots: tuple[Snapshot, ...] = ()
        self._by_id: Mapping[SloId, Snapshot] = MappingProxyType({})

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Replace what hangs on the board."""
        self._by_id = MappingProxyType({snapshot.id: snapshot for snapshot in snapshots})
        self._snapshots = tuple(snapshots)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every snapshot of the newest tick."""
        return self._snapshots

    def find(self, slo_id: SloId) -> Snapshot | None:
        """The snapshot of one SLO or group member; None if it is not known."""
        return self._by_id.get(slo_id)
