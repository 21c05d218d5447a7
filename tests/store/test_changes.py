"""Changes of services as they are kept: two years of them, and not too many."""

from datetime import timedelta

from app.changes import Change, ChangeKind
from app.status import RecentChanges, StoredChanges
from app.store import Database
from app.store.changes import ChangeFilter, delete_changes, list_changes, prune_changes, save_change
from tests.support.notifications import START
from tests.support.set_clock import SetClock


def _deploy(id_: str, *, ago: timedelta) -> Change:
    at = START - ago
    return Change(id=id_, source="api", kind=ChangeKind.DEPLOY, service="shop", started_at=at, finished_at=at)


def test_old_changes_and_the_oldest_of_too_many_are_deleted(database: Database) -> None:
    with database.begin() as tx:
        for days, id_ in ((0, "a"), (1, "b"), (1, "c"), (2, "d"), (733, "e")):
            save_change(tx, _deploy(id_, ago=timedelta(days=days)), at=START)
        assert prune_changes(tx, at=START) == 1
        assert prune_changes(tx, at=START, most=2) == 2
        assert prune_changes(tx, at=START, most=2) == 0
        assert [one.id for one in list_changes(tx, ChangeFilter(), limit=10)] == ["a", "c"]


def test_what_others_have_written_since_is_read_and_no_more(database: Database) -> None:
    clock, recent = SetClock(START), RecentChanges()
    here = StoredChanges(database, recent, clock)
    there = StoredChanges(database, RecentChanges(), clock)
    there.add(_deploy("a", ago=timedelta(hours=2)))
    here.note_recent()
    # Reported late: it began before what is known.
    clock.at += timedelta(hours=1)
    there.add(_deploy("b", ago=timedelta(hours=3)))
    with database.begin() as tx:
        delete_changes(tx, ["a"])
    here.note_recent()
    assert recent.before("shop", (), START, within=timedelta(days=1)) == _deploy("a", ago=timedelta(hours=2))
    assert recent.before("shop", (), START - timedelta(hours=2.5), within=timedelta(days=1)) == _deploy(
        "b", ago=timedelta(hours=3)
    )
    with database.read() as tx:
        later = ChangeFilter(noted_since=clock.at - timedelta(minutes=2))
        assert [one.id for one in list_changes(tx, later, limit=10)] == ["b"]
