"""The data of charts over HTTP: what is asked of the past, and what clients get."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.api.charts.models import ContributorsModel, DaysModel, GroupModel, RangeSeriesModel
from app.api.forecasts.models import ForecastStepsModel
from app.budget.forecast import NoForecast
from app.status import ContributorShare, HealthState
from tests.support.api import FlatPasts, Served
from tests.support.forecasts import an_outlook
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

CHECKOUT = "/api/v1/slos/checkout-availability"
ROUTES = [(("route", value),) for value in ("/pay", "/cart", "/a/days")]


def _asked(served: Served) -> list[Any]:
    assert isinstance(served.pasts, FlatPasts)
    return served.pasts.asked


def _served() -> tuple[Served, TestClient]:
    grouped = an_slo("shop", by=("route",))
    served = Served.with_snapshots(
        a_snapshot(), *(a_snapshot(grouped, group=group) for group in ROUTES), an_unmeasured_snapshot(an_slo("new"))
    )
    return served, TestClient(served.app())


def test_series_of_many_slos_come_at_once_with_the_rules_that_they_are_compared_with() -> None:
    served, http = _served()
    query = "slo=checkout-availability&slo=shop-availability:route=/pay&from=2026-03-01T11:00:00Z&points=12"
    answer = http.get(f"/api/v1/history?{query}").json()
    assert (answer["from"], answer["to"], answer["step"]) == ("2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z", "5m")
    assert [one["id"] for one in answer["series"]] == ["checkout-availability", "shop-availability:route=/pay"]
    first = answer["series"][0]
    assert (first["at"][-1], first["bad"][-1], first["total"][-1], first["sli"][-1]) == (
        "2026-03-01T12:00:00Z",
        10,
        100,
        0.9,
    )
    assert first["budget_remaining_ratio"] == [None] * 11 + [0.5]
    assert first["burn_rates"][0] == {"window": "5m", "highest": [0.0] * 11 + [100.0]}
    assert first["rules"][0] == {"severity": "page", "tier": "1h/5m", "long": "1h", "short": "5m", "factor": 14.4}
    assert first["marks"] == [
        {"at": "2026-03-01T11:00:00Z", "until": None, "kind": "page", "title": "burning", "href": "/incidents/5f2d"}
    ]
    assert [asked[3] - asked[2] for asked in _asked(served)] == [timedelta(hours=1)] * 2


def test_a_group_is_the_sum_of_its_members() -> None:
    served, http = _served()
    answer = http.get("/api/v1/history?slo=shop-availability&points=10").json()
    assert [(one["id"], one["members"]) for one in answer["series"]] == [("shop-availability", 3)]
    _, members, start, end, step = _asked(served)[0]
    assert len(members) == 3
    assert (start, end, step) == (AS_OF - timedelta(days=30), AS_OF, timedelta(days=7))
    assert http.get("/api/v1/slos/shop-availability/days").json()["days"]


def test_a_forecast_comes_with_each_slo_and_with_its_steps_alone() -> None:
    made = replace(a_snapshot(), forecast=an_outlook())
    never = replace(a_snapshot(an_slo("young")), forecast=NoForecast.NOT_ENOUGH_HISTORY)
    http = TestClient(Served.with_snapshots(made, never).app())
    shown = http.get(CHECKOUT).json()["forecast"]
    assert (shown["code"], shown["until"], shown["exhaustion_probability"]) == (None, "2026-03-31T12:00:00Z", 0.04)
    assert shown["exhausted_at"] == {"earliest": None, "expected": None, "latest": None}
    assert shown["leaving"] == [{"start": "2026-03-09T07:00:00Z", "end": "2026-03-09T09:00:00Z", "share": 0.12}]
    steps = http.get(f"{CHECKOUT}/forecast").json()
    assert [step["at"] for step in steps.pop("steps")] == ["2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"]
    assert steps == shown | {"id": "checkout-availability"}
    # What is said of an SLO without a forecast is not computed again.
    none = http.get("/api/v1/slos/young-availability/forecast").json()
    assert (none["code"], none["at"], none["inputs"], none["steps"]) == ("not_enough_history", None, None, [])
    assert http.get("/api/v1/slos/nobody/forecast").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("slo=nobody", 404),
        ("slo=checkout-availability&points=0", 422),
        ("slo=checkout-availability&points=2001", 422),
        ("slo=checkout-availability&from=2026-03-02T00:00:00Z", 422),
        ("slo=checkout-availability&from=2001-01-01T00:00:00Z", 200),
        ("&".join(["slo=checkout-availability"] * 101), 422),
        ("&".join(["slo=checkout-availability"] * 100) + "&points=501", 422),
    ],
)
def test_series_that_cannot_be_drawn_are_refused_and_long_ones_are_not(query: str, status: int) -> None:
    assert _served()[1].get(f"/api/v1/history?{query}").status_code == status


def test_groups_of_too_many_members_are_refused_before_any_is_read() -> None:
    slos = [an_slo(name, by=("route",)) for name in ("a", "b")]
    served = Served.with_snapshots(
        *(a_snapshot(slo, group=(("route", str(number)),)) for slo in slos for number in range(501))
    )
    http = TestClient(served.app())
    asked = [f"slo={slo.id}" for slo in slos]
    assert http.get(f"/api/v1/history?{asked[0]}&points=1").status_code == 200
    answer = http.get(f"/api/v1/history?{'&'.join(asked)}&points=1")
    assert (answer.status_code, len(_asked(served))) == (422, 1)


def test_the_past_of_what_was_never_measured_is_empty() -> None:
    _, http = _served()
    assert http.get("/api/v1/history?to=2026-03-01T12:00:00Z").json()["series"] == []
    assert http.get("/api/v1/history?slo=new-availability").json() == {
        "from": None,
        "to": None,
        "step": None,
        "series": [],
    }
    assert http.get("/api/v1/slos/new-availability/days").json()["days"] == []
    assert http.get("/api/v1/slos/new-availability/contributors").status_code == 404


def test_days_go_back_a_year() -> None:
    served, http = _served()
    answer = http.get(f"{CHECKOUT}/days").json()
    assert answer["timezone"] == "UTC"
    assert len(answer["days"]) == 366
    assert answer["days"][-1] == {
        "date": "2026-02-28",
        "start": "2026-02-28T00:00:00Z",
        "end": "2026-03-01T00:00:00Z",
        "over": True,
        "good": 99,
        "bad": 1,
        "total": 100,
        "sli": 0.99,
        "burn_rate": 10.0,
        "budget_spent_ratio": 0.02,
        "coverage": 1.0,
    }
    assert _asked(served)[0][2:4] == (AS_OF - timedelta(days=366), AS_OF)


def test_a_group_is_one_with_the_status_of_its_worst_member() -> None:
    grouped = an_slo("shop", by=("route",))
    members = [a_snapshot(grouped, group=group, bad=bad) for group, bad in zip(ROUTES, (100, 1_500, 200), strict=True)]
    members[1] = replace(members[1], health=HealthState.EXHAUSTED)
    http = TestClient(Served.with_snapshots(a_snapshot(), *members).app())
    answer = http.get("/api/v1/groups/shop-availability").json()
    assert (answer["status"], answer["statuses"]["meeting"], answer["by"]) == ("exhausted", 2, ["route"])
    assert (answer["events"]["bad"], answer["events"]["total"]) == (1_800, pytest.approx(3_000_000, rel=1e-3))
    found = (answer["sli"], answer["budget_remaining_ratio"])
    assert found == (pytest.approx(0.9994, rel=1e-5), pytest.approx(0.4, abs=1e-3))
    assert [member["group"]["route"] for member in answer["members"]] == ["/cart", "/a/days", "/pay"]
    for other in ("checkout-availability", "shop-availability:route=/pay", "nobody"):
        assert http.get(f"/api/v1/groups/{other}").status_code == 404


def test_contributors_are_asked_for_by_labels_within_others() -> None:
    served, http = _served()
    served.contributors.items = [
        ContributorShare(
            values=(("zone", "a"),), bad=82.0, total=90.0, share_of_bad=0.82, share_of_total=0.09, stands_out=True
        )
    ]
    answer = http.get(f"{CHECKOUT}/contributors?by=zone&by=pod&label=route%3D%2Fpay&from=2026-03-01T06:00:00Z").json()
    assert served.contributors.asked == [
        ("checkout-availability", AS_OF - timedelta(hours=6), AS_OF, ["zone", "pod"], (("route", "/pay"),))
    ]
    assert (answer["state"], answer["by"], answer["more"]) == ("answered", ["zone", "pod"], 0)
    assert answer["items"] == [
        {
            "labels": {"zone": "a"},
            "slo": None,
            "bad": 82.0,
            "total": 90.0,
            "share_of_bad": 0.82,
            "share_of_total": 0.09,
            "stands_out": True,
        }
    ]
    for query in ("by=", "label=route", "by=" + "&by=".join("abcdefghijk")):
        assert http.get(f"{CHECKOUT}/contributors?{query}").status_code == 422


@pytest.mark.parametrize("below", ["days", "contributors"])
def test_an_id_that_ends_like_a_route_is_an_id(below: str) -> None:
    snapshot = a_snapshot(an_slo("shop", by=("route",)), group=(("route", f"/a/{below}"),))
    http = TestClient(Served.with_snapshots(snapshot).app())
    path = f"/api/v1/slos/{quote(snapshot.id, safe='')}"
    assert http.get(path).json()["group"] == {"route": f"/a/{below}"}
    assert "group" not in http.get(f"{path}/{below}").json()


@pytest.mark.parametrize("model", [ForecastStepsModel, RangeSeriesModel, GroupModel, DaysModel, ContributorsModel])
def test_the_examples_fit_their_schema(model: type) -> None:
    for example in TypeAdapter(model).json_schema()["examples"]:
        TypeAdapter(model).validate_json(orjson.dumps(example))
