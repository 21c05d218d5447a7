"""Series that two servers write under labels of their own are counted once; equally busy counters are two."""

import numpy as np
import pytest

from app.ledger import LOOKBACK_S, CounterKey, Registry, RowKey
from app.ledger.counting import copies
from app.ledger.registry import Agreement
from app.slo import Weights
from app.slo.arrays import Floats
from tests.ledger.histories import History, Labels, Points

HOUR = 3600.0


def series(code: str, points: Points, more: Labels) -> tuple[Labels, Points]:
    return {"__name__": "rq_total", "job": "api", "instance": "a", "code": code, **more}, points


def scraped(phase: float, end: float, interval_s: float = 30.0) -> Floats:
    return np.arange(phase, end, interval_s)


def counted_at(times: Floats, events: Floats) -> Floats:
    """The values at some times of a counter that counted *events* in each second."""
    whole = np.concatenate([np.zeros(1), np.cumsum(events)])
    values: Floats = whole[np.floor(times).astype(int)]
    return values


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"cluster": "a", "region": "eu"}, {"cluster": "b", "region": "us"}),
        ({"prometheus": "mon", "replica": "0"}, {"prometheus": "ops", "shard": "1"}),
        ({}, {"vantage": "two", "origin": "thanos"}),
        ({"monitor": "a", "dc": "x", "env": "p"}, {"monitor": "b", "dc": "y", "env": "q"}),
        ({"vantage": "one"}, {"vantage": "two"}),
    ],
)
@pytest.mark.parametrize("begins", [0.0, 1.5 * HOUR])
def test_a_second_server_counts_once_by_whatever_labels_it_differs(
    first: Labels, second: Labels, begins: float
) -> None:
    """Three routes of unsteady traffic and their errors, in live slots as in history."""
    dice, end = np.random.default_rng(7), 3 * HOUR
    shown = []
    for number, rate in enumerate((20.0, 5.0, 0.2)):
        for code, pace in (("200", rate), ("500", rate / 50)):
            events = dice.poisson(pace * (1 + np.sin(np.arange(int(end)) / 900))).astype(np.float64)
            one, two = scraped(5.0, end), scraped(19.4, end)
            route = {"route": f"/{number}"}
            shown.append(series(code, (one, 5000 + counted_at(one, events)), {**route, **first}))
            two = two[two >= begins]
            shown.append(series(code, (two, 5000 + counted_at(two, events)), {**route, **second}))
    alone = History([each for each in shown if second.items() - each[0].items()])
    both = History(shown)
    since, until = 900.0, 9900.0
    expected = alone.final(since, until)
    scrape = (2 * 25.2 * 1.02 * 30, 2 * 25.2 / 50 * 30)
    for found in (both.final(since, until), both.backwards(since, until)):
        assert found[0] == pytest.approx(expected[0], abs=scrape[0])
        assert found[1] == pytest.approx(expected[1], abs=scrape[1] + 3)


@pytest.mark.parametrize("past", [0.0, 60.0])
def test_a_second_server_of_counters_that_were_small_counts_once(past: float) -> None:
    """Both begin to scrape a service of few requests, and its counters prove nothing until they have counted more."""
    dice, end = np.random.default_rng(3), 4 * HOUR
    events = dice.poisson(0.1, int(end)).astype(np.float64)
    first, second = scraped(5.0, end), scraped(19.4, end)
    labelled = ((first, {"cluster": "a"}), (second, {"cluster": "b"}))
    history = History([series("200", (at, past + counted_at(at, events)), labels) for at, labels in labelled])
    since, until = 2 * HOUR, end - 600
    true = events[int(since) : int(until)].sum()
    for count in (history.final, history.backwards):
        count(600.0, until)
        assert history.events(since, until)[0] == pytest.approx(true, abs=10)


