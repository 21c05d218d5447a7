"""Few requests are worked on at once; what supervisors ask is answered all the same."""

import asyncio
from http import HTTPStatus

from starlette.types import Message, Receive, Scope, Send

from app.api.admission import Admission
from app.api.past_turn import PastTurn
from app.api.problems import ProblemError

MIB = 1024 * 1024


class Work:
    """An application whose answers wait until a test lets them go."""

    def __init__(self, body: bytes = b"done") -> None:
        self.body = body
        self.at_work = 0
        self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        if scope["path"] == "/api/v1/slos":
            await self.go.wait()
        self.at_work -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.body})


class Client:
    """Asks, and takes in answers as far as a test lets it."""

    def __init__(self, app: Admission) -> None:
        self._app = app
        self.reads = asyncio.Event()
        self.reads.set()
        self.status = 0
        self.received = 0

    async def get(self, path: str = "/api/v1/slos") -> int:
        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            await self.reads.wait()
            self.status = message.get("status", self.status)
            self.received += len(message.get("body", b""))

        await self._app({"type": "http", "path": path, "method": "GET", "headers": []}, receive, send)
        return self.status


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_few_are_worked_on_at_once_some_wait_and_the_rest_is_refused() -> None:
    async def ask() -> tuple[list[int], int]:
        work = Work()
        app = Admission(work, at_once=2, waiting=3)
        asked = [asyncio.create_task(Client(app).get()) for _ in range(10)]
        await _settled()
        work.go.set()
        return list(await asyncio.gather(*asked)), work.most

    statuses, most = asyncio.run(ask())
    assert (statuses.count(HTTPStatus.OK), statuses.count(HTTPStatus.SERVICE_UNAVAILABLE), most) == (5, 5, 2)


def test_supervisors_are_answered_while_all_places_are_taken() -> None:
    async def ask() -> list[int]:
        work = Work()
        app = Admission(work, at_once=1, waiting=1)
        asked = [asyncio.create_task(Client(app).get()) for _ in range(3)]
        await _settled()
        paths = ("/-/healthy", "/-/ready", "/metrics", "/api/v1/status/health")
        answers = [await Client(app).get(path) for path in paths]
        work.go.set()
        await asyncio.gather(*asked)
        return answers

    assert asyncio.run(ask()) == [HTTPStatus.OK] * 4


def test_readers_of_the_past_keep_no_place_from_others_and_wait_for_their_turn_for_some_time() -> None:
    async def ask() -> tuple[int, list[int]]:
        turn, go = PastTurn(waiting=2, patience_s=0.05), asyncio.Event()

        async def work(scope: Scope, _receive: Receive, send: Send) -> None:
            status = HTTPStatus.OK
            if scope["path"] == "/past":
                try:
                    async with turn:
                        await go.wait()
                except ProblemError as error:
                    status = HTTPStatus(error.status)
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        app = Admission(work, at_once=2, waiting=4)
        past = [asyncio.create_task(Client(app).get("/past")) for _ in range(4)]
        present = await Client(app).get("/present")
        refused = [await one for one in past[1:]]
        go.set()
        return present, [await past[0], *refused]

    present, past = asyncio.run(ask())
    assert present == HTTPStatus.OK
    assert past == [HTTPStatus.OK, *[HTTPStatus.SERVICE_UNAVAILABLE] * 3]


def test_whoever_waits_too_long_is_refused() -> None:
    async def ask() -> list[int]:
        work = Work()
        app = Admission(work, at_once=1, patience_s=0.01)
        first = asyncio.create_task(Client(app).get())
        await _settled()
        second = await Client(app).get()
        work.go.set()
        return [await first, second, await Client(app).get()]

    assert asyncio.run(ask()) == [HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK]


def test_a_slow_reader_keeps_no_place() -> None:
    async def ask() -> tuple[int, int]:
        work = Work(b"x" * MIB)
        work.go.set()
        app = Admission(work, at_once=1, patience_s=0.01)
        slow = Client(app)
        slow.reads.clear()
        reading = asyncio.create_task(slow.get())
        await _settled()
        other = await Client(app).get()
        slow.reads.set()
        await reading
        return other, slow.received

    assert asyncio.run(ask()) == (HTTPStatus.OK, MIB)


def test_answers_that_nobody_takes_in_are_bounded() -> None:
    """One answer to many at once counts once, and small answers are always given."""

    async def ask() -> list[int]:
        work = Work(b"x" * MIB)
        app = Admission(work, at_once=9, most_unsent=2 * MIB - 1)
        clients = [Client(app) for _ in range(4)]
        for client in clients:
            client.reads.clear()
        work.go.set()
        readers = [asyncio.create_task(client.get("/metrics")) for client in clients[:2]]
        await _settled()
        work.body = b"y" * MIB
        readers += [asyncio.create_task(client.get()) for client in clients[2:]]
        await _settled()
        work.body = b"small"
        statuses = [await Client(app).get()]
        for client in clients:
            client.reads.set()
        statuses += await asyncio.gather(*readers)
        work.body = b"z" * MIB
        return [*statuses, await Client(app).get()]

    ok, full = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE
    assert asyncio.run(ask()) == [ok, ok, ok, full, full, ok]
