"""What is wrong at the start is said in one clear line, and the exit code tells scripts; never a traceback."""

import os
import socket
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.documents import load_documents
from testbed.forked import run_sloburn
from testbed.process import Server, free_port
from testbed.service import sloburn, write_documents
from testbed.stack import document
from testbed.waiting import wait_until
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import counter
from tests.evaluation.running import Running

NOWHERE = "http://127.0.0.1:9"
START = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """How `sloburn serve` ended."""

    code: int
    said: str

    @property
    def line(self) -> str:
        """The one line that it said."""
        assert len(self.said.splitlines()) == 1, self.said
        return self.said.strip()


def _refusal(folder: Path, settings: Mapping[str, str], *flags: str) -> Refusal:
    given = {
        "SLOBURN_PROMETHEUS_URL": NOWHERE,
        "SLOBURN_SPECS": str(_specs(folder)),
        "SLOBURN_DATABASE_URL": _database(folder),
        "SLOBURN_LISTEN_ADDRESS": f"127.0.0.1:{free_port()}",
        **settings,
    }
    ended = run_sloburn(["serve", *flags], env={**os.environ, **given}, cwd=folder)
    assert ended.code in {1, 2, 3, 4}, ended.output
    assert "Traceback" not in ended.output
    return Refusal(ended.code, ended.output)


def _specs(folder: Path) -> Path:
    return write_documents([document("checkout")], folder / "slos")


def _database(folder: Path) -> str:
    return f"sqlite:///{folder}/sloburn.db"


def _evaluated(folder: Path) -> None:
    """Make the database of a service that has evaluated its SLO once."""
    labels = {"__name__": "http_requests_total", "job": "shop", "service": "checkout", "code": "200", "instance": "a"}
    slos = load_documents(_specs(folder)).slos
    with Running(slos, MemorySource([counter(labels, (START, START + 900))]), folder / "sloburn.db") as running:
        running.tick(START + 600)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refusal = _refusal(tmp_path, {"SLOBURN_LISTEN_ADDRESS": address})
    assert refusal.line.startswith(f"sloburn: cannot listen on {address}: Address already in use; ")
    assert "SLOBURN_LISTEN_ADDRESS" in refusal.line


def test_a_host_that_is_not_ours_is_said(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, {"SLOBURN_LISTEN_ADDRESS": "no-such-host.invalid:9720"})
    assert "cannot listen on no-such-host.invalid:9720" in refusal.line


@pytest.mark.parametrize("path", ["/proc/sloburn/sloburn.db", "/dev/null/sloburn.db", "{}/slos/checkout.yaml/x.db"])
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, path: str) -> None:
    refusal = _refusal(tmp_path, {"SLOBURN_DATABASE_URL": f"sqlite:///{path.format(tmp_path)}"})
    assert refusal.line.startswith("sloburn: the database folder ")
    assert "cannot be written" in refusal.line
    assert "SLOBURN_DATABASE_URL" in refusal.line


def test_a_database_that_is_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "sloburn.db").mkdir()
    assert "the database" in _refusal(tmp_path, {}).line


def test_a_file_that_is_no_database_is_said_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "sloburn.db"
    file.write_bytes(b"this is not a database " * 1000)
    refusal = _refusal(tmp_path, {})
    assert "damaged" in refusal.line
    assert refusal.code == 3
    assert file.read_bytes().startswith(b"this is not a database")


def test_a_database_with_a_damaged_page_is_said(tmp_path: Path) -> None:
    file = tmp_path / "sloburn.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "CREATE TABLE kept (at INTEGER PRIMARY KEY, what TEXT); CREATE INDEX whats ON kept (what)"
        )
        connection.executemany("INSERT INTO kept VALUES (?, ?)", [(at, f"event {at}" * 20) for at in range(2000)])
        connection.commit()
    with file.open("r+b") as raw:
        raw.seek(20 * 4096)
        raw.write(os.urandom(8 * 4096))
    refusal = _refusal(tmp_path, {})
    assert "damaged" in refusal.line
    assert refusal.code == 3


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sli_state SET members = zeroblob(length(members))",
        "INSERT INTO adjustment VALUES('a', '', '', '', '', 'never', 9, '', '', '', '{}', 0, '', '', '', 0, 0, NULL)",
    ],
    ids=["state", "adjustment"],
)
def test_a_database_whose_contents_make_no_sense_is_said_and_put_aside_if_asked_for(
    tmp_path: Path, damage: str
) -> None:
    """A bit that has flipped inside a value: SQLite finds nothing wrong with it."""
    _evaluated(tmp_path)
    with closing(sqlite3.connect(tmp_path / "sloburn.db")) as connection:
        assert connection.execute(damage).rowcount == 1
        connection.commit()
    refusal = _refusal(tmp_path, {})
    assert "damaged" in refusal.line
    assert "--recover" in refusal.line
    assert refusal.code == 3
    recovering = {"SLOBURN_DATABASE_URL": _database(tmp_path), "SLOBURN_RECOVER": "true"}
    with sloburn(NOWHERE, _specs(tmp_path), tmp_path / "second", env=recovering, wait=False, forked=True) as second:
        _wait_for(second, "serving")
    assert (tmp_path / "sloburn.db.damaged-1").exists()


