"""The past of SLOs of any source, and of several at once."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from app.documents import load_documents
from app.ingest import Source
from app.prometheus import Matrix, UnreachableError
from app.replay.history.history_reader import HistoryDetail, MemberPast, PastReader
from testbed.service import write_documents
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests

END_S = 1_800_000_000
START_S = END_S - 4 * 3600
SPAN = (END_S - 10 * 3600.0, float(END_S))
_RATES = {"default": 1.0, "eu": 10.0, "us": 3.0}


def _source(per_second: float, routes: tuple[str, ...]) -> MemorySource:
    return MemorySource(
        [
            counter(requests("shop", code, route=route), SPAN, per_second=rate)
            for route in routes
            for code, rate in (("200", per_second), ("500", per_second / 10))
        ]
    )


@pytest.mark.parametrize("detail", [HistoryDetail.RAW, HistoryDetail.CELLS])
def test_the_past_of_several_sources_is_the_sum_of_theirs(tmp_path: Path, detail: HistoryDetail) -> None:
    """Member by member, and of composites over them."""
    documents = []
    for name, source in (("all", ["eu", "us"]), ("eu", "eu"), ("us", "us"), ("here", "default")):
        document = {**availability("shop", by=["route"]), "service": name, "source": source}
        document["slos"] = [{**document["slos"][0], "aggregate": True}]  # type: ignore[index]
        documents.append(document)
    loaded = load_documents(write_documents(documents, tmp_path))
    assert not loaded.errors
    routes = {"default": ("/pay",), "eu": ("/cart", "/pay"), "us": ("/pay", "/ship")}
    reader = PastReader(
        sources={name: _source(rate, routes[name]) for name, rate in _RATES.items()},
        start=datetime.fromtimestamp(START_S, UTC),
        end=datetime.fromtimestamp(END_S, UTC),
        interval_s=30,
        detail=detail,
    )
    found = {str(member.id): member for member in asyncio.run(reader.read(loaded.slos))}
    assert reader.problems == {}
    for route, in_sources in (("/cart", ["eu"]), ("/pay", ["eu", "us"]), ("/ship", ["us"])):
        wanted = np.sum([_events(found[f"{name}-availability:route={route}"]) for name in in_sources], axis=0)
        assert _events(found[f"all-availability:route={route}"]) == pytest.approx(wanted)
        whole = found[f"all-availability:route={route}"].history
        assert whole.slots.measured_s.mean() == pytest.approx(30.0, rel=0.01)
    seconds = END_S - START_S
    total, bad = _events(found["all-availability-all"])
    assert (total / seconds, bad / seconds) == pytest.approx((2 * 11 + 2 * 3.3, 2 * 1 + 2 * 0.3), rel=0.01)
    assert _events(found["here-availability:route=/pay"])[0] / seconds == pytest.approx(1.1, rel=0.01)


@dataclass(slots=True)
class _Away(Source):
    """A source that answers nothing about what is later than *from_s*."""

    source: MemorySource
    from_s: float

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        if at.timestamp() > self.from_s:
            raise UnreachableError("connection refused")
        return await self.source.instant(expr, at, deadline=deadline)

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        raise UnreachableError("connection refused")


def test_what_one_source_lacks_is_missing_and_said(tmp_path: Path) -> None:
    """The events of the others count meanwhile; before a source had samples nothing is missing of it."""
    documents = [
        {**availability("shop"), "service": "away", "source": ["eu", "us"]},
        {**availability("shop"), "service": "young", "source": ["eu", "new"]},
    ]
    loaded = load_documents(write_documents(documents, tmp_path))
    reader = PastReader(
        sources={
            "eu": _source(10.0, ("/pay",)),
            "us": _Away(_source(3.0, ("/pay",)), END_S - 3_000.0),
            "new": MemorySource([counter(requests("shop", "200"), (END_S - 5_000.0, float(END_S)), per_second=3.0)]),
        },
        start=datetime.fromtimestamp(START_S, UTC),
        end=datetime.fromtimestamp(END_S, UTC),
        interval_s=30,
        detail=HistoryDetail.RAW,
    )
    found = {member.slo.service: member for member in asyncio.run(reader.read(loaded.slos))}
    assert reader.problems == {found["away"].slo.sli.key: "source us: connection refused"}
    away, young = (found[name].history.slots for name in ("away", "young"))
    assert (away.total[60], away.measured_s[60]) == pytest.approx((30 * 11 + 30 * 3.3, 30.0), rel=0.01)
    assert (away.total[-60], away.measured_s[-60]) == pytest.approx((30 * 11, 15.0), rel=0.01)
    # Half of the first hour and a half would be missing otherwise.
    assert young.measured_s.mean() == pytest.approx(30.0, rel=0.01)


def test_a_source_that_is_not_there_is_said(tmp_path: Path) -> None:
    loaded = load_documents(write_documents([{**availability("shop"), "source": ["eu", "us"]}], tmp_path))
    start, end = datetime.fromtimestamp(START_S, UTC), datetime.fromtimestamp(END_S, UTC)
    reader = PastReader(sources={"eu": MemorySource(())}, start=start, end=end, interval_s=30)
    assert asyncio.run(reader.read(loaded.slos)) == []
    assert reader.problems == {loaded.slos[0].sli.key: "there is no source us"}


def _events(member: MemberPast) -> tuple[float, float]:
    return float(member.history.slots.total.sum()), float(member.history.slots.bad.sum())
