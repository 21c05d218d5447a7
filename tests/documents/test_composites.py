"""The components of composites are found among all documents, or the document says why not."""

from pathlib import Path
from typing import Any

import pytest

from app.documents import LoadResult, load_documents
from app.sli import Composite
from app.slo import Slo
from testbed.service import write_documents
from tests.evaluation.plain import availability

GROUPED = availability("pay", objective=95, by=["route", "zone"])
ONE = availability("cart", objective=99)


def loaded(folder: Path, **slis: object) -> LoadResult:
    entries = [{"name": name, "objective": 99, "window": "2d", "sli": sli} for name, sli in slis.items()]
    return load_documents(write_documents([ONE, GROUPED, {"service": "shop", "slos": entries}], folder))


def with_aggregate(document: dict[str, Any], aggregate: object) -> dict[str, object]:
    return {**document, "slos": [{**document["slos"][0], "aggregate": aggregate}]}


def composite(slo: Slo) -> Composite:
    assert isinstance(slo.sli, Composite)
    return slo.sli


def test_components_are_found_in_any_order_with_their_objectives_as_targets(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        outer={"all_of": ["shop-inner", {"slo": "cart-availability", "target": "99.5%"}]},
        inner={"worst_of": ["cart-availability", "pay-availability:route=/a,b,zone=x"], "missing": "ignored"},
        group={"sum_of": ["pay-availability"]},
        member={"all_of": [{"slo": "pay-availability", "member": {"zone": "x", "route": "/a,b"}}]},
    )
    assert not found.errors
    outer, inner, group, member = map(composite, found.slos[2:])
    cart = found.slos[0].sli
    assert [(part.slo, part.target, part.sli) for part in outer.parts] == [
        ("shop-inner", 0.99, inner),
        ("cart-availability", 0.995, cart),
    ]
    pay = (("route", "/a,b"), ("zone", "x"))
    assert [(part.group, part.missing) for part in inner.parts] == [(None, "ignored"), (pay, "ignored")]
    assert [part.group for part in (*group.parts, *member.parts)] == [None, pay]
    assert dict(outer.description)["slices"] == "of 1m; without events: ignored"


@pytest.mark.parametrize(
    ("sli", "said"),
    [
        ({"all_of": ["cart-availabilty"]}, "there is no SLO with the id cart-availabilty; did you mean cart-"),
        ({"all_of": ["shop-x"]}, "shop-x is the composite itself"),
        ({"all_of": ["cart-availability", {"slo": "cart-availability"}]}, "is a component already"),
        (
            {"all_of": [{"slo": "pay-availability", "member": {"route": "/"}}]},
            "write member: {route: ..., zone: ...}",
        ),
        ({"all_of": [{"slo": "cart-availability", "member": {"a": "b"}}]}, "the SLO has no groups"),
        ({"all_of": ["cart-availability"], "sum_of": ["cart-availability"]}, "all_of and sum_of exclude each other"),
        ({"all_of": ["cart-availability"], "target": 90}, "target: is not read by all_of"),
        ({"worst_of": [{"slo": "cart-availability", "weight": 2}]}, "weight: is not read by worst_of"),
        ({"weighted": [{"slo": "cart-availability", "weight": 0}]}, "0 is not above 0"),
        ({"sum_of": ["cart-availability"], "missing": "bad"}, "write unknown or ignored"),
        ({"all_of": ["cart-availability"], "slice": "2m"}, "write 1m, 3m or 5m"),
        ({"all_of": ["cart-availability"], "missing_after": "7h"}, "longer than 6h"),
        ({"all_of": []}, "sli.all_of"),
        ({"all_of": ["cart-availability"], "total": "a_total"}, "total"),
    ],
)
def test_what_cannot_be_a_component_is_said(tmp_path: Path, sli: object, said: str) -> None:
    (error,) = loaded(tmp_path, x=sli).errors
    assert said in error.text
    assert error.line > 0


def test_a_component_with_errors_of_its_own_is_not_called_absent(tmp_path: Path) -> None:
    found = loaded(tmp_path, x={"all_of": ["shop-y"]}, y={"total": "a_total"})
    assert [error.field for error in found.errors] == ["slos[0].sli.all_of[0]", "slos[1].sli.bad"]
    assert "shop-y, or it has errors of its own" in found.errors[0].text


def test_a_circle_is_named_once(tmp_path: Path) -> None:
    found = loaded(tmp_path, a={"all_of": ["shop-b"]}, b={"all_of": ["shop-c"]}, c={"all_of": ["shop-a"]})
    (error,) = found.errors
    assert "goes round in a circle: shop-a -> shop-b -> shop-c -> shop-a" in error.text
    assert [slo.id for slo in found.slos] == ["cart-availability", "pay-availability"]


def test_a_composite_has_neither_groups_nor_time_slices(tmp_path: Path) -> None:
    entry = {"name": "x", "objective": 99, "window": "2d", "sli": {"all_of": ["cart-availability"]}}
    more = {"by": ["route"], "time_slices": {"length": "1m"}}
    found = load_documents(write_documents([ONE, {"service": "shop", "slos": [entry | more]}], tmp_path))
    assert [error.field for error in found.errors] == ["slos[0].by", "slos[0].time_slices"]


def test_the_digest_changes_with_the_objective_of_a_component(tmp_path: Path) -> None:
    """It is the target of a step: a reload must count anew."""
    one, other = (
        load_documents(
            write_documents(
                [
                    availability("cart", objective=objective),
                    {"service": "s", "slos": [{"name": "x", "objective": 99, "window": "2d", "sli": sli}]},
                ],
                tmp_path / str(objective),
            )
        )
        for objective in (99, 98)
        for sli in [{"all_of": ["cart-availability"]}]
    )
    assert one.digest != other.digest
    assert one.slos[1].sli.key != other.slos[1].sli.key


@pytest.mark.parametrize(
    ("aggregate", "objective", "alerts"),
    [(True, 0.95, 0), ({}, 0.95, 0), ({"objective": 99, "alerting": {"page": "off"}}, 0.99, 2), (False, None, 0)],
)
def test_an_aggregate_is_the_sum_of_its_group(
    tmp_path: Path, aggregate: object, objective: float | None, alerts: int
) -> None:
    result = load_documents(write_documents([with_aggregate(GROUPED, aggregate)], tmp_path))
    assert not result.errors
    group, *others = result.slos
    assert [(slo.id, slo.objective) for slo in others] == ([("pay-availability-all", objective)] if objective else [])
    for slo in others:
        (part,) = composite(slo).parts
        assert (part.slo, part.sli, composite(slo).rule) == (group.id, group.sli, "sum_of")
        assert len(slo.alerting.alerts) == alerts


def test_an_aggregate_needs_a_group_and_alerts_that_can_fire(tmp_path: Path) -> None:
    tier = {"long": "1h", "short": "2h", "factor": 14}
    aggregate = {"alerting": {"page": {"tiers": [tier]}}}
    result = load_documents(write_documents([with_aggregate(ONE, aggregate)], tmp_path))
    fields = [error.field for error in result.errors]
    assert fields == ["slos[0].aggregate", "slos[0].aggregate.alerting.page.tiers[0].short"]
