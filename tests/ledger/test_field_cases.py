"""Counters as people really have them: each case was reported with a wrong budget or a false page."""

import numpy as np
import pytest

from app.ledger import count, positions_at
from app.slo.arrays import Floats
from tests.ledger.counters import Scraped
from tests.ledger.histories import SCRAPE_S, History, grid

END = 28_800.0
"""Eight hours: most cases are counted at every scrape of them, and what happens halfway is long over by then."""
CUT = END / 2 + 15
SCRAPE_EVENTS = 10 * SCRAPE_S


def growing(times: Floats, start: float, per_second: float) -> Floats:
    """A counter that stood at *start* at time 0."""
    return np.floor(start + per_second * times)


def series(code: str, times: Floats, values: Floats, **more: str) -> tuple[dict[str, str], tuple[Floats, Floats]]:
    return {"__name__": "rq_total", "job": "api", "instance": "a", "code": code, **more}, (times, values)


def counts(history: History, *, since: float = 600.0, until: float = END - 600) -> dict[str, tuple[float, float]]:
    return {
        "live": history.live(since, until),
        "final": history.final(since, until),
        "backwards": history.backwards(since, until),
    }


def assert_close(found: dict[str, tuple[float, float]], total: float, bad: float, *, by: float, bad_by: float) -> None:
    for way, (counted, counted_bad) in found.items():
        assert counted == pytest.approx(total, abs=by), way
        assert counted_bad == pytest.approx(bad, abs=bad_by), way
    assert found["final"] == found["backwards"]


def relabelled() -> History:
    before, after = grid(0, CUT), grid(0, END)
    after = after[after > CUT]
    return History(
        [
            series(code, times, growing(times, start, pace), **labels)
            for code, start, pace in (("200", 10_000_000, 10), ("500", 500_000, 0.002))
            for times, labels in ((before, {}), (after, {"version": "v2"}))
        ]
    )


def test_a_label_that_is_added_is_no_restart() -> None:
    length = END - 1200
    assert_close(counts(relabelled()), 10.002 * length, 0.002 * length, by=2 * SCRAPE_EVENTS, bad_by=2)


def test_one_process_of_a_collector_restarts_and_the_others_go_on() -> None:
    times = grid(0, END)
    frontend = np.where(times < CUT, growing(times, 5_000_000, 20), np.floor(20 * (times - CUT)))
    found = counts(
        History(
            [
                series("200", times, frontend, service_name="frontend"),
                series("200", times, growing(times, 1_000_000, 5), service_name="checkout"),
                series("500", times, growing(times, 60_000, 0.001), service_name="checkout"),
            ]
        )
    )
    assert_close(found, 25.001 * (END - 1200), 0.001 * (END - 1200), by=20 * SCRAPE_S, bad_by=1)


@pytest.mark.parametrize("missed", [0, 2])
def test_a_pod_restarts_beside_young_ones_of_its_target(missed: int) -> None:
    """Pods push without an `instance`, so that all are of one target: those that keep their pace have not restarted."""
    times = grid(0, END)
    shown, length = [], END - 1200
    for number in range(6):
        for code, pace in (("200", 70.0), ("500", 10.0)):
            born = CUT - 90 * (number > 0)
            values = np.floor(pace * np.maximum(times - born, 0))
            if number == 0:
                values = np.where(times <= CUT, growing(times, 0, pace), values)
            seen = (times > born - 1) | (number == 0)
            if number == 0:
                seen &= (times <= CUT - 30 * missed) | (times > CUT)
            at = times[seen] + number * 2.0
            shown.append(series(code, at, values[seen], instance="", pod=f"pod-{number}"))
    true = [pace * (length + 5 * (END - 625 - CUT + 90)) for pace in (80.0, 10.0)]
    unseen = 80.0 * 30 * (missed + 2)
    assert_close(counts(History(shown)), true[0], true[1], by=unseen, bad_by=unseen / 8)


