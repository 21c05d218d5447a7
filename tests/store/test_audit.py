"""The audit on both databases: entries with their change or not at all, and the newest of each outcome kept."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.access import Actor, AuditEntry, AuditOutcome, IdentityKind
from app.store import Database, audit
from app.store.audit import AuditFilter, append_audit, list_audit, prune_audit, record_change
from tests.evaluation.running import INTERVAL_S
from tests.past_metrics.shop import NOW, run_shop
from tests.support.cli import app

_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(number: int, outcome: AuditOutcome) -> AuditEntry:
    actor = Actor(kind=IdentityKind.TOKEN, name="ci\0", address="192.0.2.7")
    target = f"{outcome.value} {number}"
    return AuditEntry(at=_AT, actor=actor, action="reload", target=target, outcome=outcome, after={"for": timedelta(1)})


def test_an_entry_is_written_with_its_change_or_not_at_all(database: Database) -> None:
    def fails() -> None:
        with database.begin() as transaction:
            record_change(transaction, action="reload", target="documents", at=_AT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    with database.read() as transaction:
        assert not list_audit(transaction, AuditFilter(), limit=9)


def test_the_newest_entries_of_each_outcome_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_ENTRIES", {AuditOutcome.CHANGED: 2, AuditOutcome.REFUSED: 1})
    with database.begin() as transaction:
        append_audit(transaction, [entry(number, outcome) for number in range(3) for outcome in AuditOutcome])
        prune_audit(transaction)
    with database.read() as transaction:
        found = [one for _, one in list_audit(transaction, AuditFilter(words=["RELOAD"]), limit=9)]
        assert not list_audit(transaction, AuditFilter(words=["\0"]), limit=9)
    assert [one.target for one in found] == ["refused 2", "changed 2", "changed 1"]
    assert (found[0].actor.name, found[0].after) == ("ci", {"for": 86_400.0})


def test_evaluations_prune_it_where_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_ENTRIES", {AuditOutcome.CHANGED: 2, AuditOutcome.REFUSED: 1})
    with run_shop(tmp_path / "db", tmp_path / "slos", days=1) as one:
        with one.database.begin() as transaction:
            append_audit(transaction, [entry(number, AuditOutcome.CHANGED) for number in range(3)])
        one.restart()
        one.tick(NOW + INTERVAL_S)
        with one.database.read() as transaction:
            assert len(list_audit(transaction, AuditFilter(), limit=9)) == 2


def test_the_command_line_prints_it_as_json_lines(database: Database, database_url: str) -> None:
    run = CliRunner()
    made = run.invoke(app, ["token", "create", "ci", "--scope", "gate", "--database-url", database_url])
    with database.begin() as transaction:
        append_audit(transaction, [entry(1, AuditOutcome.REFUSED)])

    arguments = ["audit", "--since", "all", "--database-url", database_url]
    result = run.invoke(app, [*arguments, "--format", "jsonl"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["actor_kind"], one["action"]) for one in lines] == [("token", "reload"), ("command", "createToken")]
    assert made.stdout.strip() not in result.stdout
    text = run.invoke(app, [*arguments, "--outcome", "refused"])
    assert text.stdout.splitlines() == [
        '2026-03-01T12:00:00Z  refused  ci from 192.0.2.7  reload refused 1  {"for": 86400.0}'
    ]
    assert run.invoke(app, [*arguments, "--since", "x"]).exit_code == 2
