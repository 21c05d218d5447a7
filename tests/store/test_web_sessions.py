"""Sessions of browsers on both databases, without what their cookies hold."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.access.sessions import SESSION_LENGTH, new_session
from app.store import Database, web_sessions
from app.store.web_sessions import add_session, find_session, remove_session, web_session

_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_sessions_are_found_until_they_are_removed_and_those_that_are_over_make_room(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_sessions, "MOST_SESSIONS", 2)
    first, second, third = (new_session("secret", token_digest="", at=_AT + SESSION_LENGTH * n / 4) for n in range(3))
    with database.begin() as transaction:
        for one in (first, second, third):
            add_session(transaction, one.session)
    with database.read() as transaction:
        assert find_session(transaction, first.session.digest) is None
        assert find_session(transaction, third.session.digest) == third.session
        assert find_session(transaction, "\0") is None
        kept = str(transaction.execute(select(web_session)).all())
    assert third.secret not in kept

    with database.begin() as transaction:
        remove_session(transaction, third.session.digest)
        add_session(transaction, new_session("secret", token_digest="", at=_AT + 2 * SESSION_LENGTH).session)
        assert transaction.execute(select(func.count()).select_from(web_session)).scalar_one() == 1