@pytest.mark.parametrize("every_s", [70.0, 110.0])
def test_a_large_counter_of_a_nearly_idle_service_is_corrected(every_s: float) -> None:
    """It does not grow, and the others have not for two scrapes: still it is no job that was run again."""
    times = grid(0, END)
    errors = np.where(times > CUT, 12_999_927.0, 13_000_000.0)
    shown = [series("200", times, growing(times, 9_000_000, 1 / every_s)), series("500", times, errors)]
    assert_close(counts(History(shown)), (END - 1200) / every_s, 0, by=2, bad_by=0)


@pytest.mark.parametrize("by", [301, 420, 5_000, 900_000])
def test_a_counter_that_is_corrected_counts_nothing_for_it(by: int) -> None:
    times = grid(0, END)
    good = growing(times, 10_900_000, 10) - np.where(times > CUT, by, 0)
    history = History([series("200", times, good), series("500", times, growing(times, 500_000, 0.002))])
    assert_close(
        counts(history),
        10.002 * (END - 1200),
        0.002 * (END - 1200),
        by=max(by * (by < 9000), 2 * SCRAPE_EVENTS),
        bad_by=1,
    )
    assert history.dipped


def test_a_good_counter_that_reads_one_less_now_and_then_in_a_total_outage() -> None:
    """Ten minutes into an outage nothing good happens any more, whatever the counter shows."""
    times = grid(0, END)
    good = growing(np.minimum(times, CUT), 300, 10) - (np.arange(len(times)) % 7 == 3) * (times > CUT)
    bad = np.floor(np.maximum(times - CUT, 0) * 10)
    seen = bad > 0
    found = counts(History([series("200", times, good), series("500", times[seen], bad[seen])]), since=CUT)
    assert_close(found, 10 * (END - 600 - CUT), 10 * (END - 600 - CUT), by=400, bad_by=400)


def test_two_replicas_behind_a_proxy_that_switches_between_them() -> None:
    times = grid(0, END)
    late = np.floor(times / 600) % 2 * 12.0
    codes = (("200", 10_000_000, 10), ("500", 500_000, 0.01))
    found = counts(History([series(code, times, growing(times - late, at, pace)) for code, at, pace in codes]))
    assert_close(found, 10.01 * (END - 1200), 0.01 * (END - 1200), by=2 * SCRAPE_EVENTS, bad_by=2)


@pytest.mark.parametrize(
    ("order", "lag_s"), [("in turn", 50.0), ("two by two", 50.0), ("by chance", 120.0), ("by chance", 5_000.0)]
)
def test_two_servers_of_which_one_lags_count_as_one(order: str, lag_s: float) -> None:
    """Each scrape shows one of two servers that have the same counters, one of them behind by more than a scrape."""
    times = grid(0, END)
    number = np.arange(len(times))
    lags = {
        "in turn": number % 2 == 1,
        "two by two": number % 4 > 1,
        "by chance": np.random.default_rng(1).random(len(times)) < 0.5,
    }[order]
    shown = times - lag_s * (lags & (times > CUT))
    codes = (("200", 10_000_000, 10), ("500", 500_000, 0.002))
    since, until = CUT - 1200, CUT + 4 * 3600
    found = counts(
        History([series(code, times, growing(shown, at, pace)) for code, at, pace in codes]), since=since, until=until
    )
    assert_close(found, 10.002 * (until - since), 0.002 * (until - since), by=3 * SCRAPE_EVENTS, bad_by=1)


@pytest.mark.parametrize("begin", [0.0, 7_200.0])
@pytest.mark.parametrize("first", [{"server": "one"}, {}])
def test_a_second_server_counts_once_whatever_its_label(begin: float, first: dict[str, str]) -> None:
    """Its label is in no list: it is there from the start of history or comes later; and so do pods of one scrape."""
    times, late = grid(0, 4 * 3600), grid(begin, 4 * 3600, phase=19.0)
    codes = (("200", 10_000_000, 10), ("500", 500_000, 0.002))
    shown = [
        series(code, at, growing(at, start, pace), **labels)
        for code, start, pace in codes
        for at, labels in ((times, first), (late, {"server": "two"}))
    ]
    pods = [
        series("200", at[:1], np.full(1, 200.0), **(labels | {"instance": "pod"}))
        for at, labels in ((times[times > 10_800], first), (late[late > 10_800], {"server": "two"}))
    ]
    history = History([*shown, *pods])
    total, bad = history.final(600, 13_800)
    assert history.backwards(600, 13_800) == (total, bad)
    assert total == pytest.approx(10.002 * 13_200 + 200, abs=SCRAPE_EVENTS)
    assert bad == 26


