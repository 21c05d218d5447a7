"""What other threads ask of the engine, and what of it blocks."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from app.alerting import Notification
from app.clock import SystemClock
from app.delivery import FallbackMemory, FallbackOutbox
from app.documents import LoadResult, load_documents
from app.evaluation import Evaluator
from app.integrations import DeliveryConfig, load_config
from app.metrics import BuildInfo, Instruments
from app.prometheus import PrometheusClient
from app.service.components import Components
from app.service.delivery_runtime import open_delivery_runtime
from app.service.engine import Engine
from app.settings import load_settings
from app.status import Board
from app.store import StoreUnavailableError, open_database

_SLI = "{total: a_total, bad: b_total}"


@pytest.fixture
def components(tmp_path: Path) -> Iterator[Components]:
    database = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield Components(
        settings=load_settings({"prometheus_url": "http://127.0.0.1:9"}),
        database=database,
        board=Board(),
        instruments=Instruments(build=BuildInfo.current()),
        clock=SystemClock(),
    )
    database.close()


def test_an_engine_that_could_not_start_is_stopped_while_its_thread_ends(
    components: Components, tmp_path: Path
) -> None:
    """On a busy machine the thread may still be there when its event loop is closed."""
    stopping = threading.Event()

    class Failing(Engine):
        @override
        def _run(self) -> None:
            super()._run()
            assert stopping.wait(60.0)

        @override
        async def _new_evaluator(self, *args: Any, **given: Any) -> Evaluator:
            raise StoreUnavailableError("no disk")

    engine = Failing(components, load_documents(tmp_path))
    with pytest.raises(StoreUnavailableError, match="no disk"):
        engine.start()
    end = threading.Timer(0.05, stopping.set)
    end.start()
    assert engine.stop()
    end.join()


def test_slow_history_and_contributors_do_not_keep_evaluations_from_asking(
    components: Components, tmp_path: Path
) -> None:
    """They are asked through another client, whose connections and circuit breaker are its own."""
    asked: list[PrometheusClient] = []

    class Failing(Engine):
        @override
        async def _new_evaluator(self, *args: Any, **given: Any) -> Evaluator:
            evaluator = await super()._new_evaluator(*args, **given)
            asked.extend((evaluator._default.live, evaluator._default.background))  # type: ignore[arg-type]
            raise StoreUnavailableError("that is all")

    engine = Failing(components, load_documents(tmp_path))
    with pytest.raises(StoreUnavailableError, match="that is all"):
        engine.start()
    engine.stop()
    source, background = asked
    assert source._breaker is not background._breaker
    assert source._pool is not background._pool
    assert source.known_series is background.known_series


def test_each_source_has_clients_of_its_own_and_those_of_one_that_is_gone_are_closed(
    components: Components, tmp_path: Path
) -> None:
    """Health names each that does not answer; a reload takes on what the file lists."""
    both = _with_sources(("eu", "us"), tmp_path)
    # Refused connections are tried again for as long as a query may take.
    settings = load_settings({"prometheus_url": "http://127.0.0.1:9", "prometheus_timeout": "1s"})
    engine = Engine(replace(components, delivery=both, settings=settings), _documents_of(("eu", "us"), tmp_path))
    engine.start()
    try:
        at = datetime.fromtimestamp(components.clock.now().timestamp() // 30 * 30, UTC)
        engine.submit(engine._evaluate(at)).result()
        unhealthy = [reason for reason in engine.reasons_unhealthy() if reason.startswith("a source")]
        assert [reason.split(":")[1].strip() for reason in unhealthy] == ["source eu", "source us"]
        named = engine.submit(engine._sources.open(both.sources)).result()
        assert len({id(client._breaker) for one in named for client in (one.live, one.background)}) == 4  # type: ignore[attr-defined]
        engine.submit(engine.switch_to(_documents_of(("eu",), tmp_path), _with_sources(("eu",), tmp_path))).result()
        assert [config.name for config in engine._sources._open] == ["eu"]
    finally:
        assert engine.stop()


def test_the_first_slo_of_the_default_source_is_asked_of_it_after_a_reload(
    components: Components, tmp_path: Path
) -> None:
    """Until then a leap of our clock is compared with that of the first listed source; health names each of them."""
    both = _with_sources(("eu", "us"), tmp_path)
    settings = load_settings({"prometheus_url": "http://127.0.0.1:9", "prometheus_timeout": "1s"})
    engine = Engine(replace(components, delivery=both, settings=settings), _documents_of(("eu",), tmp_path))
    engine.start()
    try:
        eu, _ = engine.submit(engine._sources.open(both.sources)).result()
        assert isinstance(eu.live, PrometheusClient)
        eu.live._skew = 600.0
        wrong = "the clock of source eu is +600 s from ours"
        assert (engine._clock_skew, wrong in engine.reasons_unhealthy()) == (600.0, True)
        engine.submit(engine.switch_to(_documents_of(("eu", "default"), tmp_path), both)).result()
        assert engine.evaluator._default.live is engine._client
        assert engine._clock_skew == 0.0
        assert [reason for reason in engine.reasons_unhealthy() if "clock" in reason] == [wrong]
    finally:
        assert engine.stop()


def _with_sources(names: Sequence[str], folder: Path) -> DeliveryConfig:
    # Nothing listens on port 9.
    listed = ", ".join(f"{{name: {name}, url: http://127.0.0.1:9/{name}}}" for name in names)
    (folder / "sloburn.yaml").write_text(f"sources: [{listed}]")
    loaded = load_config(folder / "sloburn.yaml", environment={})
    assert not loaded.errors
    return loaded.config


def _documents_of(names: Sequence[str], folder: Path) -> LoadResult:
    file = folder / "slos.yaml"
    slos = (f"- {{name: {name}, source: {name}, objective: 99, window: 7d, sli: {_SLI}}}" for name in names)
    file.write_text("\n".join(("service: shop", "slos:", *slos)))
    return load_documents(file)


def test_the_event_loop_never_waits_for_what_compares_memory_with_the_database(
    components: Components, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_in: list[threading.Thread] = []

    def hold(_outbox: FallbackOutbox, _unwritten: Sequence[Notification], *, at: datetime) -> None:
        assert at.tzinfo is UTC
        held_in.append(threading.current_thread())

    monkeypatch.setattr(FallbackOutbox, "hold", hold)

    async def play() -> None:
        runtime = open_delivery_runtime(DeliveryConfig(), components, is_healthy=lambda: True, memory=FallbackMemory())
        await runtime.evaluation_ended((), at=datetime.now(UTC))
        await runtime.stop(0)

    asyncio.run(play())
    assert threading.current_thread() not in held_in
    assert len(held_in) == 1
