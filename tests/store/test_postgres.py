"""PostgreSQL as the store: several processes at once, and what fails is said without a password or a traceback."""

import pytest
from sqlalchemy import delete, select, text, update

from app.store import (
    StoreDriverError,
    StoreLockedError,
    StoreUnavailableError,
    check_driver,
    inspect_server,
    open_database,
)
from app.store import postgres as backend
from app.store.instances import instance
from app.store.outbox import LEASE, claim, enqueue, outbox, release, retry_failing
from testbed.waiting import wait_until
from tests.support.notifications import START, firing, resolved
from tests.support.postgres import Postgres


def test_tables_are_made_in_an_empty_database(postgres_server: Postgres) -> None:
    url = postgres_server.empty_database()
    open_database(url).close()
    open_database(url).close()


def test_a_database_without_an_encoding_holds_utf_8(postgres_server: Postgres) -> None:
    postgres_server.execute("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    database = open_database(postgres_server.database_url("ascii"))
    with database.read() as tx:
        assert tx.execute(text("SELECT 'Müller'")).scalar_one() == "Müller"
    database.close()


def test_several_processes_work_on_a_database_and_one_that_slept_is_there_again(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "_HEARTBEAT_S", 0.05)
    url = postgres_server.new_database()
    first, second = open_database(url), open_database(url)

    def living() -> frozenset[str]:
        with second.read() as tx:
            return second.living(tx)

    assert living() == {first.instance, second.instance}
    with second.begin() as tx:
        # As another does with one whose row has expired.
        tx.execute(delete(instance).where(instance.c.id == first.instance))
    wait_until(lambda: first.instance in living())
    first.close()
    assert living() == {second.instance}
    second.close()


def test_writers_of_one_process_wait_for_each_other(postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.database.TURN_WITHIN_S", 0.05)
    database = open_database(postgres_server.new_database())
    with database.begin():
        with pytest.raises(StoreLockedError, match="another write"), database.begin():
            pass
        with database.read() as tx:
            assert tx.execute(text("SELECT 1")).scalar_one() == 1
    database.close()


def test_a_read_sees_one_state_and_cannot_write(postgres_server: Postgres) -> None:
    database = open_database(postgres_server.new_database())
    counted = text("SELECT count(*) FROM budget_record")
    with database.read() as reader:
        assert reader.execute(counted).scalar_one() == 0
        with database.begin() as writer:
            writer.execute(text("INSERT INTO budget_record VALUES ('x', 30, 0.5)"))
        assert reader.execute(counted).scalar_one() == 0
    with pytest.raises(StoreUnavailableError, match="read-only"), database.read() as reader:
        reader.execute(text("DELETE FROM budget_record"))
    database.close()


def test_a_connection_that_is_cut_costs_one_transaction(postgres_server: Postgres) -> None:
    database = open_database(postgres_server.new_database())
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sloburn'"

    def cut_off() -> None:
        with database.begin() as tx:
            postgres_server.execute(cut)
            tx.execute(text("DELETE FROM budget_record"))

    with pytest.raises(StoreUnavailableError, match="cannot be used"):
        cut_off()
    with database.begin() as tx:
        tx.execute(text("DELETE FROM budget_record"))
    database.close()


@pytest.mark.parametrize("url", ["postgresql://anna:hunter2@127.0.0.1:9/slo", "postgresql+psycopg://a:hunter2@[/slo"])
def test_a_server_that_is_not_there_is_said_without_the_password(url: str) -> None:
    with pytest.raises(StoreUnavailableError) as refused:
        open_database(url)
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_user_or_database_of_the_server_is_said(postgres_server: Postgres) -> None:
    with pytest.raises(StoreUnavailableError, match="nowhere"):
        open_database(postgres_server.database_url("nowhere"))


def test_an_inspection_says_the_version_and_changes_nothing(postgres_server: Postgres) -> None:
    import psycopg  # noqa: PLC0415  each worker of pytest would import it

    url = postgres_server.empty_database()
    found = inspect_server(url)
    assert found is not None
    assert found.startswith("PostgreSQL 1")
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_database_that_cannot_be_written_is_found_by_an_inspection(postgres_server: Postgres) -> None:
    standby, foreign = postgres_server.empty_database(), postgres_server.empty_database()
    name = standby.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(StoreUnavailableError, match="read-only"):
        inspect_server(standby)
    postgres_server.execute(f"CREATE ROLE reader_of_{name} LOGIN")
    with pytest.raises(StoreUnavailableError, match=f"GRANT CREATE ON SCHEMA public TO reader_of_{name}"):
        inspect_server(foreign.replace("sloburn@", f"reader_of_{name}@"))


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(StoreDriverError, match=r"the extra postgres"):
        open_database("postgresql://db.example/sloburn")
    with pytest.raises(StoreDriverError):
        check_driver("postgresql://db.example/sloburn")
    check_driver("sqlite:///x.db")


def test_a_file_has_no_server() -> None:
    assert inspect_server("sqlite:///nowhere/x.db") is None


def test_two_replicas_that_claim_at_once_share_the_entries_and_none_waits(postgres_server: Postgres) -> None:
    database = open_database(postgres_server.new_database())
    with database.begin() as tx:
        enqueue(tx, [firing("a"), firing("b"), firing("c")], receivers=["am"], at=START)
        enqueue(tx, [resolved("a")], receivers=["am"], at=START)
    with database._backend.engine.begin() as one, database._backend.engine.begin() as other:
        mine = claim(one, "am", owner="one", at=START, lease=LEASE, limit=2)
        # The locks of the first are held: a second that waited for them would wait for ever here.
        theirs = claim(other, "am", owner="other", at=START, lease=LEASE)
    assert [entry.notification.slo for entry in mine] == ["a", "b"]
    assert [entry.notification.slo for entry in theirs] == ["c"]
    with database.begin() as tx:
        failing = {"failing_since": START, "due_at": START + LEASE, "leased_until": None}
        tx.execute(update(outbox).where(outbox.c.id.in_([entry.id for entry in mine])).values(failing))
    # What a replica that was cut off has locked is left alone by the one that takes its place.
    with database._backend.engine.begin() as one, database._backend.engine.begin() as other:
        one.execute(select(outbox.c.id).where(outbox.c.id == mine[0].id).with_for_update())
        retry_failing(other, at=START)
        assert release(other, living=[]) == 1
        again = claim(other, "am", owner="third", at=START, lease=LEASE)
    assert [entry.notification.slo for entry in again] == ["b", "c"]
    database.close()
