"""Adjustments over HTTP: made, changed, withdrawn with an audit, and as iCalendar in and out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from icalendar import Calendar
from pydantic import TypeAdapter
from typing_extensions import override

from app.api.adjustments.models import (
    AdjustmentDetailModel,
    AdjustmentListModel,
    AdjustmentModel,
    ImportedModel,
    NewAdjustmentModel,
)
from app.slo import Labels, SloId
from app.status import ContributorsInRange, ContributorsState
from tests.support.api import ListedContributors, Served
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

BEARER = {"Authorization": "Bearer right"}
PATH = "/api/v1/adjustments"
GIVEN = {
    "reason": "Database upgrade",
    "services": ["checkout"],
    "start": "2026-03-01T02:00:00",
    "end": "2026-03-01T04:00:00",
    "timezone": "Europe/Berlin",
    "rrule": "FREQ=MONTHLY;BYDAY=1SU",
    "mute_alerts": True,
    "author": "ada",
}


@pytest.fixture
def served() -> Served:
    served = Served.with_snapshots(a_snapshot(), a_snapshot(an_slo("search")))
    served.token = "right"  # noqa: S105  a made-up token
    served.incidents.clock.at = AS_OF
    return served


@pytest.fixture
def client(served: Served) -> TestClient:
    return TestClient(served.app())


def add(client: TestClient, **changed: Any) -> Any:
    given = {name: value for name, value in (GIVEN | changed).items() if value is not None}
    return client.post(PATH, json=given, headers=BEARER)


def test_an_adjustment_is_made_and_shows_when_it_applies(client: TestClient) -> None:
    made = add(client)
    assert made.status_code == 201, made.text
    TypeAdapter(AdjustmentModel).validate_json(made.content)
    assert made.json()["occurrences"] == [{"start": "2026-03-01T01:00:00Z", "end": "2026-03-01T03:00:00Z"}]
    found = client.get(PATH, params={"service": "checkout", "to": "2026-05-10T00:00:00Z"})
    TypeAdapter(AdjustmentListModel).validate_json(found.content)
    # In summer time an hour earlier in UTC.
    assert [one["start"] for one in found.json()["items"][0]["occurrences"]] == [
        "2026-03-01T01:00:00Z",
        "2026-04-05T00:00:00Z",
        "2026-05-03T00:00:00Z",
    ]
    assert client.get(PATH, params={"service": "search"}).json()["items"] == []
    assert client.get(PATH, params={"slo": "checkout-availability"}).json()["items"] != []


def test_a_start_with_an_offset_becomes_wall_clock_time(client: TestClient) -> None:
    made = add(client, start="2026-03-01T01:00:00Z", end="2026-03-01T03:00:00Z").json()
    assert (made["start"], made["duration_seconds"]) == ("2026-03-01T02:00:00", 7200.0)


def test_who_changed_what_stays_known(client: TestClient) -> None:
    id_ = add(client).json()["id"]
    client.put(f"{PATH}/{id_}", json={**GIVEN, "reason": "Longer", "author": "bob"}, headers=BEARER)
    withdrawn = client.delete(f"{PATH}/{id_}", params={"author": "eve"}, headers=BEARER).json()
    assert (withdrawn["withdrawn_at"], withdrawn["occurrences"]) == ("2026-03-01T12:00:00Z", [])
    found = client.get(f"{PATH}/{id_}")
    TypeAdapter(AdjustmentDetailModel).validate_json(found.content)
    audit = [(each["action"], each["author"], each["adjustment"]["reason"]) for each in found.json()["audit"]]
    assert audit == [
        ("created", "ada", "Database upgrade"),
        ("changed", "bob", "Longer"),
        ("withdrawn", "eve", "Longer"),
    ]
    assert found.json()["matches"] == ["checkout-availability"]
    assert client.get(PATH).json()["items"] == []
    assert len(client.get(PATH, params={"withdrawn": "true"}).json()["items"]) == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"services": None}, "name what is adjusted"),
        ({"timezone": "Berlin"}, "Berlin"),
        ({"timezone": "../etc/passwd"}, "passwd"),
        ({"rrule": "FREQ=SECONDLY"}, "FREQ"),
        ({"end": "2026-03-01T02:00:00"}, "end"),
        ({"reason": "\u200b"}, "reason"),
        ({"start": "0001-01-01T00:00:00Z"}, "start"),
        ({"effect": "forget"}, "effect"),
        ({"wat": 1}, "wat"),
    ],
)
def test_what_cannot_be_is_refused(client: TestClient, changed: dict[str, Any], named: str) -> None:
    answer = add(client, **changed)
    assert (answer.status_code, named in answer.text) == (422, True), answer.text


def test_changes_need_the_token(client: TestClient) -> None:
    assert client.post(PATH, json=GIVEN).status_code == 401
    assert client.put(f"{PATH}/1", json=GIVEN).status_code == 401
    assert client.delete(f"{PATH}/1").status_code == 401
    assert client.post(f"{PATH}/import", content=b"x").status_code == 401


def test_what_is_not_there_is_said(client: TestClient) -> None:
    for answer in (
        client.get(f"{PATH}/77"),
        client.put(f"{PATH}/77", json=GIVEN, headers=BEARER),
        client.delete(f"{PATH}/77", headers=BEARER),
    ):
        assert answer.status_code == 404


def test_the_feed_is_a_calendar_that_can_be_imported_again(client: TestClient) -> None:
    id_ = add(client, exdates=["2026-04-05T02:00:00"]).json()["id"]
    feed = client.get(f"{PATH}.ics")
    assert feed.headers["content-type"].startswith("text/calendar")
    calendar = Calendar.from_ical(feed.content)
    assert [str(zone["tzid"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Berlin"]
    (event,) = calendar.walk("VEVENT")
    assert (str(event["uid"]), event["rrule"].to_ical()) == (f"{id_}@sloburn", b"FREQ=MONTHLY;BYDAY=1SU")
    read = client.post(f"{PATH}/import?service=search", content=feed.content, headers=BEARER)
    TypeAdapter(ImportedModel).validate_json(read.content)
    assert len(read.json()["created"]) == 1, read.text
    found = client.get(f"{PATH}/{read.json()['created'][0]}").json()
    assert (found["start"], found["timezone"], found["mute_alerts"]) == ("2026-03-01T02:00:00", "Europe/Berlin", True)
    assert (found["exdates"], found["services"]) == (["2026-04-05T02:00:00"], ["search"])
    again = client.post(f"{PATH}/import?service=search", content=feed.content, headers=BEARER).json()
    assert (len(again["unchanged"]), again["created"], again["updated"]) == (1, [], [])


def test_an_import_revives_nothing_that_was_withdrawn_and_withdraws_what_is_cancelled(client: TestClient) -> None:
    def read(text: str) -> dict[str, list[str]]:
        answer = client.post(f"{PATH}/import?service=search", content=text, headers=BEARER)
        return {name: ids for name, ids in answer.json().items() if ids}

    event = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTART:20260301T000000Z\nDURATION:PT1H\n"
        "STATUS:CONFIRMED\nEND:VEVENT\nEND:VCALENDAR\n"
    ).replace("\n", "\r\n")
    cancelled = event.replace("CONFIRMED", "CANCELLED")
    assert read(cancelled) == {}
    (id_,) = read(event)["created"]
    assert client.delete(f"{PATH}/{id_}", headers=BEARER).status_code == 200
    assert read(event) == {"withdrawn": [id_]}
    assert client.get(PATH).json()["items"] == []
    assert client.put(f"{PATH}/{id_}", json=GIVEN, headers=BEARER).status_code == 200
    assert read(cancelled) == {"withdrawn": [id_]}
    assert client.get(PATH).json()["items"] == []
    audit = client.get(f"{PATH}/{id_}").json()["audit"]
    assert [entry["action"] for entry in audit] == ["imported", "withdrawn", "changed", "imported"]


class LoadTest(ListedContributors):
    """Of 1,000 events a minute, 100 of them bad, a load test made 600 and 90."""

    @override
    async def contributors(
        self, slo_id: SloId, start: datetime, end: datetime, *, by: Sequence[str], within: Labels
    ) -> ContributorsInRange | None:
        minutes = (end - start).total_seconds() / 60
        total, bad = {(): (1_000, 100), (("agent", "k6"),): (600, 90)}.get(within, (0, 0))
        state = ContributorsState.ANSWERED
        return ContributorsInRange(
            state=state, start=start, end=end, by=(), bad=bad * minutes, total=total * minutes, items=()
        )


def test_some_events_are_corrected_by_their_label_values(served: Served) -> None:
    served.contributors = LoadTest()
    client = TestClient(served.app())
    past = {"start": "2025-12-31T22:00:00Z", "end": "2025-12-31T22:10:00Z", "timezone": "UTC", "rrule": ""}
    given = {"slos": ["checkout-availability"], "services": [], "events": {"agent": "k6"}, **past}
    made = add(client, **given)
    assert made.status_code == 201, made.text
    assert made.json()["events"] == {"agent": "k6"}
    assert [(one["total_ratio"], one["bad_ratio"]) for one in made.json()["shares"]] == [(0.6, 0.9)] * 2
    assert [one["end"] for one in made.json()["shares"]] == ["2025-12-31T22:05:00Z", "2025-12-31T22:10:00Z"]
    assert client.get(f"{PATH}/{made.json()['id']}").json()["shares"] == made.json()["shares"]
    # A calendar has not what was counted.
    feed = client.get(f"{PATH}.ics").content
    read = client.post(f"{PATH}/import?everything=true", content=feed, headers=BEARER).json()
    assert (read["created"], len(read["skipped"])) == ([], 1)
    for changed, named in (
        ({"events": {"agent": "wrk"}}, "no such events"),
        ({"services": ["checkout"]}, "one SLO"),
        ({"rrule": "FREQ=DAILY"}, "one SLO"),
        ({"end": "2026-02-01T00:00:00Z"}, "that is over"),
    ):
        answer = add(client, **{**given, **changed})
        assert (answer.status_code, named in answer.text) == (422, True), answer.text


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//EN
BEGIN:VEVENT
UID:weekly@example.org
DTSTAMP:20260101T000000Z
DTSTART;TZID=W. Europe Standard Time:20260301T220000
DTEND;TZID=W. Europe Standard Time:20260302T000000
RRULE:FREQ=WEEKLY;COUNT=4
SUMMARY:Patch night
END:VEVENT
BEGIN:VEVENT
UID:weekly@example.org
DTSTAMP:20260101T000000Z
RECURRENCE-ID;TZID=W. Europe Standard Time:20260308T220000
DTSTART;TZID=W. Europe Standard Time:20260309T220000
DURATION:PT1H
SUMMARY:Patch night, moved
END:VEVENT
BEGIN:VEVENT
UID:day@example.org
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20260314
SUMMARY:Whole day
END:VEVENT
BEGIN:VEVENT
UID:gone@example.org
DTSTAMP:20260101T000000Z
DTSTART:20260301T000000Z
DTEND:20260301T010000Z
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
UID:bad@example.org
DTSTAMP:20260101T000000Z
DTSTART:20260301T000000Z
DTEND:20260301T010000Z
RRULE:FREQ=SECONDLY
SUMMARY:Every second
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def test_the_calendar_of_others_is_read(client: TestClient) -> None:
    """A moved occurrence takes the place of its own, an all-day event is a local day, what cannot be read is said."""
    answer = client.post(
        f"{PATH}/import", content=CALENDAR, params={"service": "checkout", "timezone": "Europe/Berlin"}, headers=BEARER
    )
    assert answer.status_code == 200, answer.text
    assert [text.partition(":")[0] for text in answer.json()["skipped"]] == ["Every second"]
    items = client.get(PATH, params={"to": "2026-04-10T00:00:00Z"}).json()["items"]
    found = {one["reason"]: [each["start"] for each in one["occurrences"]] for one in items}
    assert found == {
        "Patch night": ["2026-03-01T21:00:00Z", "2026-03-15T21:00:00Z", "2026-03-22T21:00:00Z"],
        "Patch night, moved": ["2026-03-09T21:00:00Z"],
        "Whole day": ["2026-03-13T23:00:00Z"],
    }


MOVED = "RECURRENCE-ID{0}\nDTSTART{0}\nSTATUS:CANCELLED"


@pytest.mark.parametrize(
    ("series", "moved", "expected"),
    [
        # What is cancelled of a series is left out, also of one of whole days or of floating times.
        ("DTSTART;VALUE=DATE:20261023\nRRULE:FREQ=DAILY;COUNT=2", MOVED.format(";VALUE=DATE:20261024"), ["22T22+24"]),
        (
            "DTSTART:20261023T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2",
            MOVED.format(":20261024T100000"),
            ["23T08+1"],
        ),
        # A whole day, or a night, on which the clock is changed.
        ("DTSTART;VALUE=DATE:20261025", "", ["24T22+25"]),
        ("DTSTART:20261024T220000\nDTEND:20261025T040000", "", ["24T20+7"]),
        ("DTSTART:20261024T220000Z\nDTEND:20261025T040000Z", "", ["24T22+6"]),
        # Taken for one occurrence it would leave the later ones where they were.
        (
            "DTSTART:20261023T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2",
            "RECURRENCE-ID;RANGE=THISANDFUTURE:20261024T100000Z\nDTSTART:20261024T120000Z\nDURATION:PT1H",
            ["23T10+1", "24T10+1"],
        ),
        ("DTSTART;VALUE=PERIOD:20261023T100000Z/PT1H", "", []),
        ("DTSTART:20261023T100000Z\nDTSTART:20261024T100000Z\nDURATION:PT1H", "", []),
    ],
)
def test_days_and_floating_times_of_a_calendar(
    client: TestClient, series: str, moved: str, expected: list[str]
) -> None:
    events = "".join(f"BEGIN:VEVENT\nUID:1\n{one}\nEND:VEVENT\n" for one in (series, moved) if one)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{events}END:VCALENDAR\n".replace("\n", "\r\n")
    params = {"service": "checkout", "timezone": "Europe/Berlin"}
    answer = client.post(f"{PATH}/import", content=text, params=params, headers=BEARER)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["skipped"]) == ("RANGE" in moved or not expected)
    assert occurring(client) == expected


def occurring(client: TestClient) -> list[str]:
    """The occurrences of October: day and hour in UTC, and how many hours each lasts."""
    items = client.get(PATH, params={"from": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}).json()["items"]
    spans = [(one["start"], one["end"]) for item in items for one in item["occurrences"]]
    hours = [
        (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 3600 for start, end in spans
    ]
    return [f"{start[8:13]}+{lasts:g}" for (start, _), lasts in zip(spans, hours, strict=True)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # The second of the two hours that the clock shows twice, and the first.
        ({"start": "2026-10-25T02:00:00+01:00", "end": "2026-10-25T03:00:00+01:00"}, ["25T01+1"]),
        ({"start": "2026-10-25T01:00:00Z", "end": "2026-10-25T02:00:00Z"}, ["25T01+1"]),
        ({"start": "2026-10-25T02:00:00", "end": "2026-10-25T03:00:00"}, ["25T00+2"]),
        # A rule from a time on that the clock jumped over recurs at that time, and its exceptions are of that time.
        (
            {
                "start": "2026-03-29T02:30:00",
                "end": "2026-03-29T04:00:00",
                "rrule": "FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=1,2",
                "exdates": ["2026-10-02T02:30:00"],
            },
            ["01T00+0.5"],
        ),
    ],
)
def test_times_at_changes_of_the_clock(client: TestClient, given: dict[str, Any], expected: list[str]) -> None:
    assert add(client, **{"rrule": None, **given}).status_code == 201
    assert occurring(client) == expected


@pytest.mark.parametrize("body", [b"", b"x", b"BEGIN:VCALENDAR", b"\xff\xfe", b"BEGIN:VEVENT\r\nEND:VEVENT"])
def test_what_is_no_calendar_is_refused_or_empty(client: TestClient, body: bytes) -> None:
    answer = client.post(f"{PATH}/import?everything=true", content=body, headers=BEARER)
    assert answer.status_code == 422 or not answer.json()["created"]


@pytest.mark.parametrize(
    "lines",
    [
        "DTSTART;TZID=America/New_York:99991231T200000\nDURATION:PT8H",
        "DTSTART:99991231T230000Z\nDURATION:PT2H",
        "DTSTART;TZID=Asia/Tokyo:00010101T000000\nDURATION:PT2H",
        "DTSTART:18000101T000000Z\nDURATION:PT2H\nRRULE:FREQ=DAILY",
        "DTSTART:20260101T000000Z\nDURATION:PT1H\nRECURRENCE-ID;TZID=America/New_York:99991231T235959",
    ],
)
def test_events_of_other_centuries_are_skipped(client: TestClient, lines: str) -> None:
    """Such a start would be an error in every evaluation."""
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n"
    answer = client.post(f"{PATH}/import?everything=true", content=text.replace("\n", "\r\n"), headers=BEARER)
    assert (answer.status_code, len(answer.json()["skipped"])) == (200, 1), answer.text
    assert client.get(PATH).json()["items"] == []


def test_figures_are_shown_as_they_were_counted_if_asked(served: Served) -> None:
    counted = a_snapshot(bad=500.0)
    served.board.publish([replace(a_snapshot(bad=5.0), counted=counted)])
    client = TestClient(served.app())
    path = "/api/v1/slos/checkout-availability"
    assert client.get(path).json()["events"]["bad"] == 5
    assert client.get(path, params={"adjusted": "false"}).json()["events"]["bad"] == 500
    listed = client.get("/api/v1/slos", params={"adjusted": "false"}).json()["items"]
    assert [one["events"]["bad"] for one in listed] == [500]


def test_the_example_can_be_given(client: TestClient) -> None:
    (example,) = TypeAdapter(NewAdjustmentModel).json_schema()["examples"]
    assert client.post(PATH, json=example, headers=BEARER).status_code == 201
