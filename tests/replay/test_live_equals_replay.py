"""A replay of a stretch that was evaluated live gives the same transitions."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.alerting import Transition
from app.replay import HistoryDetail, PastReader, WindowSeries, replay
from app.slo import Cause
from app.store.alerts import recent_transitions
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, requests, slos
from tests.evaluation.running import INTERVAL_S, Running
from tests.support.soak import SOAK

START = 1_800_000_000
LIVE = START + 2 * 3600
BEGIN = LIVE - 300
END = LIVE + 2 * 3600
TRAFFIC_PER_S = (0.02, 0.2, 2.0, 50.0)
Told = tuple[str, str, str, datetime, str | None, bool]


def lived(job: str, dice: np.random.Generator, *, per_second: float) -> list[Series]:
    """The counters of a service with two or three incidents."""
    times = np.arange(START + 7.0, END, 15.0)
    bad_share = np.full(len(times), dice.uniform(0.0, 0.0004))
    for _ in range(int(dice.integers(2, 4))):
        begin = dice.uniform(LIVE + 300, END - 1200)
        length = np.exp(dice.uniform(np.log(120.0), np.log(1800.0)))
        bad_share[(times > begin) & (times <= begin + length)] = np.exp(dice.uniform(np.log(0.01), 0.0))
    total = dice.poisson(per_second * 15.0, len(times))
    bad = dice.binomial(total, bad_share)
    seen = np.ones(len(times), dtype=bool)
    if dice.random() < 0.3:
        # A target that cannot be scraped for a while, without a restart.
        begin = dice.uniform(LIVE, END - 3600)
        seen &= (times < begin) | (times > begin + dice.uniform(400.0, 1200.0))
    return [
        Series(labels=requests(job, code), times=times[seen], values=np.cumsum(events)[seen].astype(np.float64) + 10.0)
        for code, events in (("200", total - bad), ("503", bad))
    ]


def told(transitions: Iterable[Transition]) -> list[Told]:
    """What is compared: which alert did what, when, by which rule, and whether receivers were notified."""
    return sorted(
        (str(one.slo), str(one.severity), str(one.kind), one.at, one.tier, one.notify)
        for one in transitions
        if one.cause is Cause.BURN and one.at.timestamp() > LIVE
    )


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 1 + SOAK))
def test_live_equals_replay(tmp_path: Path, seed: int) -> None:
    """Services of any traffic, with outages of Prometheus; each has incidents of its own."""
    dice = np.random.default_rng(seed)
    jobs = {f"job-{number}": TRAFFIC_PER_S[number % len(TRAFFIC_PER_S)] for number in range(12)}
    source = MemorySource([one for job, rate in jobs.items() for one in lived(job, dice, per_second=rate)])
    watched = slos([availability(job, window="1d") for job in jobs], tmp_path / "slos")

    def move(at: float) -> None:
        source.now = at

    with Running(watched, source, tmp_path / "live.db", move=move) as live:
        # Until its history has been read, a new service knows less than a replay.
        live.tick(BEGIN)
        live.backfill(BEGIN)
        live.run(BEGIN, END, backfill=False)
        with live.database.read() as transaction:
            wanted = told(recent_transitions(transaction, limit=10_000))
    reader = PastReader(
        sources={"default": source},
        start=datetime.fromtimestamp(START, UTC),
        end=datetime.fromtimestamp(END, UTC),
        interval_s=INTERVAL_S,
        detail=HistoryDetail.RAW,
    )
    found: list[Transition] = []
    for member in asyncio.run(reader.read(watched)):
        series = WindowSeries(member.history, error_budget=member.slo.error_budget)
        since = datetime.fromtimestamp(BEGIN, UTC)
        found += replay(series, member.slo.alerting, slo=member.id, since=since).transitions
    assert reader.problems == {}
    assert len(wanted) > 12
    assert told(found) == wanted
