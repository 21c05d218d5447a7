"""The board as its readers see it."""

from collections.abc import Callable
from types import MappingProxyType

from typing_extensions import override

from app.access import seen_tenants
from app.slo import Tenants, tenant_of
from app.status import Board, BoardContent, Snapshot, content_of


class SeenBoard(Board):
    """A board of which each reader sees the SLOs of its tenants; nothing can be published by it."""

    def __init__(self, board: Board) -> None:  # nothing of its own is on it
        self._whole = board
        # What was made of the newest content: of an older one nothing is kept in memory.
        self._made: tuple[BoardContent, dict[Tenants, BoardContent]] = BoardContent(), {}

    @property
    @override
    def current(self) -> BoardContent:
        content, tenants = self._whole.current, seen_tenants()
        if tenants is None:
            return content
        made_of, made = self._made
        if made_of is not content:
            made = {}
            self._made = content, made
        found = made.get(tenants)
        if found is None:
            found = made[tenants] = _part(content, tenants)
        return found

    @property
    @override
    def snapshots(self) -> tuple[Snapshot, ...]:
        return self.current.snapshots

    @property
    @override
    def own(self) -> tuple[Snapshot, ...]:
        tenants, own = seen_tenants(), self._whole.own
        return own if tenants is None else tuple(one for one in own if one.slo.tenant in tenants)

    @override
    def follow(self, published: Callable[[], None]) -> None:
        self._whole.follow(published)


def _part(content: BoardContent, tenants: Tenants) -> BoardContent:
    snapshots = [one for one in content.snapshots if tenant_of(one.id) in tenants]
    notifications = {key: one for key, one in content.by_key.items() if tenant_of(key) in tenants}
    return content_of(snapshots, MappingProxyType(notifications), content.silences)
