"""The whole service on PostgreSQL: alone on its database, and what it does while the server is away."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.service import REPOSITORY, sloburn, write_documents
from testbed.stack import document, stack
from testbed.timeline import all_clear, page
from testbed.waiting import wait_until
from tests.support.postgres import Postgres, postgres

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that a test may stop."""
    with postgres() as server:
        yield server


def test_an_incident_is_told_while_the_server_restarts_and_is_recorded_afterwards(
    own_server: Postgres, tmp_path: Path
) -> None:
    env = {"SLOBURN_DATABASE_URL": own_server.new_database()}
    with stack(tmp_path, env=env) as running:
        line = running.timeline
        line.at(0, own_server.stop)
        away = line.want(1, running.is_unhealthy("the database cannot be written"))
        line.at(0, lambda: running.shop.breaks("checkout"), after=away)
        fired = line.want(1, page("checkout-availability"), after=away)
        line.at(1, own_server.start, after=fired)
        back = line.want(1, running.is_healthy(), after=fired)
        line.at(1, lambda: running.shop.mends("checkout"), after=back)
        line.want(1, all_clear("checkout-availability"), after=back)
        line.run()
        assert running.deeds() == ["fired", "resolved"]
        running.assert_counts_are_the_truth("checkout")


def test_a_second_process_on_the_same_database_is_refused(postgres_server: Postgres, tmp_path: Path) -> None:
    url = postgres_server.new_database()
    specs = write_documents([document("checkout")], tmp_path / "slos")
    env = {"SLOBURN_DATABASE_URL": url, "SLOBURN_EVALUATION_INTERVAL": "5s"}
    with sloburn(NOWHERE, specs, tmp_path / "first", env=env, wait=False, forked=True) as first:
        wait_until(lambda: "serving" in first.log, lambda: first.log)
        settings = {**first.env, "SLOBURN_LISTEN_ADDRESS": "127.0.0.1:0"}
        second = subprocess.run(
            [sys.executable, "-m", "app", "serve"],
            env={**settings, "PATH": "", "PYTHONPATH": str(REPOSITORY)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert first.running
    assert second.returncode == 2
    assert "works on the database; stop it" in second.stderr
    assert "Traceback" not in second.stderr + second.stdout