def test_a_second_server_of_a_counter_that_restarted_counts_once() -> None:
    """What it counts at the end is less than at the beginning, and no less a proof."""
    dice, end = np.random.default_rng(5), 3 * HOUR
    events = dice.poisson(20, int(end)).astype(np.float64)
    cut = 2.5 * HOUR
    whole = 400_000 + np.cumsum(events)
    whole[int(cut) :] -= whole[int(cut)]
    shown = []
    for phase, labels in ((5.0, {"cluster": "a"}), (19.4, {"cluster": "b"})):
        at = scraped(phase, end)
        shown.append(series("200", (at, whole[np.floor(at).astype(int)]), labels))
    history, since, until = History(shown), 900.0, end - 600
    true = events[int(since) : int(until)].sum()
    for found in (history.backwards(since, until), history.final(since, until)):
        assert found[0] == pytest.approx(true, abs=2000)


@pytest.mark.parametrize("labels", [("tenant",), ("tenant", "plan")], ids=["one label", "two labels"])
@pytest.mark.parametrize("apart_s", [0.0, 2.0, 14.4, 28.0])
def test_equally_busy_counters_of_one_target_are_two(labels: tuple[str, ...], apart_s: float) -> None:
    """Both began at zero in the same second and serve the same traffic: none becomes one by chance."""
    end, since, until = 3600.0, 900.0, 2700.0
    merged = 0
    for seed in range(60):
        dice = np.random.default_rng(seed)
        rate = float(np.exp(dice.uniform(np.log(0.5), np.log(500))))
        shown = []
        for side, phase in (("a", 1.0), ("b", 1.0 + apart_s)):
            times = scraped(phase, end)
            values = counted_at(times, dice.poisson(rate, int(end)).astype(np.float64))
            shown.append(series("200", (times, values), {name: f"{name}-{side}" for name in labels}))
        total, _ = History(shown).final(since, until)
        merged += total < 1.5 * rate * (until - since)
    assert merged == 0


def test_a_label_of_two_values_in_one_scrape_names_what_is_counted() -> None:
    labelled = [(5.0, {"tenant": "a"}), (5.0, {"tenant": "b"}), (5.0, {"plan": "x"}), (19.0, {"plan": "y"})]
    assert copies._varying(labelled) == {"tenant", "plan"}
    assert copies._varying(labelled[2:]) == frozenset()


def test_equally_busy_pods_are_two_even_if_a_balancer_serves_them_in_turn() -> None:
    """No chance tells them apart, but their label names what is counted."""
    times, end = scraped(5.0, 2 * HOUR), 2 * HOUR
    late = scraped(19.0, end)
    shown = [series("200", (at, np.floor(10 * at)), {"pod": pod}) for pod, at in (("web-0", times), ("web-1", late))]
    assert History(shown).final(900, 6300)[0] == pytest.approx(2 * 10 * 5400, abs=600)


def test_routes_of_few_events_that_expire_side_by_side_are_no_copies() -> None:
    """An exporter forgets each after ten idle minutes, and others begin in the same scrapes, all with few events."""
    dice, end, shown = np.random.default_rng(11), 6 * HOUR, []
    times = scraped(5.0, end)
    shown.append(series("200", (times, np.floor(times)), {"route": "/steady"}))
    for number in range(12):
        at = np.cumsum(dice.exponential(700.0, 60))
        lives = np.split(at, np.flatnonzero(np.diff(at) > 600) + 1)
        parts = [times[(times >= life[0]) & (times < life[-1] + 600)] for life in lives]
        values = [np.searchsorted(life, part, side="right") for life, part in zip(lives, parts, strict=True)]
        points = np.concatenate(parts), np.concatenate(values).astype(np.float64)
        shown.append(series("200", points, {"route": f"/{number}"}))
    live, past = History(shown), History(shown)
    assert live.final(900, 20_000) == past.backwards(900, 20_000)
    assert live.copies == past.copies == ()


