"""Several kinds of trouble at once: live counts, through restarts and late samples, are those of history.

`make test` takes a few histories, `SLOBURN_SOAK` above 1 so many times 500. More by hand, and what they find:
`python -m tests.evaluation.proof --mixed --seeds 0:500`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.against_increase import GRACE_S
from tests.evaluation.memory import Series
from tests.evaluation.mixed import compare_mixed
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Figures, differences, two_running
from tests.support.mixed_kinds import mixed_histories
from tests.support.soak import IS_SOAK, SOAK

END = 1_800_000_000
START = END - 2700
LATER = END + 900
"""When all that was counted provisionally by the end has become final."""
AT_ONCE = 50 if IS_SOAK else 4
SEEDS = range(500 * SOAK if IS_SOAK else AT_ONCE)
DIFFERING = 0.04
"""Of the histories may be counted otherwise live than from the past: docs/counting.md names the kinds."""
MENDED = (277,)
"""A replica that was found while samples of the others were late, and looked lost."""


@pytest.mark.soak
@pytest.mark.parametrize("first", SEEDS[::AT_ONCE])
def test_live_equals_history(tmp_path: Path, first: int) -> None:
    """In every window that is final, for all kinds that meet."""
    outcome = compare_mixed(mixed_histories(SEEDS[first : first + AT_ONCE], end=END + GRACE_S), tmp_path, end=END)
    assert len(outcome.differing) <= max(1, DIFFERING * AT_ONCE), outcome.differing


@pytest.mark.parametrize("seed", MENDED)
def test_histories_that_differed(tmp_path: Path, seed: int) -> None:
    """Both are right, too."""
    outcome = compare_mixed(mixed_histories([seed], end=END + GRACE_S), tmp_path, end=END)
    assert outcome.differences == {}
    assert list(map(str, outcome.worse)) == []


def test_a_correction_of_before_the_start_is_known(tmp_path: Path) -> None:
    """A counter was corrected downwards; a second replica, which was not, appears after Sloburn has started."""
    good = counter(requests("api", prometheus_replica="a"), (START - 7200, LATER), per_second=5, past=1e6)
    bad = counter(requests("api", "500", prometheus_replica="a"), (START - 7200, LATER), per_second=0.01, past=500)
    corrected = replace(bad, values=bad.values - 40 * (bad.times >= START - 1800))
    appears = START + 600
    twins = [_twin(one, {"prometheus_replica": "b"}, since=appears) for one in (good, bad)]
    live, history = _both([good, corrected, *twins], tmp_path, restarts=())
    assert differences(live, history) == {}
    total, errors, _ = live["api-availability 1:00:00"]
    assert total == pytest.approx(3600 * 5.01, abs=160)
    assert errors == pytest.approx(36, abs=2)


def test_a_copy_of_what_was_relabelled_before_a_restart(tmp_path: Path) -> None:
    """All series get a label, Sloburn is restarted, and then each is exported once more: none counts twice."""
    spans = ((START - 7200, START + 300), (START + 300, LATER))
    series = []
    for code, pace, past in (("200", 5.0, 1e6), ("500", 0.02, 0.0)):
        whole = counter(requests("api", code), (START - 7200, LATER), per_second=pace, past=past)
        for span, more in zip(spans, ({}, {"version": "v2"}), strict=True):
            series.append(_twin(whole, more, since=span[0], until=span[1], late_s=0))
        series.append(_twin(whole, {"version": "v2", "handler": "all"}, since=START + 1800, late_s=0))
    live, history = _both(series, tmp_path, restarts=(START + 900,))
    assert differences(live, history) == {}
    total, errors, _ = live["api-availability 1:00:00"]
    assert total == pytest.approx(3600 * 5.02, abs=160)
    assert errors == pytest.approx(72, abs=2)


def test_a_second_server_counts_once_from_its_first_sample(tmp_path: Path) -> None:
    """What both have counted for good until it proved to be one is counted again, also if Sloburn is restarted then."""
    good = counter(requests("api", vantage="one"), (START - 7200, LATER), per_second=5, past=1e6)
    bad = counter(requests("api", "500", vantage="one"), (START - 7200, LATER), per_second=0.05, past=500)
    twins = [_twin(one, {"vantage": "two"}, since=START + 300) for one in (good, bad)]
    live, history = _both([good, bad, *twins], tmp_path, restarts=(START + 1500,))
    assert differences(live, history) == {}
    total, errors, _ = live["api-availability 1:00:00"]
    assert total == pytest.approx(3600 * 5.05, abs=160)
    assert errors == pytest.approx(180, abs=3)


def _twin(one: Series, more: dict[str, str], *, since: float, until: float = LATER, late_s: float = 11.0) -> Series:
    """A series once more, under *more* labels; scraped *late_s* after the other one, at its pace."""
    kept = (one.times >= since) & (one.times < until)
    pace = (one.values[-1] - one.values[0]) / (one.times[-1] - one.times[0])
    values = one.values[kept] if not late_s else np.floor(one.values[kept] + late_s * pace)
    return Series(labels=one.labels | more, times=one.times[kept] + late_s, values=values)


def _both(series: list[Series], folder: Path, *, restarts: tuple[int, ...]) -> tuple[Figures, Figures]:
    """What is shown at the end by a service that ran for an hour with *restarts*, and by one that has just begun."""
    watched = slos([availability("api")], folder / "slos")
    with two_running(watched, series, folder) as (live, fresh):
        at = START
        for stop in restarts:
            live.run(at, stop, every=60)
            live.restart()
            at = stop
        live.run(at, LATER, every=60)
        fresh.run(END - 30, LATER)
        for each in (live, fresh):
            each.backfill(LATER)
        return live.figures, fresh.figures
