import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import TypeAdapter

from app.api.models import CalendarWindowModel, SloModel
from app.slo import AlertState, CalendarUnit, CalendarWindow, Severity, Sla, SloId
from app.status import AlertView, DataState, HealthState, HistoryPoint, Progress, Snapshot
from tests.support.api import Served, listening
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot


def client(*snapshots: Snapshot) -> TestClient:
    return TestClient(Served.with_snapshots(*snapshots).app())


def ids(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


def test_an_slo_has_the_shape_of_the_contract() -> None:
    response = client(a_snapshot()).get("/api/v1/slos/checkout-availability")

    assert response.headers["content-type"] == "application/json"
    document: dict[str, Any] = response.json()
    assert {name: document[name] for name in ("id", "service", "name", "labels", "group", "objective")} == {
        "id": "checkout-availability",
        "service": "checkout",
        "name": "availability",
        "labels": {"team": "payments"},
        "group": {},
        "objective": 0.999,
    }
    assert document["window"] == {
        "kind": "rolling",
        "duration": "30d",
        "start": "2026-01-30T12:00:00Z",
        "end": "2026-03-01T12:00:00Z",
    }
    assert (document["as_of"], document["data"], document["status"]) == ("2026-03-01T12:00:00Z", "fresh", "meeting")
    assert document["coverage"] == 0.998
    assert document["sli"] == pytest.approx(0.99953)
    assert document["events"] == {"good": 999_530, "bad": 470, "total": 1_000_000}
    assert document["budget"] == {
        "total_events": pytest.approx(1_000),
        "consumed_ratio": pytest.approx(0.47),
        "remaining_ratio": pytest.approx(0.53),
        "remaining_events": pytest.approx(530),
        "exhausted_at": None,
    }
    assert document["burn_rates"][0] == {
        "window": "5m",
        "burn_rate": pytest.approx(0.47),
        "sli": pytest.approx(0.99953),
        "good": pytest.approx(9_995.3),
        "bad": pytest.approx(4.7),
        "total": 10_000,
        "coverage": 1.0,
    }
    assert [alert["severity"] for alert in document["alerts"]] == ["page", "ticket"]


@pytest.mark.parametrize(
    "snapshot",
    [
        a_snapshot(group=(("route", "/pay"),), backfill=Progress(done_hours=1, wanted_hours=2)),
        a_snapshot(
            alerts=[
                AlertView(severity=Severity.PAGE, state=AlertState.FROZEN, since=AS_OF, tier="1h/5m", reason="no data")
            ]
        ),
        an_unmeasured_snapshot(),
        a_snapshot(replace(an_slo(), sla=Sla(contract=0.995))),
        an_unmeasured_snapshot(replace(an_slo(), sla=Sla(contract=0.995))),
    ],
)
def test_every_document_is_what_openapi_says(snapshot: Snapshot) -> None:
    document = client(snapshot).get(f"/api/v1/slos/{snapshot.id}").json()

    assert set(document) == set(SloModel.__annotations__)
    assert _as_json(SloModel, document) == document


def test_an_agreement_has_its_buffer_and_what_is_left_of_it() -> None:
    """Of 1,000,000 events the contract allows 5,000 bad ones, and 470 were bad."""
    slo = replace(an_slo(), sla=Sla(contract=0.995, penalty_free=0.001))
    assert client(a_snapshot(slo)).get("/api/v1/slos/checkout-availability").json()["sla"] == {
        "contract": 0.995,
        "penalty_below": 0.994,
        "buffer": 0.004,
        "remaining_ratio": pytest.approx(0.906),
    }
    unmeasured = client(an_unmeasured_snapshot(slo)).get("/api/v1/slos/checkout-availability").json()["sla"]
    assert unmeasured["remaining_ratio"] is None


def test_a_calendar_window_names_its_unit_and_zone() -> None:
    slo = an_slo(window=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))

    window = client(a_snapshot(slo)).get("/api/v1/slos/checkout-availability").json()["window"]

    assert window == {
        "kind": "calendar",
        "unit": "month",
        "timezone": "Europe/Berlin",
        "start": "2026-02-28T23:00:00Z",
        "end": "2026-03-01T12:00:00Z",
    }
    assert (
        TypeAdapter(CalendarWindowModel).dump_python(
            TypeAdapter(CalendarWindowModel).validate_python(window), mode="json"
        )
        == window
    )


def test_what_is_not_known_is_null_and_says_why() -> None:
    response = client(an_unmeasured_snapshot()).get("/api/v1/slos/checkout-availability")

    assert "NaN" not in response.text
    document = response.json()
    assert document["sli"] is None
    assert document["budget"]["remaining_ratio"] is None
    assert (document["data"], document["status"], document["problem"]) == ("error", "unknown", "no series match")
    assert document["backfill"] == {"done_hours": 12.0, "wanted_hours": 720.0, "ratio": pytest.approx(12 / 720)}