@pytest.mark.parametrize("begins", [1.5 * HOUR, 1.5 * HOUR + 170])
def test_small_counters_that_are_exported_twice_count_once(begins: float) -> None:
    """A library adds a label to each of them and goes on with the old ones: none is large enough to be proof alone."""
    dice, end, shown = np.random.default_rng(5), 3 * HOUR, []
    times = scraped(5.0, end)
    for number, (code, past) in enumerate((("200", 41), ("500", 38), ("200", 29), ("200", 0))):
        values = past + counted_at(times, dice.poisson(0.004, int(end)).astype(np.float64))
        late = times > begins
        shown.append(series(code, (times, values), {"route": f"/{number}"}))
        shown.append(series(code, (times[late], values[late]), {"route": f"/{number}", "handler": "all"}))
    alone, live, past_ = History(shown[::2]), History(shown), History(shown)
    assert live.final(900, 9000) == alone.final(900, 9000)
    assert past_.backwards(900, 9000, chunk_s=9000) == alone.final(900, 9000)


def test_jobs_that_follow_each_other_are_not_one_that_was_renamed() -> None:
    """Each lives for two scrapes and has counted about what the one before had: it may as well have begun at zero."""
    times = scraped(5.0, HOUR)
    shown = [series("200", (times, np.floor(times)), {"instance": "steady"})]
    for number, first in enumerate((9_000.0, 15_000.0, 4_000.0, 19_000.0)):
        points = 1805.0 + 60 * number + np.array([0.0, 30.0]), first + np.array([0.0, 21_000.0])
        shown.append(series("200", points, {"instance": f"job-{number}"}))
    history = History(shown)
    history.final(900, 2700)
    assert history.copies == ()


@pytest.mark.parametrize("older_first", [False, True])
def test_samples_agree_once_however_they_are_read(older_first: bool) -> None:
    """Live counting reads on, history back; what is read twice proves nothing more."""
    agreement, parts = Agreement(), [np.arange(0.0, 300, 30), np.arange(150.0, 600, 30)]
    for times in reversed(parts) if older_first else parts:
        agreement.agree(times)
    assert agreement.samples == 20


def containers(appear_s: float, end: float) -> list[tuple[Labels, Points]]:
    """Ten containers of one target that count alike, each with timestamps of its own, beside one that was there."""
    times = scraped(appear_s, end)
    shown = [series("200", (scraped(7.0, end), 4_000.0 + np.floor(5 * scraped(7.0, end))), {"instance": "b"})]
    for number in range(10):
        at = times + 1.1 * number
        shown += [
            series(code, (at, start + np.floor(pace * at)), {"container": f"c{number}"})
            for code, start, pace in (("200", 5e9, 50.0), ("500", 4e7, 0.01))
        ]
    return shown


@pytest.mark.parametrize("edge_s", [-1.0, 0.0, 0.5, 5.0, 10.5])
def test_series_of_one_scrape_with_times_of_their_own_are_no_copies(edge_s: float) -> None:
    """Wherever what is read ends or begins between their first samples, in live slots as in pieces of history."""
    appear_s, end = 1207.0, 3600.0
    cut, until = appear_s + edge_s, appear_s + edge_s + 3 * 570.0
    # A piece of 570 s reads what came in the 660 s before it; of these, the first 90 s show what was there.
    live, past = History(containers(appear_s, end)), History(containers(appear_s, end))
    for found in (
        live.live(cut - 60.0, until, hindsight_s=LOOKBACK_S, slot_s=5.0),
        past.backwards(cut - 60.0, until, chunk_s=570.0),
    ):
        assert found[0] == pytest.approx(500.1 * (until - appear_s - 15.0) + 5 * (until - cut + 60.0), abs=500 * 20)
    assert live.copies == past.copies == ()


def test_a_pair_that_was_looked_at_is_no_more_to_be_looked_at() -> None:
    registry = Registry()
    registry.row(RowKey("sli", ()))
    for number, (code, replica) in enumerate((("200", "a"), ("200", "b"), ("500", "a"), ("500", "b"))):
        labels = (("__name__", "rq_total"), ("code", code), ("prometheus_replica", replica))
        registry.counter(0, CounterKey(number, 0), Weights(total=1.0, bad=0.0), labels)
    assert [*registry.copies] == [(1, 0), (3, 2)]
    registry.copy_is_settled(1)
    assert [*registry.copies] == [(3, 2)]
    registry.unite(3, 2)
    assert [*registry.copies] == []
