"""SLOs of many sources: none waits for another's, and none counts another's events."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from typing_extensions import override

from app.documents import load_documents
from app.ingest import NamedSource, Source
from app.ingest.sources import ingests
from app.prometheus import CircuitOpenError, Matrix, TimedOutError, UnreachableError
from app.slo import DEFAULT_SOURCE, AlertState, Severity, Slo
from testbed.openmetrics import create_blocks, import_into
from testbed.servers import prometheus, victoria_metrics
from testbed.service import write_documents
from tests.evaluation.memory import MemorySource, Series, raising
from tests.evaluation.plain import Span, availability, counter, requests
from tests.evaluation.running import INTERVAL_S, Running
from tests.evaluation.test_on_real_servers import Asked
from tests.evaluation.test_series_on_real_servers import samples_of

START = 1_700_000_100 // 900 * 900
SPAN = (START - 7_200, START + 7_200)
BURST = (START + 300, START + 1_500)
NOTHING = MemorySource(())


@dataclass
class Hanging(Source):
    """Answers nothing, and never says so, until it is *mended*."""

    source: Source
    mended: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        self.asked += 1
        await self.mended.wait()
        return await self.source.instant(expr, at, deadline=deadline)

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        self.asked += 1
        await self.mended.wait()
        return await self.source.range(expr, start, end, step, deadline=deadline)


def _series(*, per_second: float = 10.0, burns: bool = False, span: Span = SPAN) -> Sequence[Series]:
    bad = [(BURST, 5.0)] if burns else []
    return (
        counter(requests("shop"), span, per_second=per_second),
        counter(requests("shop", "500"), span, per_second=0.0, bursts=bad),
    )


def _slos(names: Sequence[str], folder: Path) -> tuple[Slo, ...]:
    """An SLO over the same counters of each source."""
    documents = [{**availability("shop"), "service": f"shop-{name}", "source": name} for name in names]
    for one in documents:
        (slo,) = cast("list[dict[str, object]]", one["slos"])
        slo["alerting"] = {"page": {"tiers": [{"long": "10m", "short": "5m", "factor": 10}]}}
    loaded = load_documents(write_documents(documents, folder))
    assert not loaded.errors, loaded.errors
    return tuple(loaded.slos)


def _named(name: str, source: Source) -> NamedSource:
    return NamedSource(name=name, live=source, background=source)


def test_of_forty_sources_of_which_five_are_in_trouble_the_others_miss_no_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three hang and two are away: the pages of the others go out, and theirs are stale and say of which source."""
    names = [f"eu-{number:02}" for number in range(40)]
    hung, away = names[3:6], names[8:10]
    # They began a moment ago: no history is to be read.
    series = _series(burns=True, span=(START - 120, SPAN[1]))
    sources: dict[str, Source] = {name: MemorySource(series) for name in names}
    sources |= {name: Hanging(sources[name]) for name in hung}
    fault = raising(UnreachableError("connection refused"))
    sources |= {name: MemorySource(_series(), fault=fault) for name in away}
    named = [_named(name, source) for name, source in sources.items()]
    with Running(_slos(names, tmp_path), NOTHING, tmp_path / "db", sources=named, history=timedelta(0)) as running:
        paged = set()
        # A source that is late in this evaluation, the machine being slow, is waited for in the next ones.
        monkeypatch.setattr(ingests, "WAITED_FOR_S", 0.2)
        running.tick(START - INTERVAL_S)
        monkeypatch.setattr(ingests, "WAITED_FOR_S", 600.0)
        for at in range(START, START + 1_200, INTERVAL_S):
            running.tick(at)
            for snapshot in running.board.snapshots:
                source = snapshot.slo.sli.source
                if source not in hung + away:
                    assert snapshot.as_of is not None, source
                    assert snapshot.as_of.timestamp() == at, source
                pages = (alert for alert in snapshot.alerts if alert.severity is Severity.PAGE)
                paged |= {source for alert in pages if alert.state is AlertState.FIRING}
        assert paged == {*names} - {*hung, *away}
        # One question is under way at a time.
        assert all(one.asked <= 2 for one in sources.values() if isinstance(one, Hanging))
        assert running.evaluator.unanswered is None
        assert running.evaluator.unanswered_sources.keys() == {*away}
        for name in away:
            problems = running.snapshot(f"shop-{name}-availability").problems
            assert any(f"source {name}" in problem.detail for problem in problems), problems
        health = {one.name: one for one in running.evaluator.sources}
        assert {name for name, one in health.items() if not one.answers} == {*hung, *away}
        assert all(health[name].problem for name in (*hung, *away))
        assert all(health[name].failing == 1 for name in away)
        running.evaluator.stop_asking()


def test_the_query_time_of_a_source_is_that_of_queries_that_were_sent(tmp_path: Path) -> None:
    """While the circuit breaker lets none through, a source that hung for 4 s does not look like a fast one."""
    names = ["eu", "us"]
    sources: dict[str, Source] = {name: MemorySource(_series(), fault=raising(TimedOutError("late"))) for name in names}
    named = [_named(name, source) for name, source in sources.items()]
    with Running(_slos(names, tmp_path), NOTHING, tmp_path / "db", sources=named, history=timedelta(0)) as running:
        running.tick(START)
        seconds = [one.seconds for one in running.evaluator.sources]
        for source in sources.values():
            cast("MemorySource", source).fault = raising(CircuitOpenError("late"))
        running.tick(START + INTERVAL_S)
        assert [one.seconds for one in running.evaluator.sources] == seconds
        assert all(seconds)