def test_the_id_of_a_group_is_found_however_odd_its_value() -> None:
    values = [
        "/pay",
        "/a b?c#d",
        "ü=,%2F",
        "/pay/history",
        "",
        "/trailing/",
        "a/../b",
        "two\nlines",
        "\n",
        "/pay/history\n",
        "\r\n\t",
        "'\"`",
        "..",
        "/",
        "\U0001f600",
        "a%0Ab",
        "a+b",
    ]
    snapshots = [a_snapshot(group=(("route", value),)) for value in values]

    with listening(Served.with_snapshots(*snapshots).app()) as url, httpx2.Client(base_url=url) as http:
        for snapshot in snapshots:
            path = f"/api/v1/slos/{quote(snapshot.id, safe='')}"
            assert http.get(path).json()["group"] == dict(snapshot.group)
            assert http.get(f"{path}/history").json()["id"] == snapshot.id


def test_a_slash_in_an_id_need_not_be_escaped() -> None:
    served = client(a_snapshot(group=(("route", "/pay"),)))

    assert served.get("/api/v1/slos/checkout-availability:route=/pay").json()["group"] == {"route": "/pay"}
    assert served.get("/api/v1/slos/checkout-availability:route=/pay/history").json()["points"]


def test_an_unknown_id_is_not_found_and_the_id_of_a_whole_group_names_a_member() -> None:
    served = client(a_snapshot(group=(("route", "/pay"),)))

    assert "no SLO has the id 'nope'" in served.get("/api/v1/slos/nope").json()["detail"]
    response = served.get("/api/v1/slos/checkout-availability")
    assert response.status_code == 404
    assert "'checkout-availability:route=/pay'" in response.json()["detail"]


def test_filters_by_service_label_group_and_status() -> None:
    grouped = an_slo("search", by=("route",), labels=(("team", "web"),))
    served = client(
        a_snapshot(),
        a_snapshot(grouped, group=(("route", "/find"),), health=HealthState.AT_RISK),
        a_snapshot(grouped, group=(("route", "/top"),)),
    )
    find, top = "search-availability:route=/find", "search-availability:route=/top"

    assert ids(served.get("/api/v1/slos?service=checkout")) == ["checkout-availability"]
    assert ids(served.get("/api/v1/slos?service=search&label=team%3Dweb&label=route%3D/top")) == [top]
    assert ids(served.get("/api/v1/slos?status=at_risk")) == [find]
    assert ids(served.get("/api/v1/slos?label=team=nobody")) == []
    assert ids(served.get("/api/v1/slos?service=checkout&service=search")) == ["checkout-availability", find, top]


def test_filters_by_alert_kind_data_and_words() -> None:
    """The filters of the pages; `tests/status/test_selection.py` has what each of them means."""
    burning = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
    served = client(a_snapshot(alerts=[burning]), a_snapshot(an_slo("search"), data=DataState.STALE))
    checkout, search = "checkout-availability", "search-availability"

    assert ids(served.get("/api/v1/slos?alert=firing&alert=pending")) == [checkout]
    assert ids(served.get("/api/v1/slos?alert=inactive&kind=counters")) == [search]
    assert ids(served.get("/api/v1/slos?data=stale&data=error")) == [search]
    assert ids(served.get("/api/v1/slos?kind=gauge")) == []
    assert ids(served.get("/api/v1/slos?q=SEARCH+team%3Dpay")) == [search]


def test_a_sorted_list_has_pages_too_the_unknown_last() -> None:
    http = client(
        *(a_snapshot(an_slo(f"s{number}"), bad=number * 10) for number in range(3)),
        an_unmeasured_snapshot(an_slo("dark")),
    )
    for order, services in (("asc", ["s2", "s1", "s0", "dark"]), ("desc", ["s0", "s1", "s2", "dark"])):
        found: list[str] = []
        following: str | None = ""
        while following is not None:
            asked = {"sort": "budget", "order": order, "limit": "1", "next": following}
            page = http.get("/api/v1/slos", params=asked).json()
            found += [item["service"] for item in page["items"]]
            following = page["next"]
        assert found == services
    # The cursor of another order is none of this one.
    cursor = http.get("/api/v1/slos?sort=name&limit=1").json()["next"]
    assert http.get("/api/v1/slos", params={"sort": "budget", "next": cursor}).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["status=fine", "limit=0", "limit=1001", "limit=x", "label=team", "label==x", "next=!", "sort=worst", "order=up",
     "alert=loud", "kind=ratio", "data=old", f"q={'x' * 201}"],
)  # fmt: skip
def test_a_bad_filter_is_said(query: str) -> None:
    response = client(a_snapshot()).get(f"/api/v1/slos?{query}")

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert query.partition("=")[0] in response.json()["detail"]


