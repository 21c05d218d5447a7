"""Series that go on under other labels while nothing is scraped: what they grew in the hole counts, not their past."""

import numpy as np
import pytest

from app.ledger import CounterKey, RowKey
from app.ledger.counting import count
from app.ledger.counting.copies import Link
from app.ledger.counting.series_links import find_links
from app.ledger.counting.steps import SampleContext
from app.ledger.counting.takeovers import Stood, grown_since_ended
from app.ledger.registry import Registry
from app.slo import Weights
from app.slo.arrays import Floats, Ints
from tests.ledger.histories import History, grid

END = 14_400.0
CUT = 7_000.0
HOLES_S = [200.0, 310.0, 330.0, 1_260.0]
Parts = list[tuple[dict[str, str], float, float]]
"""Labels, the value at time 0 and events per second of counters."""


def over_a_hole(before: Parts, after: Parts, *, hole_s: float) -> History:
    """Counters that are seen up to a hole, and others from its end on."""
    times = grid(0, END)
    seen = ((before, times[times <= CUT]), (after, times[times > CUT + hole_s]))
    points: dict[tuple[tuple[str, str], ...], list[tuple[Floats, Floats]]] = {}
    for parts, at in seen:
        for labels, start, pace in parts:
            of_series = points.setdefault(tuple(sorted(labels.items())), [])
            of_series.append((at, np.floor(start + pace * at)))
    return History(
        [
            ({"__name__": "rq_total", "job": "api", **dict(labels)}, tuple(map(np.concatenate, zip(*of, strict=True))))  # type: ignore[misc]
            for labels, of in points.items()
        ]
    )


def counter(code: str, start: float, pace: float, **more: str) -> tuple[dict[str, str], float, float]:
    return {"instance": "a", "code": code, **more}, start, pace


def assert_counts(history: History, total: float, bad: float) -> None:
    """By all ways of counting, live and history to the event."""
    since, until = 600.0, END - 600
    found = {
        "live": history.live(since, until, slot_s=60.0),
        "final": history.final(since, until),
        "backwards": history.backwards(since, until),
    }
    for way, counted in found.items():
        assert counted[0] == pytest.approx(total, abs=700), way
        assert counted[1] == pytest.approx(bad, abs=6), way
    assert found["final"] == found["backwards"]


@pytest.mark.parametrize("hole_s", HOLES_S)
@pytest.mark.parametrize("errors", [20, 2_000_000])
def test_errors_under_another_code_count_what_happened_in_the_hole(hole_s: float, errors: int) -> None:
    """Neither are the errors of a life those of the hole, which pages, nor are they none, which hides an incident."""
    good = [counter("200", 8_000_000, 20, instance=name) for name in ("a", "b")]
    before = [counter("500", errors, 0.05, instance=name) for name in ("a", "b")]
    after = [counter("503", errors, 0.05, instance=name) for name in ("a", "b")]
    length = END - 1200
    history = over_a_hole([*good, *before], [*good, *after], hole_s=hole_s)
    assert_counts(history, 40.1 * length, 0.1 * length)


@pytest.mark.parametrize("hole_s", HOLES_S)
@pytest.mark.parametrize("more", [{"version": "v2"}, {"team": "shop", "tier": "web"}])
def test_a_target_that_is_relabelled_as_a_whole_goes_on(hole_s: float, more: dict[str, str]) -> None:
    before = [counter("200", 300_000, 10), counter("500", 400, 0.02)]
    after = [counter("200", 300_000, 10, **more), counter("500", 400, 0.02, **more)]
    length = END - 1200
    assert_counts(over_a_hole(before, after, hole_s=hole_s), 10.02 * length, 0.02 * length)


@pytest.mark.parametrize("hole_s", [400.0, 1_260.0, 3_600.0])
def test_the_first_errors_of_a_relabelled_target_are_counted_with_its_good_events(hole_s: float) -> None:
    """Otherwise the good events of the hole would hide them."""
    before = [counter("200", 300_000, 10)]
    after = [counter("200", 300_000, 10, version="v2"), counter("500", -CUT / 10, 0.1, version="v2")]
    until = END - 600
    history = over_a_hole(before, after, hole_s=hole_s)
    assert_counts(history, 10 * (END - 1200) + 0.1 * (until - CUT), 0.1 * (until - CUT))


