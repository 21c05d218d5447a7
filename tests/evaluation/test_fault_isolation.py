"""One SLO that raises in every evaluation is left out; all others are judged in time (P8)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from app.slo import AlertState, Severity, Slo
from app.status import AlertView
from app.store.alerts import recent_transitions
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

HOUR = 3600
END = 1_800_000_000
BREAKS = END - HOUR
NAMES = ("a", "b", "c", "d", "e")
broken: set[str] = set()


class Mistake(timedelta):
    """A span that fails whoever compares with it, whenever its SLO is among the *broken*."""

    name = ""

    @override
    def __le__(self, other: timedelta) -> bool:
        self._fail()
        return super().__le__(other)

    @override
    def __lt__(self, other: timedelta) -> bool:
        self._fail()
        return super().__lt__(other)

    @override
    def __gt__(self, other: timedelta) -> bool:
        self._fail()
        return super().__gt__(other)

    def _fail(self) -> None:
        if self.name in broken:
            raise ZeroDivisionError("a mistake")


def _faulty(slo: Slo) -> Slo:
    mistake = Mistake(0)
    mistake.name = slo.service
    policies = tuple(replace(policy, pending_for=mistake, keep_firing_for=mistake) for policy in slo.alerting.policies)
    return replace(slo, alerting=replace(slo.alerting, policies=policies))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Running]:
    broken.clear()
    span = (END - 8 * HOUR, END + HOUR)
    source = MemorySource(
        [
            one
            for name in NAMES
            for one in (
                counter(requests(name), span),
                counter(requests(name, "500"), span, per_second=0.0, bursts=[((BREAKS, END), 0.5)]),
            )
        ]
    )

    def move(at: float) -> None:
        source.now = at - 1

    loaded = [_faulty(slo) for slo in slos([availability(name) for name in NAMES], tmp_path / "slos")]
    with capture_logs(), Running(loaded, source, tmp_path / "live.db", move=move) as running:
        running.tick(BREAKS - 600)
        running.backfill(BREAKS - 600)
        yield running


def page(live: Running, name: str) -> AlertView:
    shown = live.snapshot(f"{name}-availability").alerts
    return next(alert for alert in shown if alert.severity is Severity.PAGE)


def test_an_slo_that_raises_is_left_out_and_the_others_page_in_time(live: Running) -> None:
    live.tick(BREAKS)
    broken.add("c")
    live.run(BREAKS, BREAKS + 1200)
    assert {page(live, name).state for name in "abde"} == {AlertState.FIRING}
    assert page(live, "c").state is AlertState.FROZEN
    assert "a mistake" in str(page(live, "c").reason)
    # Tried again every ten minutes, not in every tick.
    assert live.instruments.failures.count("internal") == 2
    assert live.evaluator.last_commit is not None
    assert live.evaluator.last_commit.timestamp() == BREAKS + 1200
    broken.clear()
    live.run(BREAKS + 1200, BREAKS + 1830)
    assert page(live, "c").state is AlertState.FIRING
    assert live.instruments.failures.count("internal") == 2


def test_a_page_of_an_slo_that_raises_stays_until_it_can_be_judged(live: Running) -> None:
    live.run(BREAKS, BREAKS + 1200)
    assert page(live, "c").state is AlertState.FIRING
    broken.update(("a", "c"))
    live.tick(*range(BREAKS + 1230, END + 1200, 300))
    assert {page(live, name).state for name in "bde"} == {AlertState.INACTIVE}
    assert {page(live, name).state for name in "ac"} == {AlertState.FROZEN}
    broken.clear()
    live.restart()
    live.run(END + 1200, END + 1260)
    assert page(live, "c").state is AlertState.INACTIVE
    with live.database.read() as transaction:
        changes = [one for one in recent_transitions(transaction) if one.slo == "c-availability" and one.notify]
    assert [one.kind for one in changes if one.severity is Severity.PAGE] == ["resolved", "fired"]
