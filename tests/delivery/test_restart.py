"""What a receiver may have got from a process that is gone is resolved there when its alerts end."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.alerting import Notification
from app.delivery import FallbackMessageRefs, StoredMessageRefs
from app.delivery.message_receiver import MessageReceiver, RateLimit
from app.delivery.notifier import Notifier
from app.delivery.outcome import Delivered, Failed, Outcome
from app.http.secrets import FixedSecret
from app.integrations.pagerduty.notifier import PagerDuty, PagerDutyOptions
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from app.store import open_database
from app.store.outbox import enqueue, hold_beginnings, waiting, withdraw_beginning
from app.store.unanswered import note_sent, unanswered_messages
from testbed.forked import context
from testbed.waiting import PATIENCE_S
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.notifications import START, firing, resolved
from tests.support.receiver_harness import WRITER, now, outgoing, run
from tests.support.scripted_server import Reply, Request, Scripted

ACCEPTED = Reply(status=202)
LOST = Reply(cut=True)
HANGS = Reply(delay_s=60.0)
DEADLINE_S = 100.0
"""Longer than any answer here takes on a busy machine."""


def _pagerduty(url: str) -> Notifier:
    options = PagerDutyOptions(routing_key=FixedSecret("key"), url=url)
    return PagerDuty(options, outgoing=outgoing(DEADLINE_S), writer=WRITER)


def _webhook(url: str) -> Notifier:
    options = WebhookOptions(url=FixedSecret(url))
    return Webhook("team", options, outgoing=outgoing(DEADLINE_S), writer=WRITER, clock=SkewedClock())


def _deliver(
    folder: Path, make: Callable[[str], Notifier], url: str, *batches: Sequence[Notification], per_minute: int = 20
) -> list[Sequence[Outcome]]:
    """What one process delivers with the database in *folder*, from its start to its end."""

    async def play() -> list[Sequence[Outcome]]:
        receiver = MessageReceiver(
            "team",
            make(url),
            message_refs=FallbackMessageRefs(stored=StoredMessageRefs(database=database)),
            instruments=RecordingInstruments(),
            rate_limit=RateLimit(per_minute=per_minute, at_once=1),
        )
        outcomes = [await receiver.deliver(batch, at=now()) for batch in batches]
        await receiver.aclose()
        return outcomes

    with closing(open_database(f"sqlite:///{folder}/sloburn.db")) as database:
        return run(play)


def _open(requests: Sequence[Request]) -> set[str]:
    """The incidents, or groups, that the receiver has open after *requests*."""
    found = set()
    for body in (request.json for request in requests):
        key = body.get("dedup_key") or body["groupKey"]
        if body.get("event_action", body.get("status")) in {"trigger", "firing"}:
            found.add(key)
        else:
            found.discard(key)
    return found


def _unanswered(folder: Path) -> int:
    with closing(open_database(f"sqlite:///{folder}/sloburn.db")) as database, database.read() as tx:
        return tx.execute(select(func.count()).select_from(unanswered_messages)).scalar_one()


@pytest.mark.parametrize("make", [_pagerduty, _webhook])
def test_a_digest_without_response_is_resolved_by_the_next_process(
    tmp_path: Path, make: Callable[[str], Notifier]
) -> None:
    """Its alerts were sent again alone, so nothing but the note in the database knows the digest."""
    some, over = [firing(name) for name in "abc"], [resolved(name) for name in "abc"]
    with Scripted(LOST, otherwise=ACCEPTED) as server:
        ((lost, *_),) = _deliver(tmp_path, make, server.url, some, per_minute=1)
        assert isinstance(lost, Failed)
        assert _unanswered(tmp_path) == 3
        taken = _deliver(tmp_path, make, server.url, some)
        assert taken == [[Delivered()] * 3]
        assert len(_open(server.requests)) == 4
        first = _deliver(tmp_path, make, server.url, over[:1])
        rest = _deliver(tmp_path, make, server.url, over[1:])
        assert (first, rest) == ([[Delivered()]], [[Delivered()] * 2])
        assert _open(server.requests) == set()
    assert _unanswered(tmp_path) == 0


@pytest.mark.parametrize("make", [_pagerduty, _webhook])
def test_a_digest_is_resolved_after_the_process_was_killed_before_the_response(
    tmp_path: Path, make: Callable[[str], Notifier]
) -> None:
    some, over = [firing(name) for name in "abc"], [resolved(name) for name in "abc"]
    with Scripted(HANGS, otherwise=ACCEPTED) as server:
        child = context.Process(
            target=_deliver, args=(tmp_path, make, server.url, some), kwargs={"per_minute": 1}, daemon=True
        )
        child.start()
        deadline = time.monotonic() + PATIENCE_S
        while not server.requests:
            assert child.is_alive()
            assert time.monotonic() < deadline, "the child has sent nothing"
            time.sleep(0.02)
        child.kill()
        child.join()
        _deliver(tmp_path, make, server.url, some, over)
        assert len(server.requests) >= 8
        assert _open(server.requests) == set()
    assert _unanswered(tmp_path) == 0


def test_a_message_that_was_refused_or_not_sent_is_not_resolved(tmp_path: Path) -> None:
    """Only what the receiver may have taken is noted: an end of anything else would be noise."""
    with Scripted(Reply(status=429), otherwise=ACCEPTED) as server:
        ((limited,),) = _deliver(tmp_path, _pagerduty, server.url, [firing()])
        assert isinstance(limited, Failed)
    assert _unanswered(tmp_path) == 0
    ((unreachable,),) = _deliver(tmp_path, _pagerduty, server.url, [firing()])
    assert isinstance(unreachable, Failed)
    assert _unanswered(tmp_path) == 0


def test_a_repeated_attempt_that_is_not_sent_keeps_the_first_one_noted(tmp_path: Path) -> None:
    with Scripted(LOST) as server:
        _deliver(tmp_path, _pagerduty, server.url, [firing()])
    _deliver(tmp_path, _pagerduty, server.url, [firing()])
    assert _unanswered(tmp_path) == 1


def test_an_alert_resolved_while_its_message_has_no_response_is_resolved_once(tmp_path: Path) -> None:
    """The end of an alert on its own is the end of the message that was lost: no second one is sent."""
    with Scripted(LOST, otherwise=ACCEPTED) as server:
        _deliver(tmp_path, _pagerduty, server.url, [firing()])
        _deliver(tmp_path, _pagerduty, server.url, [resolved()])
        assert [body["event_action"] for body in server.bodies] == ["trigger", "resolve"]
    assert _unanswered(tmp_path) == 0


def test_a_cancelled_attempt_stays_noted(tmp_path: Path) -> None:
    """The service stops while a request waits for its response."""

    async def play() -> None:
        receiver = MessageReceiver(
            "team",
            _pagerduty(server.url),
            message_refs=FallbackMessageRefs(stored=StoredMessageRefs(database=database)),
            instruments=RecordingInstruments(),
        )
        attempt = asyncio.create_task(receiver.deliver([firing()], at=now()))
        while not server.requests:  # noqa: ASYNC110  the server runs in a thread
            await asyncio.sleep(0.02)
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        await receiver.aclose()

    with Scripted(HANGS) as server, closing(open_database(f"sqlite:///{tmp_path}/sloburn.db")) as database:
        run(play)
    assert _unanswered(tmp_path) == 1


def test_an_end_reaches_a_receiver_that_may_have_got_the_beginning(tmp_path: Path) -> None:
    """After a long sleep the beginning is withdrawn, but one request had no response before it."""
    with closing(open_database(f"sqlite:///{tmp_path}/sloburn.db")) as database, database.begin() as tx:
        enqueue(tx, [firing()], receivers=["heard", "never"], at=START)
        note_sent(tx, "heard", {"handle": [firing()]}, at=START)
        assert withdraw_beginning(tx, resolved(), at=START + timedelta(hours=1)) == {"never"}


def test_an_end_that_waits_reaches_a_receiver_that_may_have_got_the_beginning(tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path}/sloburn.db")) as database, database.begin() as tx:
        enqueue(tx, [firing(), resolved()], receivers=["heard", "never"], at=START)
        note_sent(tx, "heard", {"handle": [firing()]}, at=START)
        hold_beginnings(tx, at=START + timedelta(hours=1))
        assert [entry.notification for entry in waiting(tx, "heard")] == [resolved()]
        assert waiting(tx, "never") == ()
