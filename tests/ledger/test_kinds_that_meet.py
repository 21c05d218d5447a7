"""Two kinds of trouble at once: the right value, and live the same as from history."""

import numpy as np
import pytest

from app.slo.arrays import Floats
from tests.ledger.histories import History, Labels, Points, grid

END = 14_400.0
CUT = 7_000.0
SINCE, UNTIL = 600.0, END - 600
SECOND_S = 14.0
"""How long after the first server the second one scrapes."""


def series(at: Floats, value: Floats, code: str = "200", **more: str) -> tuple[Labels, Points]:
    """A series of one target with the values at some times, in whole events."""
    labels = {"__name__": "rq_total", "job": "api", "instance": "a", "code": code, **more}
    return labels, (at, np.floor(value))


def assert_counts(shown: list[tuple[Labels, Points]], total: float, bad: float, *, off_s: float = 60.0) -> None:
    """For good and from history the same to the event, and no further from the truth than *off_s* of all events."""
    found = History(shown).final(SINCE, UNTIL)
    assert found == History(shown).backwards(SINCE, UNTIL)
    assert found[0] == pytest.approx(total, abs=off_s * total / (UNTIL - SINCE))
    assert found[1] == pytest.approx(bad, abs=3)


def from_zero(at: Floats, pace: float, past: float) -> Floats:
    """The values of a counter that restarted at CUT."""
    return np.where(at < CUT, past + pace * at, pace * (at - CUT))


@pytest.mark.parametrize("replica", ["prometheus_replica", "vantage"])
@pytest.mark.parametrize("before_s", [0.0, 60.0, -60.0])
def test_a_restart_in_place_and_a_second_server(replica: str, before_s: float) -> None:
    """The second server appears with the restart or a little before or after it, and shows the same counters."""
    first, second = grid(0, END), grid(0, END, phase=5 + SECOND_S)
    second = second[second > CUT - before_s]
    shown = []
    for at, name in ((first, "one"), (second, "two")):
        shown.append(series(at, from_zero(at, 20, 8e6), **{replica: name}))
        shown.append(series(at, from_zero(at, 0.05, 4e3), "500", **{replica: name}))
    # Without a label of replicas both count until twenty samples have proved it: the service counts them again then.
    if replica == "prometheus_replica":
        assert_counts(shown, 20.05 * (UNTIL - SINCE), 0.05 * (UNTIL - SINCE))
    else:
        found = History(shown).backwards(SINCE, UNTIL)
        assert found[0] == pytest.approx(20.05 * (UNTIL - SINCE), abs=1300)
        assert found[1] == pytest.approx(0.05 * (UNTIL - SINCE), abs=4)


@pytest.mark.parametrize("by", [{"version": "v2"}, {"team": "shop", "tier": "web"}])
def test_a_partial_restart_and_a_relabelling(by: dict[str, str]) -> None:
    """Of the services behind a collector one restarts, and all series get other labels in the same scrape."""
    at = grid(0, END)
    old, new = at[at < CUT], at[at >= CUT]
    shown = []
    for name, code, pace, past, restarts in (
        ("front", "200", 20.0, 5e6, True),
        ("front", "500", 0.02, 3e3, True),
        ("shop", "200", 5.0, 1e6, False),
        ("shop", "500", 0.01, 6e4, False),
    ):
        shown.append(series(old, past + pace * old, code, service_name=name))
        values = from_zero(new, pace, past) if restarts else past + pace * new
        shown.append(series(new, values, code, service_name=name, **by))
    assert_counts(shown, 25.03 * (UNTIL - SINCE), 0.03 * (UNTIL - SINCE))


@pytest.mark.parametrize("hole_s", [200.0, 1_260.0])
def test_an_instance_that_is_rewritten_in_a_hole(hole_s: float) -> None:
    """Within the look-back it goes on. Beyond it is a target that is new here: of the hole nothing is known."""
    at = grid(0, END)
    shown = []
    for name in ("a", "b"):
        for code, pace, past in (("200", 20.0, 8e6), ("500", 0.02, 4e3)):
            old, new = at[at <= CUT], at[at > CUT + hole_s]
            more = 0.0 if name == "a" else 1_000.0
            shown.append(series(old, past + more + pace * old, code, instance=name))
            shown.append(series(new, past + more + pace * new, code, instance=f"node-{name}"))
    unknown_s = 0.0 if hole_s < 300 else hole_s + 30
    assert_counts(shown, 40.04 * (UNTIL - SINCE - unknown_s), 0.04 * (UNTIL - SINCE - unknown_s))


