"""The progress of remote write, and reading beside the process that writes, on both kinds of databases."""

import pytest

from app.slo import SloId
from app.store import StoreError, open_database, open_database_for_reading
from app.store.remote_write import RemoteWritePart, delete_gaps, load_live, load_parts, save_live, save_parts


def _part(slo: str, until_s: float, *, sent_s: float, is_gap: bool) -> RemoteWritePart:
    return RemoteWritePart("mimir", SloId(slo), until_s, "sli", 1, sent_s, is_gap)


def test_progress_is_read_beside_the_process_that_writes_it(database_url: str) -> None:
    history, gap = _part("a", 10.0, sent_s=10.0, is_gap=False), _part("a", 20.0, sent_s=15.0, is_gap=True)
    writer = open_database(database_url)
    with writer.begin() as transaction:
        save_parts(transaction, [history, gap])
        save_live(transaction, "mimir", 20.0)
    reader = open_database_for_reading(database_url)
    with reader.read() as transaction:
        assert load_parts(transaction, "mimir") == [history, gap]
        assert (load_live(transaction, "mimir"), load_live(transaction, "other")) == (20.0, None)
    with writer.begin() as transaction:
        save_parts(transaction, [gap._replace(sent_s=20.0)])
        delete_gaps(transaction, "mimir")
    with reader.read() as transaction:
        assert load_parts(transaction, "mimir") == [history]
    with pytest.raises(StoreError), reader.begin() as transaction:
        save_live(transaction, "mimir", 30.0)
    reader.close()
    # It has taken nothing from the process that writes.
    with writer.begin() as transaction:
        save_live(transaction, "mimir", 40.0)
    writer.close()
