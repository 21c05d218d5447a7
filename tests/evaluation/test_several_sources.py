"""SLOs over several sources: the events of all are added, and what is missing of one is said by its name."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from app.documents import load_documents
from app.evaluation.contributors_in_range import RangeQuestion, contributors_in_range, of_one_source
from app.ingest import NamedSource, Source
from app.ingest.sources import ingests
from app.ingest.sources.joined_source import JOINED_LABEL, JoinedSource
from app.prometheus import Matrix, UnreachableError
from app.slo import AlertState, Cause, Severity, Slo
from app.status import ProblemCode, Snapshot
from app.status.snapshot import AlertView, WindowView
from testbed.openmetrics import create_blocks, import_into
from testbed.servers import prometheus, victoria_metrics
from testbed.service import write_documents
from tests.evaluation.memory import MemorySource, Series, raising
from tests.evaluation.plain import Span, availability, counter, requests
from tests.evaluation.running import INTERVAL_S, Running, differences
from tests.evaluation.test_on_real_servers import Asked
from tests.evaluation.test_series_on_real_servers import samples_of
from tests.support.retrying import ask_once

HOUR = timedelta(hours=1)
START = 1_700_000_100 // 900 * 900
SPAN = (START - 4 * 86_400, START + 7_200)


def answers(_expr: str) -> None:
    """No fault."""


SHORT = (START - 2 * 3_600, START + 7_200)
NOTHING = MemorySource(())
BURST = (START + 300.0, START + 1_500.0)
PAGE = {"page": {"tiers": [{"long": "10m", "short": "5m", "factor": 10}]}}


def _series(per_second: float, *, bursts: Sequence[tuple[Span, float]] = (), span: Span = SPAN) -> list[Series]:
    return [
        counter(requests("shop"), span, per_second=per_second),
        counter(requests("shop", "500"), span, per_second=0.01, bursts=bursts),
    ]


def _slos(folder: Path, **keys: object) -> tuple[Slo, ...]:
    """One SLO over eu and us, and one over each."""
    documents = []
    for name, sources in (("all", ["eu", "us"]), ("eu", "eu"), ("us", "us")):
        document: dict[str, Any] = {**availability("shop"), "service": name, "source": sources}
        document["slos"] = [{**document["slos"][0], "alerting": PAGE, **keys}]
        documents.append(document)
    loaded = load_documents(write_documents(documents, folder))
    assert not loaded.errors, loaded.errors
    return loaded.slos


def _named(sources: Mapping[str, Source], **later: timedelta) -> list[NamedSource]:
    return [
        NamedSource(name=name, live=one, background=one, later_by=later.get(name, timedelta(0)))
        for name, one in sources.items()
    ]


def hour_of(snapshot: Snapshot) -> WindowView:
    """The last hour of an SLO."""
    return next(view for view in snapshot.windows if view.window == HOUR)


def alert_of(snapshot: Snapshot, cause: Cause) -> AlertView:
    """The page of an SLO, or its ticket about missing data."""
    severity = Severity.PAGE if cause is Cause.BURN else Severity.TICKET
    return next(one for one in snapshot.alerts if (one.cause, one.severity) == (cause, severity))


def _windows(snapshot: Snapshot) -> dict[timedelta, tuple[float, float]]:
    return {view.window: (view.total, view.bad) for view in snapshot.windows}


def _assert_added(running: Running) -> None:
    """The sums of each window are those of both sources."""
    eu, us = (_windows(running.snapshot(f"{name}-availability")) for name in ("eu", "us"))
    snapshot = running.snapshot("all-availability")
    for window, found in _windows(snapshot).items():
        assert found == pytest.approx((eu[window][0] + us[window][0], eu[window][1] + us[window][1])), window
    assert snapshot.total == pytest.approx(sum(running.snapshot(f"{one}-availability").total for one in ("eu", "us")))


def test_the_events_of_all_sources_are_added(tmp_path: Path) -> None:
    """In every window, live, from history, and after a restart; nothing is asked for that no source counts."""
    sources = {"eu": MemorySource(_series(10)), "us": MemorySource(_series(3, bursts=[(BURST, 2.0)]))}
    slos = _slos(tmp_path)
    with (
        Running(slos, NOTHING, tmp_path / "live", sources=_named(sources)) as live,
        Running(slos, NOTHING, tmp_path / "fresh", sources=_named(sources)) as fresh,
    ):
        live.run(START, START + 1_200)
        live.backfill(START + 1_200)
        live.tick(START + 1_230)
        _assert_added(live)
        page = next(one for one in live.snapshot("all-availability").alerts if one.severity is Severity.PAGE)
        assert page.state is AlertState.FIRING
        fresh.tick(START + 1_200)
        fresh.backfill(START + 1_200)
        live.restart()
        for one in (live, fresh):
            one.run(START + 1_230, START + 1_530)
            one.backfill(START + 1_530)
            one.tick(START + 1_560)
            _assert_added(one)
            shown = one.snapshot("all-availability")
            assert shown.coverage == pytest.approx(1.0, abs=1e-3)
            assert (shown.data, shown.problems) == ("fresh", ())
        assert differences(live.figures, fresh.figures) == {}


def test_a_source_that_is_away_is_missing_coverage_by_its_name(tmp_path: Path) -> None:
    """Its alerts do not resolve without it; when it is back, what it missed is counted and nothing is missing."""
    eu, us = MemorySource(_series(10, span=SHORT)), MemorySource(_series(3, bursts=[(BURST, 2.0)], span=SHORT))
    with Running(_slos(tmp_path), NOTHING, tmp_path / "db", sources=_named({"eu": eu, "us": us})) as running:
        running.run(START, START + 1_200)
        running.backfill(START + 1_200)
        us.fault = raising(UnreachableError("connection refused"))
        # By the events of eu alone the burn would be over.
        running.run(START + 1_200, START + 3_000, every=60)
        shown = running.snapshot("all-availability")
        assert shown.as_of is not None
        assert shown.as_of.timestamp() == START + 3_000
        (problem,) = [one for one in shown.problems if one.code is ProblemCode.PARTIAL_DATA]
        assert "source us: connection refused" in problem.detail
        assert hour_of(shown).coverage == pytest.approx(0.75, abs=0.02)
        page, no_data = (alert_of(shown, cause) for cause in (Cause.BURN, Cause.NO_DATA))
        assert page.state is AlertState.FROZEN
        assert "source us" in str(page.reason)
        assert no_data.state is AlertState.FIRING
        active = {one.cause: one for one in running.board.current.notifications if one.slo == "all-availability"}
        assert active.keys() == {Cause.BURN, Cause.NO_DATA}
        assert "source us: connection refused" in str(active[Cause.NO_DATA].condition)
        us.fault = answers
        running.run(START + 3_000, START + 4_500, every=60)
        shown = running.snapshot("all-availability")
        assert [one.code for one in shown.problems] == []
        assert not [one for one in running.board.current.notifications if one.slo == "all-availability"]
        assert hour_of(shown).coverage == pytest.approx(1.0, abs=1e-3)
        _assert_added(running)


def test_a_burn_of_one_source_pages_while_another_is_away(tmp_path: Path) -> None:
    """What is missing is taken for good events, at the pace of the rest."""
    eu = MemorySource(_series(10, bursts=[((START + 900.0, START + 7_200.0), 2.0)], span=SHORT))
    us = MemorySource(_series(3, span=SHORT))
    with Running(_slos(tmp_path), NOTHING, tmp_path / "db", sources=_named({"eu": eu, "us": us})) as running:
        running.run(START, START + 600)
        running.backfill(START + 600)
        us.fault = raising(UnreachableError("connection refused"))
        running.run(START + 600, START + 2_100, every=60)
        assert alert_of(running.snapshot("all-availability"), Cause.BURN).state is AlertState.FIRING


def test_a_member_has_the_events_of_all_sources_that_have_it(tmp_path: Path) -> None:
    """Whichever they are: one that is in one source only is not missing in the other."""
    routes = {"eu": ("/cart", "/pay"), "us": ("/pay", "/ship")}
    sources = {
        name: MemorySource(
            [
                counter(requests("shop", code, route=route), SHORT, per_second=rate)
                for route in of_source
                for code, rate in (("200", 2.0), ("500", 0.1))
            ]
        )
        for name, of_source in routes.items()
    }
    slos = _slos(tmp_path, by=["route"], aggregate=True)
    with (
        Running(slos, NOTHING, tmp_path / "live", sources=_named(sources)) as live,
        Running(slos, NOTHING, tmp_path / "fresh", sources=_named(sources)) as fresh,
    ):
        live.tick(START)
        live.backfill(START)
        live.run(START, START + 600)
        fresh.tick(START + 600)
        fresh.backfill(START + 600)
        live.restart()
        for one in (live, fresh):
            one.tick(START + 630)
            # The aggregate is read when its members have been.
            one.backfill(START + 630)
            one.tick(START + 660)
            events = {
                dict(snapshot.group)["route"]: (round(hour_of(snapshot).total / 3600, 1), snapshot.coverage)
                for snapshot in one.board.snapshots
                if snapshot.group and snapshot.slo.service == "all"
            }
            assert {route: rate for route, (rate, _) in events.items()} == {"/cart": 2.1, "/pay": 4.2, "/ship": 2.1}
            assert [coverage for _, coverage in events.values()] == pytest.approx([1.0] * 3, abs=1e-3)
            assert round(hour_of(one.snapshot("all-availability-all")).total / 3600, 1) == 8.4
        assert differences(live.figures, fresh.figures) == {}


def test_slots_of_a_source_that_is_asked_later_are_judged_with_it(tmp_path: Path) -> None:
    sources = {"eu": MemorySource(_series(10, span=SHORT)), "us": MemorySource(_series(3, span=SHORT))}
    later = timedelta(seconds=2 * INTERVAL_S)
    named = _named(sources, us=later)
    with Running(_slos(tmp_path), NOTHING, tmp_path / "db", sources=named) as running:
        running.run(START, START + 600)
        shown = running.snapshot("all-availability")
        assert shown.as_of == running.snapshot("us-availability").as_of
        assert not shown.problems
        each = [hour_of(running.snapshot(f"{name}-availability")).coverage for name in ("eu", "us")]
        assert hour_of(shown).coverage == pytest.approx(sum(each) / 2)
        assert hour_of(shown).total == pytest.approx(13.01 * 3600, rel=0.005)


def test_a_victoria_metrics_goes_away_and_comes_back_beside_a_prometheus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it missed meanwhile is counted once: the sums are those of both."""
    # However slow the machine is: slots follow each other at once.
    monkeypatch.setattr(ingests, "WAITED_FOR_S", 600.0)
    span = (START - 3_600, START + 3_600)
    rates = {"eu": 10.0, "us": 3.0}
    stored = {name: samples_of(_series(rate, span=span)) for name, rate in rates.items()}
    create_blocks(stored["eu"], tmp_path / "prometheus")
    with prometheus(tmp_path / "prometheus") as one:
        with victoria_metrics(tmp_path / "victoria") as other:
            import_into(other, stored["us"])
            sources = {"eu": Asked(one.url), "us": Asked(other.url)}
            running = Running(_slos(tmp_path / "slos"), NOTHING, tmp_path / "db", sources=_named(sources))
            with ExitStack() as stack:
                stack.push(running)
                running.run(START, START + 300)
                running.backfill(START + 300)
                running.tick(START + 330)
                _assert_added(running)
                still_running = stack.pop_all()
        with still_running:
            with monkeypatch.context() as away:
                ask_once(away)
                running.run(START + 330, START + 660, every=150)
            shown = running.snapshot("all-availability")
            assert {one.code for one in shown.problems} >= {ProblemCode.PARTIAL_DATA}
            assert any("source us: " in one.detail for one in shown.problems)
            with victoria_metrics(tmp_path / "victoria") as other:
                sources["us"].url = other.url
                running.run(START + 660, START + 1_260, every=60)
                shown = running.snapshot("all-availability")
                assert "source us" not in str(shown.problems)
                assert hour_of(shown).coverage == pytest.approx(1.0, abs=1e-3)
                assert hour_of(shown).total / 3600 == pytest.approx(13.02, rel=0.02)
                _assert_added(running)