def test_counters_of_one_scrape_that_grow_alike_are_two() -> None:
    """Two routes that are always asked together."""
    times = grid(0, 3 * 3600)
    found = History([series("200", times, growing(times, 1000, 10), route=route) for route in ("/a", "/b")])
    assert found.final(600, 10_200) == found.backwards(600, 10_200) == (2 * 96_000, 0)


def test_a_counter_that_wraps_is_no_restart_of_others() -> None:
    times = grid(0, 3 * 3600)
    good, bad = growing(times, 2**32 - 50_000, 10) % 2**32, growing(times, 16, 0.001)
    found = History([series("200", times, good), series("500", times, bad)])
    assert found.final(600, 10_200) == found.backwards(600, 10_200) == (96_010, 10)


def test_errors_that_return_under_another_label_are_not_new() -> None:
    """Their label changed while they were expired: they have the value that they had half an hour before."""
    times = grid(0, 10_800)
    before, after = times[times < 3600], times[times > 5400]
    bad = [
        series("500", before, np.minimum(growing(before, 0, 0.02), 36)),
        series("503", after, np.full(len(after), 36.0)),
    ]
    found = counts(History([series("200", times, growing(times, 5000, 10)), *bad]), since=2400, until=10_200)
    assert [bad for _, bad in found.values()] == [0, 0, 0]


@pytest.mark.parametrize("order", ["by chance", "in turn"])
def test_two_servers_behind_one_balancer_are_not_thousands_of_restarts(order: str) -> None:
    """A level that is lower than before is another server: what one of them counts is counted."""
    end = END / 2
    times = grid(0, end)
    which = (
        np.random.default_rng(1).random(len(times)) < 0.5 if order == "by chance" else np.arange(len(times)) % 2 == 1
    )
    values = {
        code: np.where(which, growing(times, start, pace), growing(times, 0.8 * start, pace))
        for code, start, pace in (("200", 5_000_000, 5), ("500", 60_000, 0.05))
    }
    found = counts(History([series(code, times, each) for code, each in values.items()]), until=end - 600)
    for total, bad in found.values():
        assert total == pytest.approx(5.05 * (end - 1200), abs=2 * SCRAPE_EVENTS)
        assert bad == pytest.approx(0.05 * (end - 1200), abs=4)


def test_containers_of_one_target_with_timestamps_of_their_own() -> None:
    """The first scrape of an old target takes eleven seconds; none of it is new."""
    begin = 6 * 3600.0
    found = counts(
        History(
            [
                series(
                    code,
                    grid(begin, END) + 1.1 * number,
                    growing(grid(begin, END), at + number * 1000, pace),
                    id=str(number),
                )
                for number in range(10)
                for code, at, pace in (("200", 5e9, 10), ("500", 4e7, 0.01))
            ]
        )
    )
    length = END - 600 - begin
    assert_close(found, 100.1 * length, 0.1 * length, by=12 * SCRAPE_EVENTS, bad_by=15)


def test_an_error_counter_that_expires_and_returns_goes_on() -> None:
    times = grid(0, END)
    seen = (times < END / 4) | (times > END / 2)
    bad = growing(times, 60_000, 0.05)
    found = counts(
        History([series("200", times, growing(times, 10_000_000, 10)), series("500", times[seen], bad[seen])])
    )
    assert_close(found, 10.05 * (END - 1200), 0.05 * (END - 1200), by=SCRAPE_EVENTS, bad_by=3)


def test_errors_of_a_total_outage_count_from_the_first() -> None:
    times = grid(0, END)
    good, bad = growing(np.minimum(times, CUT), 0, 10), np.floor(np.maximum(times - CUT, 0) * 12)
    found = counts(History([series("200", times, good), series("500", times[bad > 0], bad[bad > 0])]))
    length = END - 600 - CUT
    assert_close(found, 10 * (CUT - 600) + 12 * length, 12 * length, by=SCRAPE_EVENTS, bad_by=SCRAPE_EVENTS)