@pytest.mark.parametrize(
    ("good", "may_be"),
    [
        # More than the two events by which a copy may lag: it has fallen, whatever its errors have.
        (997.0, False),
        (998.0, True),
        (2_000.0, True),
    ],
)
def test_a_target_may_be_renamed_if_the_largest_of_its_new_counters_has_not_fallen(good: float, may_be: bool) -> None:
    """Its errors may have begun again; and what counts errors is none that counts requests."""
    registry = Registry()
    row = registry.row(RowKey("sli", ()))
    for number, bad in enumerate((0.0, 1.0, 1.0, 0.0)):
        registry.counter(row, CounterKey(number, 1), Weights(total=1.0, bad=bad))
    before = Stood(counter=np.array([0, 1]), value=np.array([1_000.0, 50.0]))
    after = Stood(counter=np.array([2, 3]), value=np.array([3.0, good]))
    assert before.may_continue_as(after, registry.arrays) is may_be


@pytest.mark.parametrize("hole_s", [1_260.0, 3_600.0])
def test_a_restart_in_the_hole_ends_all_that_was_before(hole_s: float) -> None:
    """What is counted of the target from zero is that of its new process, also its errors of another code."""
    before = [counter("200", 300_000, 10), counter("500", 40, 0)]
    began = CUT + hole_s / 2
    after = [counter("200", -10 * began, 10), counter("503", -0.05 * began, 0.05)]
    until = END - 600
    seen = 10 * (CUT - 600) + 10.05 * (until - began)
    assert_counts(over_a_hole(before, after, hole_s=hole_s), seen, 0.05 * (until - began))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_label_that_came_in_a_hole_and_goes_again(restarted: bool) -> None:
    """The series of before the hole go on where those with the label ended, not where they stood before it."""
    hole_s, off, times = 1_260.0, CUT + 1_260.0 + 900, grid(0, END)
    shown = []
    for code, start, pace in (("200", 400_000.0, 20.0), ("500", 2_000.0, 0.1)):
        whole = np.floor(start + pace * times)
        if restarted:
            whole = np.where(times > CUT, np.floor(pace * np.maximum(times - CUT - 600, 0)), whole)
        labels = {"__name__": "rq_total", "job": "api", "instance": "a", "code": code}
        middle = (times > CUT + hole_s) & (times <= off)
        outer = (times <= CUT) | (times > off)
        shown += [(labels, (times[outer], whole[outer])), ({**labels, "debug": "on"}, (times[middle], whole[middle]))]
    length = END - 1200 - (600 if restarted else 0)
    assert_counts(History(shown), 20.1 * length, 0.1 * length)


def test_series_that_are_exported_twice_since_a_hole_count_once() -> None:
    """Behind it each appears once more with a label, beside the one that goes on."""
    hole_s, times = 1_260.0, grid(0, END)
    times = times[(times <= CUT) | (times > CUT + hole_s)]
    shown = []
    for code, start, pace in (("200", 400_000.0, 20.0), ("500", 2_000.0, 0.1)):
        whole = np.floor(start + pace * times)
        labels = {"__name__": "rq_total", "job": "api", "instance": "a", "code": code}
        later = times > CUT
        shown += [(labels, (times, whole)), ({**labels, "handler": "all"}, (times[later], whole[later]))]
    history, since, until = History(shown), 600.0, END - 600
    for found in (history.final(since, until), history.backwards(since, until)):
        assert found[0] == pytest.approx(20.1 * (END - 1200), abs=700)
        assert found[1] == pytest.approx(0.1 * (END - 1200), abs=6)


