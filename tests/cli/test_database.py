"""`sloburn db`: a database is copied while nothing works on it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.store import open_database
from app.store.ledger import save_stepped
from tests.support.cli import app
from tests.support.notifications import START
from tests.support.postgres import Postgres


def run(source: str, target: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["db", "copy", source, "--database-url", target])
    return result.exit_code, result.output


@pytest.fixture
def source(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sloburn.db"


def test_a_file_is_copied_to_postgresql_and_compared(postgres_server: Postgres, source: str) -> None:
    database = open_database(source)
    with database.begin() as tx:
        save_stepped(tx, START)
    target = postgres_server.new_database()
    assert run(source, target)[0] == 2, "it is in use"
    database.close()
    code, printed = run(source, target)
    assert code == 0, printed
    assert "outbox: 0 rows, same sums" in printed
    assert "NOT" not in printed
    running = open_database(target)
    assert run(source, target)[0] == 1
    running.close()


def test_what_cannot_be_copied_ends_with_a_reason(source: str, tmp_path: Path) -> None:
    code, printed = run(source, f"sqlite:///{tmp_path}/other.db")
    assert (code, "there is no database" in printed) == (2, True)
    assert not (tmp_path / "sloburn.db").exists()
    open_database(source).close()
    assert run(source, source)[0] == 2
    assert run(source, f"sqlite:///{tmp_path}/other.db")[0] == 2
