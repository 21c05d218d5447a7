"""`sloburn token` beside a service that has the database open."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.access import is_well_formed
from app.store import open_database
from tests.support.cli import app


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sloburn.db"


def run(url: str, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["token", *arguments, "--database-url", url])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_tokens_are_made_listed_and_revoked_while_the_service_has_the_database(url: str, tmp_path: Path) -> None:
    database = open_database(url)
    try:
        token = run(url, "create", "ci", "--scope", "gate", "--scope", "events", "--service", "checkout").strip()
        assert is_well_formed(token)
        (listed,) = json.loads(run(url, "list", "--format", "json"))["items"]
        assert (listed["name"], listed["scopes"], listed["services"]) == ("ci", ["gate", "events"], ["checkout"])
        assert listed["expires_at"]
        assert token.startswith(listed["hint"])
        assert token not in run(url, "list")
        run(url, "create", "ci", "--scope", "read", code=2)

        run(url, "revoke", listed["id"])
        (listed,) = json.loads(run(url, "list", "--format", "json"))["items"]
        assert listed["revoked_at"]
        run(url, "create", "ci", "--scope", "read", "--expires", "never")
    finally:
        database.close()
    assert not any(token.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_what_cannot_be_made_ends_with_a_reason(url: str) -> None:
    for arguments in (("create", "ci", "--scope", "gate"), ("list",), ("revoke", "5f2d")):
        assert "there is no database" in run(url, *arguments, code=2)
    open_database(url).close()
    assert "limited" in run(url, "create", "ci", "--scope", "read", "--service", "checkout", code=2)
    assert "duration" in run(url, "create", "ci", "--scope", "read", "--expires", "soon", code=2)
    run(url, "revoke", "5f2d", code=1)