def test_series_of_a_target_that_is_scraped_seldom_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes between scrapes are no absence: to look for other labels in each of them takes minutes."""
    looked_at: list[float] = []

    def noted(context: SampleContext, first_samples: Ints, registry: Registry) -> list[Link]:
        looked_at.extend(context.steps.samples.time[first_samples].tolist())
        return find_links(context, first_samples, registry)

    monkeypatch.setattr(count, "find_links", noted)
    times = np.arange(5.0, END, 600.0)
    series = [
        ({"__name__": "rq_total", "job": "api", "instance": "a", "code": code}, (times, 1_000.0 + pace * times))
        for code, pace in (("200", 20.0), ("500", 1.0))
    ]
    counted = History(series).backwards(600.0, END - 600, chunk_s=END)
    assert counted[1] == pytest.approx(END - 1_200, abs=600)
    assert set(looked_at) == {605.0}


def stood(registry: Registry, *labelled: tuple[dict[str, str] | None, float], bad: float = 0.0) -> Stood:
    """Counters of one target that stand at these values; without labels, as before a restart of the service."""
    indexes = []
    for labels, _ in labelled:
        series = len(registry.counter_keys)
        own = None if labels is None else tuple(sorted({"job": "api", **labels}.items()))
        indexes.append(registry.counter(0, CounterKey(series, 0), Weights(total=1.0, bad=bad), own))
    return Stood(counter=np.array(indexes), value=np.array([value for _, value in labelled]))


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    made.row(RowKey("sli", ()))
    return made


def test_a_new_series_continues_the_one_that_differs_least_and_grew_least(registry: Registry) -> None:
    ended = stood(registry, ({"code": "500", "path": "/a"}, 90.0), ({"code": "500", "path": "/b"}, 100.0))
    # The first differs from the first of both in one label, and from the other in two.
    new = stood(registry, ({"code": "5xx", "path": "/a"}, 120.0), ({"code": "5xx", "path": "/b"}, 103.0))
    assert grown_since_ended(new, ended, registry) == {2: 30.0, 3: 3.0}
    # Of two that differ as much, that which grew least goes on as it; each is continued once.
    either = stood(registry, ({"code": "501", "path": "/b"}, 110.0), ({"code": "502", "path": "/b"}, 105.0))
    assert grown_since_ended(either, ended.without(np.array([0])), registry) == {5: 5.0}


@pytest.mark.parametrize(("value", "grown"), [(98.0, 0.0), (97.9, None), (100.0, 0.0), (100.5, 0.5)])
def test_a_series_that_goes_on_has_not_fallen_but_by_rounding(
    registry: Registry, value: float, grown: float | None
) -> None:
    ended, new = stood(registry, ({"code": "500"}, 100.0)), stood(registry, ({"code": "5xx"}, value))
    assert grown_since_ended(new, ended, registry) == ({} if grown is None else {1: grown})


def test_series_that_share_less_than_half_of_their_labels_or_count_otherwise_go_on_as_nothing(
    registry: Registry,
) -> None:
    ended = stood(registry, ({"code": "500", "path": "/a", "pod": "x"}, 10.0))
    half = stood(registry, ({"code": "501", "path": "/b", "pod": "x"}, 15.0))
    less = stood(registry, ({"code": "501", "path": "/b", "pod": "y"}, 15.0))
    assert grown_since_ended(half, ended, registry) == {1: 5.0}
    assert grown_since_ended(less, ended, registry) == {}
    counted_as_bad = stood(registry, ({"code": "501", "path": "/a", "pod": "x"}, 15.0), bad=1.0)
    assert grown_since_ended(counted_as_bad, ended, registry) == {}


def test_a_series_whose_labels_are_known_is_preferred_to_one_of_before_a_restart(registry: Registry) -> None:
    """Which may be any, too: nothing shows that it is not."""
    ended = stood(registry, (None, 10.0), ({"code": "500"}, 5.0))
    new = stood(registry, ({"code": "5xx"}, 12.0))
    assert grown_since_ended(new, ended, registry) == {2: 7.0}
    assert grown_since_ended(new, ended.without(np.array([1])), registry) == {2: 2.0}


def test_a_target_may_go_on_if_its_largest_counter_may(registry: Registry) -> None:
    ended = stood(registry, ({"code": "500"}, 50.0), ({"code": "501"}, 200.0))
    for largest, may in ((52.0, True), (48.0, True), (47.9, False)):
        new = stood(registry, ({"code": "a"}, 1.0), ({"code": "b"}, largest), ({"code": "c"}, 2.0))
        assert ended.may_continue_as(new, registry.arrays) is may
    counted_as_bad = stood(registry, ({"code": "d"}, 300.0), bad=1.0)
    assert not ended.may_continue_as(counted_as_bad, registry.arrays)


@pytest.mark.parametrize("scrapes", [1, 3, 8])
@pytest.mark.parametrize("start", [28.0, 60_000.0])
def test_a_target_that_is_renamed_for_some_scrapes_was_the_same_meanwhile(scrapes: int, start: float) -> None:
    """As a target of its own it would count all of its past: errors of weeks within one scrape."""
    times = grid(0, END)
    renamed = (times > CUT) & (times <= CUT + 30.0 * scrapes)
    history = History(
        [
            (
                {"__name__": "rq_total", "job": "api", "instance": name, "code": code},
                (times[seen], np.floor(value + pace * times[seen])),
            )
            for name, seen in (("10.0.0.7:80", ~renamed), ("node-7", renamed))
            for code, value, pace in (("200", start, 0.02), ("500", start / 2, 0.0))
        ]
    )
    for total, bad in (history.final(600.0, END - 600), history.backwards(600.0, END - 600)):
        assert total == pytest.approx(0.02 * (END - 1200), abs=4)
        assert bad == 0
