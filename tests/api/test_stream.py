"""Clients that keep a connection open hear of each evaluation."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Message, Scope

from app.access import AccessScope
from app.api import Stream
from app.api.problems import ProblemError, handle_problems
from app.api.stream import stream_routes
from app.slo import AlertState, Severity
from app.status import AlertView, Board, HealthState
from tests.support.api import Served
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot
from tests.support.tokens import token_of

FIRING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
AT = "2026-03-01T12:00:00Z"


def parsed(text: str) -> list[tuple[str, str | None, Any]]:
    """Kind, id and data of each event."""
    events = []
    for block in text.removeprefix("retry: 5000\n\n").split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        events.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return events


def test_a_client_hears_of_the_state_at_once() -> None:
    served = Served.with_snapshots(
        a_snapshot(alerts=[FIRING], health=HealthState.AT_RISK), an_unmeasured_snapshot(an_slo("dark"))
    )
    response = TestClient(served.app()).get("/api/v1/stream?events=1")

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    status = {"meeting": 0, "at_risk": 1, "exhausted": 0, "unknown": 1}
    assert parsed(response.text) == [("state", AT, {"as_of": AT, "slos": 2, "status": status, "alerting": 1})]


def test_a_client_that_has_missed_an_evaluation_hears_of_it() -> None:
    http = TestClient(Served.with_snapshots(a_snapshot()).app())
    for last, kind in ((AT, "state"), ("2026-03-01T11:59:30Z", "evaluated")):
        response = http.get("/api/v1/stream?events=1", headers={"Last-Event-ID": last})
        assert [event[0] for event in parsed(response.text)] == [kind]


def test_before_the_first_evaluation_there_is_nothing_to_name() -> None:
    events = parsed(TestClient(Served().app()).get("/api/v1/stream?events=1").text)
    assert [(kind, at, data["as_of"]) for kind, at, data in events] == [("state", None, None)]


def test_each_change_is_told_and_between_them_that_the_service_is_there() -> None:
    async def heard() -> list[str]:
        board = Board()
        stream = Stream(board, heartbeat_s=0.001)
        kinds = []
        changed = asyncio.Event()
        with stream.place(changed):
            events = stream.events(changed, most=2)
            kinds.append(await _kind(events))
            kinds.append(await _kind(events))
            # In the thread of the engine.
            await asyncio.to_thread(board.publish, [a_snapshot()])
            while kinds[-1] != "evaluated":
                kinds.append(await _kind(events))
        return [kinds[0], kinds[1], kinds[-1]]

    assert asyncio.run(heard()) == ["state", "heartbeat", "evaluated"]


def test_places_are_bounded_and_one_that_is_left_is_free_again() -> None:
    async def fill() -> None:
        stream = Stream(Board(), most_clients=1)
        with (
            stream.place(asyncio.Event()),
            pytest.raises(ProblemError, match="1 clients"),
            stream.place(asyncio.Event()),
        ):
            pass
        with stream.place(asyncio.Event()):
            pass

    asyncio.run(fill())


def test_clients_that_come_at_once_get_no_more_places_than_there_are() -> None:
    """None of them is sent its first event before all of them are answered."""

    async def come() -> list[int]:
        stream, statuses, answered = Stream(Board(), most_clients=2), [], asyncio.Event()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                if len(statuses) == len(clients):
                    answered.set()
                await answered.wait()

        app = FastAPI()
        app.include_router(stream_routes(stream))
        handle_problems(app)
        clients = [asyncio.create_task(app(_request(), _still_there, send)) for _ in range(5)]
        await answered.wait()
        stream.close()
        await asyncio.gather(*clients)
        return sorted(statuses)

    assert asyncio.run(come()) == [200, 200, 503, 503, 503]


def test_a_server_that_stops_ends_what_would_not_end() -> None:
    async def end() -> list[bytes]:
        stream, changed = Stream(Board()), asyncio.Event()
        with stream.place(changed):
            events = stream.events(changed)
            first = await anext(events)
            stream.close()
            with pytest.raises(ProblemError), stream.place(asyncio.Event()):
                pass
            return [first, *[event async for event in events]]

    assert len(asyncio.run(end())) == 1


def test_the_stream_of_a_token_ends_once_that_is_revoked() -> None:
    served = Served.with_snapshots(a_snapshot())
    secret = token_of(served, AccessScope.READ)
    scope = {**_request(), "headers": [(b"authorization", f"Bearer {secret}".encode())]}

    async def follow() -> list[str]:
        kinds: list[str] = []
        has_begun = asyncio.Event()

        async def send(message: Message) -> None:
            kinds.extend(event[0] for event in parsed(message.get("body", b"").decode()))
            if kinds:
                has_begun.set()

        stream = asyncio.create_task(served.app()(scope, _still_there, send))
        await has_begun.wait()
        (token,) = await served.tokens.listed()
        await served.tokens.revoke(token.id)
        served.board.publish([a_snapshot()])
        await stream
        return kinds

    assert asyncio.run(follow()) == ["state"]


def test_a_head_request_is_answered_and_ends() -> None:
    response = TestClient(Served().app()).head("/api/v1/stream")
    assert (response.status_code, response.headers["x-accel-buffering"]) == (200, "no")


async def _kind(events: AsyncIterator[bytes]) -> str:
    return (await anext(events)).decode().partition("event: ")[2].partition("\n")[0]


def _request() -> Scope:
    path = "/api/v1/stream"
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }


async def _still_there() -> Message:
    await asyncio.Event().wait()
    raise AssertionError
