"""What the other replicas show of the SLOs of this one, written with its evaluations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from app.alerting import Notification
from app.replicas import SERVICE_SHARD, Share
from app.slo import SloId, ungrouped_id
from app.status import Snapshot
from app.status.shown import ShownSlos, encode_shown
from app.store import Transaction
from app.store.shown import ShownShard, save_shown


class ShownRecord:
    """The newest figures of a replica's share, as rows for the others; *wanted* says whether there are any others."""

    def __init__(self, share: Share, *, wanted: Callable[[], bool]) -> None:
        self._share = share
        self._wanted = wanted
        self._newest: ShownSlos | None = None

    def note(
        self,
        snapshots: Sequence[Snapshot],
        notifications: Mapping[str, Notification],
        histories: Callable[[], Mapping[SloId, tuple[str, int, bool]]],
        at: datetime,
    ) -> None:
        """Take what an evaluation shows."""
        if self._wanted():
            shown = tuple(notifications.values())
            self._newest = ShownSlos(at=at, snapshots=snapshots, notifications=shown, histories=histories())

    def save(self, transaction: Transaction) -> None:
        """Write it, also of shards without any SLO: what was in them before is gone."""
        newest, self._newest = self._newest, None
        if newest is not None:
            rows = [ShownShard(shard=number, at=one.at, body=encode_shown(one)) for number, one in self._cut(newest)]
            save_shown(transaction, rows)

    def _cut(self, newest: ShownSlos) -> Iterator[tuple[int, ShownSlos]]:
        """What is shown of each shard, in order."""
        snapshots: dict[int | None, list[Snapshot]] = {}
        notifications: dict[int | None, list[Notification]] = {}
        histories: dict[int | None, dict[SloId, tuple[str, int, bool]]] = {}
        shard_of = self._share.shard_of.get
        for one in newest.snapshots:
            snapshots.setdefault(shard_of(one.slo.id), []).append(one)
        for each in newest.notifications:
            notifications.setdefault(shard_of(ungrouped_id(each.slo)), []).append(each)
        for slo, history in newest.histories.items():
            histories.setdefault(shard_of(ungrouped_id(slo)), {})[slo] = history
        for number in sorted(self._share.shards.difference({SERVICE_SHARD})):
            yield (
                number,
                ShownSlos(
                    at=newest.at,
                    snapshots=snapshots.get(number, ()),
                    notifications=notifications.get(number, ()),
                    histories=histories.get(number, {}),
                ),
            )
