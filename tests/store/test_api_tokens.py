"""API tokens on both databases, beside a service that has them open."""

import json

from typer.testing import CliRunner

from app.access import is_well_formed
from app.cli.application import app
from app.store import Database
from app.store.api_tokens import load_tokens


def test_the_command_line_makes_and_revokes_tokens_beside_the_service(database: Database, database_url: str) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["token", *arguments, "--database-url", database_url])
        assert result.exit_code == 0, result.output
        return result.stdout

    token = run("create", "ci", "--scope", "gate", "--service", "checkout").strip()
    assert is_well_formed(token)
    with database.read() as transaction:
        (stored,) = load_tokens(transaction)
    assert (stored.name, stored.services, stored.revoked_at) == ("ci", ("checkout",), None)

    run("revoke", stored.id)
    with database.read() as transaction:
        (stored,) = load_tokens(transaction)
    assert stored.revoked_at is not None
    (listed,) = json.loads(run("list", "--format", "json"))["items"]
    assert (listed["id"], listed["hint"]) == (stored.id, token[: len(listed["hint"])])