def test_pages_hold_every_slo_once_even_while_slos_come_and_go() -> None:
    served = Served.with_snapshots(*(a_snapshot(an_slo(f"s{number}")) for number in range(5)))
    http = TestClient(served.app())

    first = http.get("/api/v1/slos?limit=2").json()
    served.board.publish([a_snapshot(an_slo(f"s{number}")) for number in (0, 2, 3, 4)])
    second = http.get("/api/v1/slos", params={"limit": 2, "next": first["next"]}).json()
    third = http.get("/api/v1/slos", params={"limit": 2, "next": second["next"]}).json()

    pages = [[item["service"] for item in page["items"]] for page in (first, second, third)]
    assert pages == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    assert third["next"] is None


def test_a_page_is_a_hundred_by_default() -> None:
    response = client(*(a_snapshot(an_slo(f"s{number:03}")) for number in range(101))).get("/api/v1/slos")

    assert len(response.json()["items"]) == 100
    assert response.json()["next"]


def test_history_covers_the_slo_window_by_default() -> None:
    served = Served.with_snapshots(a_snapshot())

    document = TestClient(served.app()).get("/api/v1/slos/checkout-availability/history").json()

    assert served.history.asked == [("checkout-availability", AS_OF - timedelta(days=30), AS_OF, timedelta(hours=2))]
    assert (document["from"], document["to"], document["step"]) == (
        "2026-01-30T12:00:00Z",
        "2026-03-01T12:00:00Z",
        "2h",
    )
    assert len(document["points"]) == 360
    assert document["points"][-1] == {
        "at": "2026-03-01T12:00:00Z",
        "good": 99.0,
        "bad": 1.0,
        "total": 100.0,
        "sli": 0.99,
        "burn_rate": None,
        "budget_remaining_ratio": 0.5,
        "coverage": 1.0,
    }


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [
        ("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "1h"),
        ("2026-02-01T01:00:00+01:00", "2026-02-02T00:00:00.000+00:00", "3600"),
        ("1769904000", "1769990400.0", "60m"),
    ],
)
def test_history_takes_rfc_3339_and_unix_times(start: str, end: str, step: str) -> None:
    served = Served.with_snapshots(a_snapshot())

    response = TestClient(served.app()).get(
        f"/api/v1/slos/checkout-availability/history?from={start}&to={end}&step={step}"
    )

    assert response.status_code == 200, response.text
    day = datetime(2026, 2, 1, tzinfo=UTC)
    assert served.history.asked == [("checkout-availability", day, day + timedelta(days=1), timedelta(hours=1))]


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=nan",
        "to=1e300",
        "to=0001-01-01T00:00:00Z",
        "to=2026-02-01T00:00:00",
        "step=0",
        "step=-5",
        "step=nan",
        "step=soon",
        "from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z",
        "step=30s",
    ],
)
def test_a_history_that_cannot_be_drawn_is_refused(query: str) -> None:
    response = client(a_snapshot()).get(f"/api/v1/slos/checkout-availability/history?{query}")

    assert response.status_code == 422
    assert response.json()["detail"]


def test_an_slo_that_was_never_measured_has_an_empty_history() -> None:
    document = client(an_unmeasured_snapshot()).get("/api/v1/slos/checkout-availability/history").json()

    assert document["points"] == []
    assert document["from"] is None


def test_a_hundred_slos_are_answered_within_50_ms_of_cpu() -> None:
    served = Served.with_snapshots(*(a_snapshot(an_slo(f"s{number:03}")) for number in range(1_000)))

    with listening(served.app()) as url, httpx2.Client(base_url=url) as http:

        def seconds() -> float:
            started = time.process_time()
            assert len(ids(http.get("/api/v1/slos?limit=100"))) == 100
            return time.process_time() - started

        assert min(seconds() for _ in range(5)) < 0.05


def test_histories_are_computed_one_after_another_however_many_ask() -> None:
    """Threads that compute take the interpreter from the evaluations in turn."""
    served = Served.with_snapshots(a_snapshot())
    at_work: list[int] = [0]
    most: list[int] = [0]
    flat = served.history.history

    def history(
        slo_id: SloId,
        start: datetime,
        end: datetime,
        step: timedelta,
        *,
        adjusted: bool = True,  # noqa: ARG001
    ) -> Sequence[HistoryPoint] | None:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        time.sleep(0.005)
        at_work[0] -= 1
        return flat(slo_id, start, end, step)

    served.history.history = history  # type: ignore[method-assign]

    async def ask() -> list[int]:
        transport = httpx2.ASGITransport(app=served.app())
        async with httpx2.AsyncClient(transport=transport, base_url="http://slo") as http:
            path = "/api/v1/slos/checkout-availability/history?step=1d"
            return [answer.status_code for answer in await asyncio.gather(*(http.get(path) for _ in range(12)))]

    assert asyncio.run(ask()) == [200] * 12
    assert most == [1]


def _as_json(model: type, document: object) -> object:
    """The document, read by its schema and written again."""
    adapter: TypeAdapter[object] = TypeAdapter(model)
    return adapter.dump_python(adapter.validate_python(document), mode="json")