def test_a_database_of_a_newer_version_is_said(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "sloburn.db")) as connection:
        connection.executescript(
            "CREATE TABLE schema_revision (version_num TEXT); INSERT INTO schema_revision VALUES ('9999')"
        )
    refusal = _refusal(tmp_path, {})
    assert "revision 9999" in refusal.line
    assert refusal.code == 4


def test_a_database_of_an_earlier_format_is_said_with_how_to_start_anew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "sloburn.db")) as connection:
        connection.executescript("CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (1)")
    refusal = _refusal(tmp_path, {})
    assert f"rename {tmp_path}/sloburn.db and start again; history is backfilled" in refusal.line
    assert refusal.code == 2


def test_a_second_process_on_the_same_database_is_refused(tmp_path: Path) -> None:
    env = {"SLOBURN_DATABASE_URL": _database(tmp_path), "SLOBURN_EVALUATION_INTERVAL": "5s"}
    with sloburn(NOWHERE, _specs(tmp_path), tmp_path / "first", env=env, wait=False, forked=True) as first:
        _wait_for(first, "serving")
        refusal = _refusal(tmp_path, {})
        # One that hangs may wake up and write: it is not taken for dead.
        first.pause()
        while_it_hangs = _refusal(tmp_path, {})
        first.resume()
        assert first.running
    assert "another sloburn works on" in refusal.line
    assert while_it_hangs.line == refusal.line


def test_a_database_that_another_program_has_locked_is_said(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "sloburn.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("CREATE TABLE mine (x)")
        other.execute("BEGIN EXCLUSIVE")
        refusal = _refusal(tmp_path, {})
    assert "locked by another program" in refusal.line


def test_a_database_server_that_is_not_there_is_said_without_the_password(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, {"SLOBURN_DATABASE_URL": "postgresql://anna:hunter2@127.0.0.1:9/slo"})
    assert "the database cannot be used: connection" in refusal.line
    # systemd starts it again: the server may be late.
    assert refusal.code == 1
    assert "hunter2" not in refusal.line


def test_another_interval_on_the_same_database_is_refused(tmp_path: Path) -> None:
    """Its slots would not fit those of the ledger; also of SLIs that a replica would load later, or another has."""
    _evaluated(tmp_path)
    other = write_documents([document("cart")], tmp_path / "others")
    refusal = _refusal(tmp_path, {"SLOBURN_EVALUATION_INTERVAL": "5s", "SLOBURN_SPECS": str(other)})
    assert "SLOBURN_EVALUATION_INTERVAL" in refusal.line
    assert "slots of 30s" in refusal.line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PROMETHEUS_URL", "prometheus:9090", "is not an http or https URL"),
        ("PROMETHEUS_URL", "http://anna:hunter2@prometheus", "must not hold credentials"),
        ("ALERTMANAGER_URLS", "ftp://pager", "is not an http or https URL"),
        ("EVALUATION_INTERVAL", "7s", "does not divide five minutes"),
        ("DATABASE_URL", "mysql://db", "not a database"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_said(tmp_path: Path, name: str, value: str, said: str) -> None:
    refusal = _refusal(tmp_path, {f"SLOBURN_{name}": value})
    assert said.lower() in refusal.line.lower()
    assert "hunter2" not in refusal.line


def test_certificates_that_are_none_are_said(tmp_path: Path) -> None:
    https = {"SLOBURN_PROMETHEUS_URL": "https://127.0.0.1:9", "SLOBURN_PROMETHEUS_TLS_CA_FILE": __file__}
    assert "TLS files for Prometheus" in _refusal(tmp_path, https).line


def test_an_unknown_flag_is_said(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, {}, "--prometeus-url=http://x")
    assert "prometeus-url" in refusal.said
    assert refusal.code == 2


def test_bad_documents_are_all_said_with_file_line_and_remedy(tmp_path: Path) -> None:
    specs = tmp_path / "bad"
    specs.mkdir()
    (specs / "a.yaml").write_text("service: a\nslos:\n  - name: x\n    objective: 0.999\n    windoww: 30d\n")
    (specs / "b.yaml").write_text("service: [\n")
    refusal = _refusal(tmp_path, {"SLOBURN_SPECS": str(specs)})
    lines = refusal.said.splitlines()
    for parts in (("a.yaml:4:", ": error: ", "99.9"), ("a.yaml:5:", ": error: ", "window"), ("b.yaml:", ": error: ")):
        assert [line for line in lines if all(part in line for part in parts)], refusal.said


def test_documents_that_are_not_there_are_said(tmp_path: Path) -> None:
    line = _refusal(tmp_path, {"SLOBURN_SPECS": str(tmp_path / "no-such-folder")}).line
    assert line.startswith("sloburn: SLOBURN_SPECS: there is no file or folder ")
    assert "no-such-folder" in line
    (tmp_path / "empty").mkdir()
    assert "empty" in _refusal(tmp_path, {"SLOBURN_SPECS": str(tmp_path / "empty")}).line


def _wait_for(server: Server, text: str) -> None:
    wait_until(lambda: text in server.log, lambda: f"{text!r} is not logged: {server.log}")