def test_runs_of_a_batch_job_behind_a_pushgateway_are_counted_as_by_increase() -> None:
    """Each run writes its counts at once, ten minutes after the one before; fewer than before count in full."""
    times, dice = grid(0, END), np.random.default_rng(3)
    runs = np.arange(int(END / 600) + 1)
    good, bad = dice.integers(800, 1200, len(runs)).astype(float), dice.integers(0, 3, len(runs)).astype(float)
    run = (times // 600).astype(int)
    found = counts(History([series("200", times, good[run]), series("500", times, bad[run])]))
    steps = np.diff(good[run])
    expected = np.where(steps < 0, good[run][1:], steps).sum()
    for total, _ in found.values():
        assert total == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(287, 63)] * 5, id="just begun"),
        pytest.param([(1, 1), (174_951, 49), (174_951, 49), (174_951, 49)], id="traffic that has just changed"),
        pytest.param([(21, 49), (2149, 4851), (2149, 4851)], id="after one step at the new pace"),
        pytest.param([(50, 0)] * 3 + [(0, 50)] * 3, id="in a total outage"),
    ],
)
def test_a_restart_counts_at_once_whatever_the_pace_was_before(steps: list[tuple[int, int]]) -> None:
    """After half an hour without events come *steps*, good and bad, and with the last of them both begin from zero."""
    events = np.array([(0, 0)] * 60 + steps, dtype=np.float64)
    values = np.cumsum(events, axis=0)
    values[-1] = events[-1]
    times: Floats = SCRAPE_S * np.arange(1, len(events) + 1, dtype=np.float64)
    history = History([series("200", times, values[:, 0]), series("500", times, values[:, 1])])
    found = history.live(0, float(times[-1]))
    assert found == (events.sum(), events[:, 1].sum())


def test_errors_that_appear_on_an_idle_target_are_new() -> None:
    times: Floats = SCRAPE_S * np.arange(1, 62, dtype=np.float64)
    values = np.zeros(len(times))
    history = History([series("200", times, values), series("500", times[-1:], values[-1:] + 50)])
    assert history.live(0, float(times[-1])) == (50, 50)


@pytest.mark.parametrize("scrape_s", [15.0, 30.0, 60.0, 120.0, 300.0])
@pytest.mark.parametrize("pods", [1, 3])
def test_restarts_in_place_count_at_once_at_every_scrape_interval(scrape_s: float, pods: int) -> None:
    """Pods restart in place one by one, half a scrape before they are scraped again; nothing later is known."""
    end = 40 * scrape_s
    found = []
    for pod in range(pods):
        times = np.arange(3.0 + pod, end, scrape_s)
        restart = times[30 + 3 * pod] - scrape_s / 2
        for code, pace in (("200", 10.0), ("500", 1.0)):
            values = np.floor(pace * np.where(times > restart, times - restart, times + 5_000))
            labels = {"instance": f"pod-{pod}", "job": "api", "code": code}
            found.append((labels, (times, values)))
    total, bad = History(found).live(10 * scrape_s, end, slot_s=max(scrape_s, 30.0))
    # What each pod counted between its last scrape and its restart is nowhere to be seen.
    unseen = pods * scrape_s / 2
    assert total == pytest.approx(11 * (30 * scrape_s * pods - unseen), abs=scrape_s * pods)
    assert bad == pytest.approx(30 * scrape_s * pods - unseen, abs=0.1 * scrape_s * pods)


