"""Upgrades without a stop: tables are widened beside code of before, and narrowed only where none of it works."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.replicas import LeaseTerm
from app.store import Database, StoreLockedError, StoreNewerError, open_database, open_database_for_reading
from app.store.changes import ChangeFilter, list_changes, save_change
from app.store.incidents import IncidentFilter, list_incidents
from app.store.outbox import claim, enqueue
from app.store.shards import fence, take_shards
from tests.support.changes import a_change
from tests.support.incidents import burning, record
from tests.support.made_up_revision import NEXT, WIDENED, opened_by_the_next_version
from tests.support.notifications import START
from tests.support.postgres import Postgres

TERM = LeaseTerm(lease_s=60.0, look_every_s=1.0)


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.empty_database()


@pytest.fixture
def old(url: str) -> Iterator[Database]:
    with closing(open_database(url)) as opened:
        yield opened


def _write(database: Database, number: int) -> None:
    """What a replica writes."""
    page = burning(incident=f"incident{number}", starts_at=START + timedelta(days=number))
    with database.begin() as tx:
        mine = take_shards(tx, database.instance, [number], term=TERM)
        fence(tx, database.instance, mine, term=TERM, stepped=START)
        record(tx, page)
        enqueue(tx, [page], receivers=["pager"], at=START)
        save_change(tx, a_change(version=f"v{number}", started_at=START), at=START)


def test_code_of_before_goes_on_writing_and_the_next_reads_it(old: Database, url: str, tmp_path: Path) -> None:
    _write(old, 1)
    with opened_by_the_next_version(url, tmp_path) as new:
        _write(old, 2)
        _write(new, 3)
        for database in (old, new):
            with database.read() as tx:
                assert len(list_incidents(tx, IncidentFilter(), limit=10)) == 3
                assert len(list_changes(tx, ChangeFilter(), limit=10)) == 3
        with new.begin() as tx:
            assert len(claim(tx, "pager", owner="new", at=START, lease=timedelta(minutes=1))) == 1
            for name in WIDENED:
                assert set(tx.execute(text(f"SELECT added FROM {name}")).scalars()) <= {None}  # noqa: S608
            assert tx.execute(text("SELECT version_num FROM schema_revision")).scalar() == NEXT
    # One of before that ends is started again, as long as not all are of the next version.
    with closing(open_database(url)) as again:
        _write(again, 4)
    open_database_for_reading(url).close()


def test_tables_are_not_narrowed_beside_code_that_needs_them(old: Database, url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreLockedError), opened_by_the_next_version(url, tmp_path, works_with=NEXT):
        pass
    _write(old, 1)
    old.close()
    with opened_by_the_next_version(url, tmp_path, works_with=NEXT) as new:
        _write(new, 2)
    with pytest.raises(StoreNewerError):
        open_database(url)
    with pytest.raises(StoreNewerError):
        open_database_for_reading(url)


def test_a_file_of_the_next_revision_is_opened_if_code_of_before_works_with_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sloburn.db"
    open_database(url).close()
    with opened_by_the_next_version(url, tmp_path) as new:
        _write(new, 1)
    with closing(open_database(url)) as again:
        _write(again, 2)
    with opened_by_the_next_version(url, tmp_path, works_with=NEXT):
        pass