def test_contributors_are_asked_of_all_sources(tmp_path: Path) -> None:
    """By the name of the source as by any label; within one of them only that is asked."""
    sources = {"eu": _Vector({"route": "/pay"}, 30.0), "us": _Vector({"route": "/pay"}, 90.0)}
    joined = JoinedSource(sources)
    sli = _slos(tmp_path)[0].sli
    at = datetime.fromtimestamp(START, UTC)
    question = RangeQuestion(start=at - HOUR, end=at, by=(JOINED_LABEL,))
    found = asyncio.run(contributors_in_range(sli, (), joined, question))
    assert {one.values: one.bad for one in found.items} == {(("source", "us"),): 90.0, (("source", "eu"),): 30.0}
    one, asked = of_one_source(sli, replace(question, within=((JOINED_LABEL, "us"), ("route", "/pay"))))
    assert (one, asked.within) == (sli.from_source("us"), (("route", "/pay"),))
    away = JoinedSource({**sources, "us": MemorySource((), fault=raising(UnreachableError("connection refused")))})
    found = asyncio.run(contributors_in_range(sli, (), away, question))
    assert {one.values: one.bad for one in found.items} == {(("source", "eu"),): 30.0}


@dataclass(frozen=True)
class _Vector(Source):
    """Answers every query with one series."""

    labels: Mapping[str, str]
    value: float

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return Matrix(
            labels=(self.labels,),
            lengths=np.ones(1, dtype=np.int64),
            times=np.array([at.timestamp()]),
            values=np.array([self.value]),
        )

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        raise NotImplementedError
