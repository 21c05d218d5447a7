"""What is read of silences: from a real Alertmanager, and from one that answers nothing of use."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from typing_extensions import override

from app.alerting import AlertSilence, AlertSilences, Notification, sent_labels
from app.http.client import ClientOptions
from app.integrations import SilencedCluster, SilenceReader
from app.integrations.alertmanager.api import AlertmanagerApi
from testbed.servers import Server, Sink, alertmanager
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.notifications import firing
from tests.support.scripted_server import Reply, Scripted
from tests.support.virtual_time import in_virtual_time

_LONG_ID = Reply(body=orjson.dumps([{"labels": {}, "status": {"silencedBy": ["s" * 70_000]}}]))
UNTIL = datetime(2099, 1, 1, tzinfo=UTC)


class Reading:
    """A reader of one Alertmanager, with what it has published."""

    def __init__(self, url: str, *active: Notification, clock: SkewedClock | None = None) -> None:
        self.clock = clock or SkewedClock()
        self.active = {each.key: each for each in active}
        self.published: list[AlertSilences] = []
        self._url = url

    async def read(self, times: int = 1, *, later: timedelta = timedelta(0)) -> AlertSilences:
        outgoing = ClientOptions(deadline=timedelta(seconds=60))
        api = AlertmanagerApi(self._url, clock=self.clock, instruments=RecordingInstruments(), outgoing=outgoing)
        reader = SilenceReader(
            [SilencedCluster("", [api])],
            active=self._active,
            publish=self.published.append,
            clock=self.clock,
        )
        for _ in range(times):
            await reader.read()
            self.clock.ahead += later
        await api.aclose()
        return self.published[-1]

    def _active(self) -> Mapping[str, Notification]:
        return self.active


def _post(server: Server, path: str, body: Any) -> Any:
    answer = httpx.post(f"{server.url}/api/v2/{path}", json=body, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.content else None


def test_a_silence_in_a_real_alertmanager_is_read_with_its_author_comment_and_end() -> None:
    page, other = firing(), firing("search-availability")
    with Sink() as sink, alertmanager(sink.url) as server:
        _post(server, "alerts", [{"labels": sent_labels(each)} for each in (page, other)])
        reading = Reading(server.url, page, other)
        assert asyncio.run(reading.read()) == AlertSilences()
        matcher = {"name": "slo", "value": page.slo, "isRegex": False, "isEqual": True}
        silence = {"matchers": [matcher], "createdBy": "ana", "comment": "Rolling back", "endsAt": UNTIL.isoformat()}
        made = _post(server, "silences", silence | {"startsAt": datetime.now(tz=UTC).isoformat()})
        found = asyncio.run(reading.read())
    assert found.unanswered == ()
    assert found.by_key == {
        page.key: AlertSilence(
            read_at=datetime.min.replace(tzinfo=UTC),
            id=made["silenceID"],
            until=UNTIL,
            created_by="ana",
            comment="Rolling back",
        )
    }


def _suppressed(page: Notification, **status: list[str]) -> Reply:
    return Reply(body=orjson.dumps([{"labels": sent_labels(page), "status": {"state": "suppressed", **status}}]))


def test_an_alert_that_another_inhibits_is_read_as_such() -> None:
    page = firing()
    with Scripted(_suppressed(page, silencedBy=[], inhibitedBy=["0f1e"])) as server:
        (found,) = asyncio.run(Reading(server.url, page).read()).by_key.values()
    assert found.is_inhibited


def test_an_alertmanager_is_not_asked_while_no_alert_is_active() -> None:
    with Scripted() as server:
        assert asyncio.run(Reading(server.url).read()) == AlertSilences()
        assert not server.requests


@pytest.mark.parametrize(
    "refusal", [Reply(status=403), Reply(body=b"<html>"), Reply(body=b'[{"labels": {}}]'), Reply(cut=True), _LONG_ID]
)
def test_what_was_read_is_shown_for_some_minutes_when_alertmanager_does_not_answer(refusal: Reply) -> None:
    page = firing()
    ends = Reply(body=orjson.dumps({"id": "s1", "endsAt": UNTIL.isoformat()}))
    with Scripted(_suppressed(page, silencedBy=["s1"], inhibitedBy=[]), ends, otherwise=refusal) as server:
        reading = Reading(server.url, page)
        asyncio.run(reading.read(4, later=timedelta(minutes=2)))
    silenced = [[each.id for each in found.by_key.values()] for found in reading.published]
    assert silenced == [["s1"], ["s1"], ["s1"], []]
    assert [len(found.unanswered) for found in reading.published] == [0, 1, 1, 1]


def test_a_silence_that_has_ended_since_it_was_read_is_none() -> None:
    page, clock = firing(), SkewedClock()
    ends = Reply(body=orjson.dumps({"id": "s1", "endsAt": (clock.now() + timedelta(minutes=1)).isoformat()}))
    with Scripted(_suppressed(page, silencedBy=["s1"]), ends, otherwise=Reply(status=503)) as server:
        reading = Reading(server.url, page, clock=clock)
        asyncio.run(reading.read(2, later=timedelta(minutes=2)))
    assert [len(found.by_key) for found in reading.published] == [1, 0]


@pytest.mark.parametrize("refusal", [Reply(status=404), Reply(body=b"{}"), Reply(cut=True)])
def test_an_alert_is_silenced_also_where_its_silence_is_not_told(refusal: Reply) -> None:
    page = firing()
    with Scripted(_suppressed(page, silencedBy=["../s 1"]), otherwise=refusal) as server:
        found = asyncio.run(Reading(server.url, page).read())
        assert server.requests[-1].path == "/api/v2/silence/..%2Fs%201"
    assert [(each.id, each.until) for each in found.by_key.values()] == [("../s 1", None)]
    assert found.unanswered == ()


def test_alerts_of_others_are_left_out_and_long_comments_are_cut() -> None:
    page = firing()
    others = [{"labels": {"slo": str(each)}, "status": {"silencedBy": [f"s{each}"]}} for each in range(60)]
    ours = {"labels": sent_labels(page), "status": {"silencedBy": ["ours"]}}
    silence = {"id": "ours", "endsAt": UNTIL.isoformat(), "comment": "c" * 100_000, "createdBy": "a" * 100_000}
    with Scripted(Reply(body=orjson.dumps([*others, ours])), Reply(body=orjson.dumps(silence))) as server:
        (found,) = asyncio.run(Reading(server.url, page).read()).by_key.values()
        assert len(server.requests) == 2
    assert (found.until, len(found.comment), len(found.created_by)) == (UNTIL, 2_000, 200)


class Slow(AlertmanagerApi):
    """Every answer comes just before a request is given up."""

    @override
    async def get(self, path: str) -> bytes:
        await asyncio.sleep(9)
        return _suppressed(firing(), silencedBy=[f"s{number}" for number in range(50)]).body


@in_virtual_time
async def test_a_slow_alertmanager_holds_up_what_is_known_of_others_for_seconds() -> None:
    clock, published, page = SkewedClock(), list[AlertSilences](), firing()
    api = Slow("http://slow.example", clock=clock, instruments=RecordingInstruments())
    reader = SilenceReader(
        [SilencedCluster("slow", [api])],
        active=lambda: {page.key: page},
        publish=published.append,
        clock=clock,
    )
    await reader.read()
    assert published == [AlertSilences(unanswered=("slow",))]
    assert asyncio.get_running_loop().time() <= 15
    await api.aclose()