@pytest.mark.parametrize(("shown", "every"), [(11, 38), (3, 8)], ids=["five minutes", "a minute"])
def test_errors_that_begin_again_after_their_series_expired_count(shown: int, every: int) -> None:
    """Bursts within one scrape each, in every so many scrapes; an exporter forgets an idle series after a while."""
    times = grid(0, END)
    bursts = 100.0 - 7 * (np.arange(len(times) // every + 1) % 10)
    place, number = np.arange(len(times)) % every, np.arange(len(times)) // every
    errors: Floats = bursts[number].astype(np.float64)
    there = place < shown
    found = counts(
        History([series("200", times, growing(times, 5_000_000, 10)), series("500", times[there], errors[there])])
    )
    within = bursts[(every * np.arange(len(bursts)) >= 600 / SCRAPE_S) & (np.arange(len(bursts)) < number[-1])]
    rises = np.maximum(np.diff(bursts), 0)
    missed = (bursts[:-1] * (rises > 0)).sum()
    for way, (_, bad) in found.items():
        assert bad == pytest.approx(within.sum() - missed, abs=200), way


@pytest.mark.parametrize(("first", "counted"), [(2400, 2400), (900_050, 359)], ids=["deployed", "relabelled"])
def test_series_that_begin_behind_an_outage_count_what_they_can_have_counted_in_it(first: int, counted: int) -> None:
    """A series under another label has not fallen, and counts what it grew; one that is lower began in the outage."""
    times = grid(0, 3 * 3600)
    before, after = times[times < 3600], times[times > 4500]
    good = [growing(before, 863_950, 10), growing(after - after[0], first, 10)]
    bad = [growing(before, 46, 0.001), growing(after - after[0], 1, 0.001)]
    history = History(
        [
            series(code, at, values, version=version)
            for code, (old, new) in (("200", good), ("500", bad))
            for version, at, values in (("v1", before, old), ("v2", after, new))
        ]
    )
    since, until = 600.0, 9600.0
    seen = growing(before, 863_950, 10)[before > since - SCRAPE_S]
    expected = seen[-1] - seen[0] + counted + 10 * (until - 25 - after[0])
    for way, (total, _) in counts(history, since=since, until=until).items():
        assert total == pytest.approx(expected, abs=15), way


@pytest.mark.parametrize("every", [8, 9, 13, 24])
@pytest.mark.parametrize("scale", [1, 30])
def test_a_job_that_runs_every_few_minutes_behind_a_pushgateway_is_counted_no_worse_than_by_increase(
    every: int, scale: int
) -> None:
    """Its runs write nearly equal counts, each at once; falls count in full, whatever the last run counted."""
    times, dice = grid(0, END / 2), np.random.default_rng(every)
    run = np.arange(len(times)) // every
    runs = np.arange(int(run[-1]) + 1)
    good = dice.poisson(40 * scale, len(runs)).astype(float)
    bad = dice.integers(0, 3, len(runs)).astype(float)
    found = counts(
        History([series("200", times, good[run]), series("500", times, bad[run])]), since=600, until=END / 2 - 900
    )
    inside = (times[::every][: len(runs)] > 600) & (times[::every][: len(runs)] <= END / 2 - 900)
    steps = np.append(0.0, np.diff(good))
    by_increase = np.where(steps < 0, good, np.maximum(steps, 0))[inside].sum()
    for way in ("final", "backwards"):
        total, _ = found[way]
        assert by_increase * 0.93 <= total <= good[inside].sum(), way


def test_a_still_counter_that_reads_less_for_a_moment_counts_nothing_for_it() -> None:
    """Nothing happens on the target; one scrape, or three, show one less, or fifty."""
    times = grid(0, 3 * 3600)
    good = np.full(len(times), 900_000.0)
    for first, length, by in ((60, 1, 1), (100, 3, 1), (140, 1, 2), (200, 2, 50)):
        good[first : first + length] -= by
    found = counts(History([series("200", times, good)]), since=600, until=9000)
    assert {way: total for way, (total, _) in found.items()} == {"live": 0, "final": 0, "backwards": 0}


@pytest.mark.parametrize("errors", [7_600, 300])
@pytest.mark.parametrize("shown", [[1, 0, 1, 0, 0, 1, 1], [0, 1, 1, 0, 1, 1, 1], [1, 1, 0, 1, 0, 1, 1]])
def test_a_reload_during_which_the_old_process_still_answers_some_scrapes(errors: int, shown: list[int]) -> None:
    """The new process has had no errors yet, so that those of the old one vanish and come back."""
    times = grid(0, 3 * 3600)
    cut = int(np.searchsorted(times, 5400.0))
    new = times >= 5400.0
    new[cut : cut + len(shown)] = np.array(shown) == 1
    good = np.where(new, np.floor(10 * (times - 5390)), growing(np.minimum(times, 5400), 600_000, 10))
    bad = np.full(len(times), float(errors))
    history = History([series("200", times, good), series("500", times[~new], bad[~new])])
    for way, (total, found) in counts(history, since=600, until=9600).items():
        assert found == 0, way
        assert total == pytest.approx(10 * 9000, abs=8 * SCRAPE_EVENTS), way


@pytest.mark.parametrize("before_s", [0.001, 5.0, 14.0])
def test_zeros_that_are_written_before_scrapes_are_no_restarts(before_s: float) -> None:
    """Of an exporter whose created timestamps are always new, Prometheus writes a zero before each sample."""
    times = grid(0, END)
    zeros = times[(times > CUT) & (times < CUT + 3600)] - before_s
    both = np.concatenate([times, zeros])
    order = np.argsort(both)

    def injected(values: Floats) -> tuple[Floats, Floats]:
        return both[order], np.concatenate([values, np.zeros(len(zeros))])[order]

    good, bad = growing(times, 5_000_000, 10), growing(times, 50, 0.002)
    found = counts(History([series("200", *injected(good)), series("500", *injected(bad))]))
    assert_close(found, 10.002 * (END - 1200), 0.002 * (END - 1200), by=2 * SCRAPE_EVENTS, bad_by=2)


def test_sums_whose_last_digits_wobble_have_not_fallen() -> None:
    """A recording rule adds up floats in any order."""
    times = grid(0, END)
    wobble = 1 + np.where(np.arange(len(times)) % 3, 3e-16, 0.0)
    good, bad = (5_000_000 + 10 * times) / 3 * wobble, np.floor(50 + 0.002 * times) / 10 * wobble
    for total, errors in counts(History([series("200", times, good), series("500", times, bad)])).values():
        assert total == pytest.approx(10 / 3 * (END - 1200), abs=2 * SCRAPE_EVENTS)
        assert errors == pytest.approx(0.0002 * (END - 1200), abs=0.2)


def test_many_counters_that_appear_at_once_are_new_as_far_as_all_of_them_are_plausible() -> None:
    """Routes that were dropped when their target was scraped are kept from now on: none of them alone looks old."""
    times = grid(0, END)
    late = times[times > CUT]
    routes = [series("500", late, growing(late - CUT, 200, 0.001), route=f"/{route}") for route in range(40)]
    found = counts(History([series("200", times, growing(times, 1_000_000, 10)), *routes]))
    assert_close(found, (10 + 0.02) * (END - 1200), 0.02 * (END - 1200), by=2 * SCRAPE_EVENTS, bad_by=50)


@pytest.mark.parametrize(("again", "counted"), [(898, 898), (895, 895), (889, 0)])
def test_a_job_that_shows_zero_before_its_next_counts_is_no_dip_unless_it_is_back_to_the_event(
    again: int, counted: int
) -> None:
    times = grid(0, 3 * 3600)
    good = np.where(times < 5400, 889.0, float(again))
    good[np.searchsorted(times, 5400.0)] = 0
    for way, (total, _) in counts(History([series("200", times, good)]), since=600, until=9000).items():
        assert total == counted, way


def test_a_sum_over_pods_that_loses_one_pod_after_another_is_no_restart() -> None:
    """A recorded sum: each pod that goes takes its past with it, of errors a larger share than of requests."""
    times = grid(0, 3 * 3600)
    good, bad = growing(times, 209_000_000, 500), growing(times, 3_100, 0.6)
    for at, lost, lost_bad in ((5400, 412_763, 431), (5580, 206_625, 501)):
        good, bad = good - lost * (times > at), bad - lost_bad * (times > at)
    for way, (total, found) in counts(
        History([series("200", times, good), series("500", times, bad)]), since=600, until=9000
    ).items():
        assert found == pytest.approx(0.6 * 8400, abs=3 * 18), way
        assert total == pytest.approx(500.6 * 8400, abs=3 * 15_018), way


@pytest.mark.parametrize("every", [6, 8, 17, 18])
def test_runs_of_a_job_are_counted_alike_wherever_history_is_cut(every: int) -> None:
    """Nearly equal counts, at most a scrape after another piece of history begins; only small differences are lost."""
    times, dice = grid(0, END / 4), np.random.default_rng(every)
    run = np.arange(len(times)) // every
    good = np.floor(9_100 + 90 * dice.standard_normal(int(run[-1]) + 1))[run]
    history = History([series("200", times, good)])
    final, _ = history.final(600, END / 4 - 900)
    for chunk_s in (900.0, 1_800.0):
        backwards, _ = history.backwards(600, END / 4 - 900, chunk_s=chunk_s)
        assert backwards == pytest.approx(final, abs=3_000), chunk_s


def test_what_another_server_shows_of_the_process_before_a_restart_is_nothing_new() -> None:
    """Of two servers behind a balancer one has shown the restart; the other one shows the errors of before it later."""
    times = SCRAPE_S * np.arange(1, 80)
    good = np.where(times < 1800, 90_000 + 10 * times, 10 * (times - 1790))
    bad = [(at, 30.0) for at in [*times[times < 1800].tolist(), 1772.0]]
    scraped = Scraped({("a", 0): list(zip(times.tolist(), good.tolist(), strict=True)), ("a", 1): sorted(bad)})
    cursor = positions_at(scraped.between(0, 900), scraped.registry, until=900)
    known = scraped.between(900, 1815)
    cursor = count(known.only(known.time != 1772), cursor, scraped.registry, until=1815).cursor
    counted = count(scraped.between(1700, 1845), cursor, scraped.registry, until=1845)
    found = counted.with_first_samples(scraped.registry)
    assert (found.total.sum(), found.bad.sum()) == (300, 0)


def test_counters_of_about_the_same_value_are_not_mixed_up_when_their_instance_changes() -> None:
    """Six routes of a target that is away for three minutes: the series that differs in less goes on, and no other."""
    times = grid(CUT - 7200, CUT + 10_800)
    dice, parts = np.random.default_rng(2), [(times <= CUT, "a"), (times > CUT + 180, "10.0.7.9")]
    routes = [20 + 5 * (route % 3) + route + np.cumsum(dice.poisson(0.8, len(times))) for route in range(6)]
    history = History(
        [
            series("200", times[part], values[part].astype(float), route=f"/{route}", instance=instance)
            for route, values in enumerate(routes)
            for part, instance in parts
        ]
    )
    since, until = CUT - 3600, CUT + 7200
    shown = np.flatnonzero((times > since) & (times <= until))
    total = float(sum(values[shown[-1]] - values[shown[0] - 1] for values in routes))
    found = {"final": history.final(since, until), "backwards": history.backwards(since, until)}
    assert_close(found, total, 0, by=6, bad_by=0)


def test_a_burst_of_errors_is_no_return_to_a_level_of_a_few_events_before() -> None:
    """A counter was corrected by four events; half an hour later a scrape shows as many at once, as chance has it."""
    times = grid(0, 3 * 3600)
    bad = 300 + np.floor(0.03 * times) - 4 * (times > 5400) + 4 * (times > 7200)
    history = History([series("200", times, growing(times, 90_000, 2)), series("500", times, bad)])
    for way, (_, errors) in counts(history, since=600, until=9000).items():
        assert errors == pytest.approx(0.03 * 8400 + 4, abs=1.5), way


@pytest.mark.parametrize(("seed", "away_s"), [(0, 0), (2, 40)])
def test_series_that_change_places_between_shards_are_not_renamed_into_each_other(seed: int, away_s: int) -> None:
    """Eight objects that are equally busy are shared out anew between two shards, at once or by a restart."""
    times, dice = grid(0, 3 * 3600), np.random.default_rng(seed)
    before, after = times <= 5400, times > 5400 + away_s
    first, moves = dice.random(8) < 0.5, dice.random(8) < 0.5
    shown = []
    for number in range(8):
        values: Floats = np.cumsum(dice.poisson(1500, len(times))).astype(np.float64)
        for part, shard in ((before, first[number]), (after, first[number] ^ moves[number])):
            labels = {"route": f"/{number}", "instance": f"shard-{int(shard)}"}
            shown.append(series("200", times[part], values[part], **labels))
    for way, (total, _) in counts(History(shown), since=600, until=9000).items():
        assert total == pytest.approx(8 * 50 * 8400, rel=0.01 if way == "live" else 0.002), way