def test_a_second_server_of_counters_that_were_relabelled_before() -> None:
    """It scrapes every two minutes; what is found to be one counter by several ways goes on where it stood."""
    at = grid(0, END)
    shown = []
    for name, pace in (("a", 17.0), ("b", 16.0)):
        for code, share in (("200", 1.0), ("500", 0.01)):
            value = 1_000 + pace * share * at
            for part, labels in (
                (at < 4_000, {"exported_service": "shop"}),
                ((at >= 4_000) & (at < 7_000), {"service": "shop"}),
                (at >= 7_000, {"service": "shop", "version": "new"}),
            ):
                shown.append(series(at[part], value[part], code, instance=name, prometheus_replica="a", **labels))
            late = np.arange(9_299.8, END, 120)
            labels = {"prometheus_replica": "b", "service": "shop", "version": "new"}
            shown.append(series(late, 1_000 + pace * share * late, code, instance=name, **labels))
    history = History(shown)
    # History is read before the second server appears: what it was called first is known last.
    history.backwards(SINCE, 9_000, chunk_s=3_000)
    assert history.final(9_000, UNTIL) == History(shown).final(9_000, UNTIL)
    assert_counts(shown, 33 * 1.01 * (UNTIL - SINCE), 0.33 * (UNTIL - SINCE), off_s=120)


@pytest.mark.parametrize("chunk_s", [10_800.0, 3_000.0])
def test_series_that_expired_before_a_hole_begin_again_behind_it(chunk_s: float) -> None:
    """Their target was seen without them before the hole: they count since then, however history is cut."""
    at = grid(0, END)
    seen = at[(at < CUT) | (at > CUT + 1_500)]
    early, late = seen[seen < CUT - 900], seen[seen > CUT + 1_500]
    shown = [
        series(seen, seen, route="/steady"),
        series(np.append(early, late), np.append(np.full(len(early), 3.0), np.full(len(late), 1.0)), route="/idle"),
    ]
    final, past = History(shown), History(shown)
    assert final.final(SINCE, UNTIL) == past.backwards(SINCE, UNTIL, chunk_s=chunk_s)
    middle = CUT + 700
    assert final.events(SINCE, middle)[0] == pytest.approx(past.events(SINCE, middle)[0], abs=1e-6)


@pytest.mark.parametrize("cuts", [(2_000.0, 11_000.0), (2_000.0, 4_000.0)])
def test_blue_and_green_that_take_turns_behind_one_address(cuts: tuple[float, float]) -> None:
    """Blue returns from zero after hours, and its errors with it, though they stood lower than they do now."""
    first, second = cuts
    at = grid(0, END)
    blue, green = (at < first) | (at >= second), (at >= first) & (at < second)
    again = at >= second
    good = np.where(again, 5 * (at - second), 9_000 + 5 * at)
    bad = np.where(again, np.where(at - second < 300, 0.0, 3 + np.floor((at - second) / 300)), 2.0)
    shown = [
        series(at[blue], good[blue], color="blue"),
        series(at[blue & (bad > 0)], bad[blue & (bad > 0)], "500", color="blue"),
        series(at[green], 5 * (at[green] - first), color="green"),
    ]
    assert_counts(shown, 5 * (UNTIL - SINCE), 3 + (UNTIL - second) // 300)


@pytest.mark.parametrize("until", [7_500.0, 7_740.0, 8_000.0])
def test_runs_of_a_job_that_fall_little_by_little_count_wherever_counts_become_final(until: float) -> None:
    """Each run counts one or two less than the one before, four minutes after it."""
    at = grid(0, END)
    runs = np.array([24.0, 23.0, 22.0, 19.0, 18.0, 26.0])
    shown = [series(at, runs[(at // 240).astype(int) % len(runs)]), series(at, np.zeros(len(at)), "500")]
    final, past = History(shown), History(shown)
    assert final.final(SINCE, until) == past.backwards(SINCE, until)


def test_a_lagging_sample_behind_the_end_of_what_is_final_is_no_run_of_a_job() -> None:
    """A second agent writes into the same series two seconds later, 15 s behind: its falls are corrections."""
    first = np.arange(58.5, END, 60.0)
    at = np.sort(np.concatenate([first, first + 2.2]))
    # The last one before the end of each slot lags as well, so that it stands where the lower level has got to.
    behind_s = np.where(np.isin(at, first), np.where(at % 300 > 290, 10.0, 0.0), 15.0)
    shown = [series(at, 191_000 + 2 * (at - behind_s)), series(at, np.full(len(at), 120.0), "500")]
    assert_counts(shown, 2 * (UNTIL - SINCE), 0, off_s=600)
