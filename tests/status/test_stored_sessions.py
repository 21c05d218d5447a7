"""Sessions of browsers while the database cannot be written."""

import asyncio
from contextlib import closing
from datetime import timedelta

from app.access.sessions import new_session
from app.status import StoredSessions
from app.store import open_database_for_reading
from tests.support.notifications import START
from tests.support.postgres import Postgres
from tests.support.set_clock import SetClock


def test_who_signs_in_while_nothing_can_be_written_is_signed_in_until_it_can(postgres_server: Postgres) -> None:
    """Who is paged at night may not be signed in."""
    clock = SetClock(START)
    with closing(open_database_for_reading(postgres_server.new_database())) as database:
        sessions = StoredSessions(database, clock)
        opened = new_session("a-token", token_digest="", at=clock.now())
        asyncio.run(sessions.open(opened.session))
        assert asyncio.run(sessions.find(opened.session.digest)) == opened.session
        # It answers again, and knows nothing of it.
        clock.at += timedelta(seconds=6)
        assert asyncio.run(sessions.find(opened.session.digest)) is None
