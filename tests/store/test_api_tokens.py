"""API tokens on both databases, beside a service that has them open."""

import json
from datetime import UTC, datetime, timedelta

from typer.testing import CliRunner

from app.access import AccessScope, NewToken, is_well_formed
from app.status import made_token
from app.store import Database
from app.store.api_tokens import add_token, load_tokens, note_use
from tests.support.cli import app


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


def test_the_newest_use_of_a_token_counts_whichever_process_notes_it_last(database: Database) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    made = made_token(NewToken(name="ci", scopes=frozenset({AccessScope.GATE})), at=at)
    with database.begin() as transaction:
        add_token(transaction, made.token)
        for minutes in (5, 9, 7):
            note_use(transaction, {made.token.id: at + timedelta(minutes=minutes)})
    with database.read() as transaction:
        (stored,) = load_tokens(transaction)
    assert stored.last_used_at == at + timedelta(minutes=9)
