"""Changes of services as they are kept: two years of them, and not too many."""

from datetime import timedelta

from app.changes import Change, ChangeKind
from app.store import Database
from app.store.changes import ChangeFilter, list_changes, prune_changes, save_change
from tests.support.notifications import START


def _deploy(id_: str, *, ago: timedelta) -> Change:
    at = START - ago
    return Change(id=id_, source="api", kind=ChangeKind.DEPLOY, service="shop", started_at=at, finished_at=at)


def test_old_changes_and_the_oldest_of_too_many_are_deleted(database: Database) -> None:
    with database.begin() as tx:
        for days, id_ in ((0, "a"), (1, "b"), (1, "c"), (2, "d"), (733, "e")):
            save_change(tx, _deploy(id_, ago=timedelta(days=days)))
        assert prune_changes(tx, at=START) == 1
        assert prune_changes(tx, at=START, most=2) == 2
        assert prune_changes(tx, at=START, most=2) == 0
        assert [one.id for one in list_changes(tx, ChangeFilter(), limit=10)] == ["a", "c"]