def test_what_a_source_answers_late_counts_in_its_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a source that hung answers, its counts are those of one that has always answered."""
    names = ["eu", "us"]
    hanging = Hanging(MemorySource(_series(burns=True)))
    named = [_named("eu", MemorySource(_series(burns=True))), _named("us", hanging)]
    monkeypatch.setattr(ingests, "WAITED_FOR_S", 0.2)
    with Running(_slos(names, tmp_path), NOTHING, tmp_path / "db", sources=named) as running:
        running.tick(START, START + 30)
        assert running.snapshot("shop-us-availability").as_of is None
        running.do(_set(hanging.mended))
        running.tick(*range(START + 60, START + 900, INTERVAL_S))
        running.backfill(START + 900)
        eu, us = (running.snapshot(f"shop-{name}-availability") for name in names)
        # Whether the newest slot of either was late is a matter of the machine's speed.
        running.do(_set(hanging.mended))
        monkeypatch.setattr(ingests, "WAITED_FOR_S", 600.0)
        running.tick(START + 900)
        eu, us = (running.snapshot(f"shop-{name}-availability") for name in names)
        assert us.as_of == eu.as_of
        assert (us.total, us.bad, us.coverage) == (eu.total, eu.bad, eu.coverage)
        assert us.bad > 0


async def _set(event: asyncio.Event) -> None:
    event.set()
    await asyncio.sleep(0)


def test_the_same_series_in_two_sources_are_counted_apart(tmp_path: Path) -> None:
    """Also after a restart; the default source has no name in its keys, so that its history stays what it was."""
    sources = {"eu": MemorySource(_series(per_second=10)), "us": MemorySource(_series(per_second=3))}
    default = MemorySource(_series(per_second=1))
    slos = _slos(["eu", "us", DEFAULT_SOURCE], tmp_path)
    plain = load_documents(write_documents([availability("shop")], tmp_path / "plain")).slos[0]
    of_default = next(slo for slo in slos if slo.sli.source == DEFAULT_SOURCE)
    assert of_default.sli.key == plain.sli.key
    assert len({slo.sli.key for slo in slos}) == len(slos)
    named = [_named(name, source) for name, source in sources.items()]
    with Running(slos, default, tmp_path / "db", sources=named) as running:
        running.run(START, START + 600)
        running.backfill(START + 600)
        running.restart()
        running.run(START + 600, START + 1_200)
        hour = {
            snapshot.slo.sli.source: next(view for view in snapshot.windows if view.window == timedelta(hours=1))
            for snapshot in running.board.snapshots
        }
    assert {name: round(view.total / 3600) for name, view in hour.items()} == {"eu": 10, "us": 3, DEFAULT_SOURCE: 1}


def test_a_prometheus_and_a_victoria_metrics_are_two_sources(tmp_path: Path) -> None:
    """Each has series of the same names, of which the counts differ."""
    span = (START - 7_200, START + 900)
    rates = {"prometheus": 10.0, "victoria": 3.0}
    stored = {name: samples_of(_series(per_second=rate, span=span)) for name, rate in rates.items()}
    create_blocks(stored["prometheus"], tmp_path / "prometheus")
    with prometheus(tmp_path / "prometheus") as one, victoria_metrics(tmp_path / "victoria") as other:
        import_into(other, stored["victoria"])
        named = [_named("prometheus", Asked(one.url)), _named("victoria", Asked(other.url))]
        with Running(_slos([*rates], tmp_path / "slos"), NOTHING, tmp_path / "db", sources=named) as running:
            running.tick(START)
            running.backfill(START)
            running.run(START, START + 300)
            found = {
                snapshot.slo.sli.source: next(view for view in snapshot.windows if view.window == timedelta(hours=1))
                for snapshot in running.board.snapshots
            }
            assert not running.instruments.failures
    assert {name: view.coverage for name, view in found.items()} == pytest.approx(dict.fromkeys(rates, 1.0))
    assert {name: view.total / 3600 for name, view in found.items()} == pytest.approx(rates, rel=0.02)


def test_a_source_with_a_larger_offset_is_asked_for_an_older_slot_and_is_not_stale(tmp_path: Path) -> None:
    """Its slots are judged two slots after those of the others."""
    later = replace(_named("eu", MemorySource(_series())), later_by=timedelta(seconds=4 * INTERVAL_S))
    named = [later, _named("us", MemorySource(_series()))]
    with Running(_slos(["eu", "us"], tmp_path), NOTHING, tmp_path / "db", sources=named) as running:
        running.run(START, START + 600)
        as_of = {snapshot.slo.sli.source: snapshot.as_of for snapshot in running.board.snapshots}
        states = {snapshot.data.value for snapshot in running.board.snapshots}
    assert as_of["us"] is not None
    assert as_of["eu"] == as_of["us"] - timedelta(seconds=4 * INTERVAL_S)
    assert "stale" not in states


def test_an_error_of_one_part_is_raised_although_another_has_done_something() -> None:
    async def counts() -> bool:
        return True

    async def fails() -> bool:
        raise RuntimeError("of one part only")

    async def check() -> None:
        # Tasks that have ended come in no order.
        for _ in range(20):
            with pytest.raises(RuntimeError, match="of one part only"):
                await ingests.OwnPace().step({"eu": counts, "us": fails})

    asyncio.run(check())
