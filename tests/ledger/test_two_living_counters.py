"""Counters of equal traffic that end and begin at the same values are two if they were ever there together."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.ledger import Registry, RowKey, fingerprint
from app.ledger.counting.copies import may_differ_as_copies
from app.ledger.seen_spans import SeenSpans
from app.slo import Weights
from app.slo.arrays import Floats
from tests.ledger.histories import History, Points, grid

END = 9_000.0
SINCE = 600.0
UNTIL = END - 600.0
AWAY_S = 420.0


def pod(
    name: str, code: str, start: float, pace: float, unseen: Sequence[tuple[float, float]] = ()
) -> tuple[dict[str, str], Points]:
    """A counter of one of two pods, scraped at a time of its own, but for some spans of time."""
    times = grid(0, END, phase=5.0 if name == "a" else 16.0)
    for first, last in unseen:
        times = times[(times < first) | (times >= last)]
    labels = {"__name__": "rq_total", "job": "api", "instance": name, "code": code}
    return labels, (times, np.floor(start + pace * times))


def by_turns(offset: float) -> History:
    """Pods that are unseen by turns, for longer than the look-back each."""
    edges = np.arange(2_000.0, 7_000.0, AWAY_S)
    turns: Floats = np.stack([edges, edges + AWAY_S], axis=1)
    unseen = {"a": [tuple(turn) for turn in turns[::2].tolist()], "b": [tuple(turn) for turn in turns[1::2].tolist()]}
    return History(
        [
            pod(name, code, start + offset * (name == "b"), pace, unseen[name])
            for name in ("a", "b")
            for code, start, pace in (("200", 50_000, 10.0), ("500", 130, 0.01))
        ]
    )


@pytest.mark.parametrize("offset", [0.0, 9.0, 150.0, -90.0])
def test_pods_that_are_unseen_by_turns_are_two(offset: float) -> None:
    """As one they would count half of the requests, and the errors of each again at every turn."""
    history = by_turns(offset)
    found = [history.live(SINCE, UNTIL), history.final(SINCE, UNTIL), history.backwards(SINCE, UNTIL)]
    for total, bad in found:
        assert total == pytest.approx(20.02 * (UNTIL - SINCE), abs=2 * 10 * 30)
        assert bad == pytest.approx(0.02 * (UNTIL - SINCE), abs=4)
    assert not history.copies


def test_counters_that_were_one_by_mistake_are_parted_once_both_are_seen() -> None:
    """A pod that appears at the value of one that has just gone looks like it, until that one returns."""
    back_s = 4_000.0
    history = History(
        [
            pod("a", "200", 50_000, 10.0, [(3_000, back_s)]),
            pod("a", "500", 130, 0.01, [(3_000, back_s)]),
            pod("b", "200", 50_090, 10.0, [(0, 3_000)]),
            pod("b", "500", 142, 0.01, [(0, 3_000)]),
        ]
    )
    history.live(SINCE, back_s, hindsight_s=330.0)
    assert history.copies
    # A scrape of each may be lost where they are parted.
    for way in (history.final, history.backwards):
        total, bad = way(back_s + 400, UNTIL)
        assert total == pytest.approx(20.02 * (UNTIL - back_s - 400), rel=0.02), way
        assert bad == pytest.approx(0.02 * (UNTIL - back_s - 400), abs=4), way


def test_spans_of_counters_overlap() -> None:
    seen = SeenSpans()
    seen.note(np.array([0, 1]), np.array([10.0, 200.0]), np.array([100.0, 300.0]))
    seen.note(np.array([0]), np.array([50.0]), np.array([250.0]))
    assert (seen.first_seen_s(0), seen.first_seen_s(2)) == (10.0, np.inf)
    assert seen.together_s(0, 1) == 50.0
    assert seen.together_s(0, 7) == 0.0


@pytest.mark.parametrize(("name", "copies"), [("instance", False), ("route", False), ("cluster", True)])
def test_labels_that_name_what_is_counted_are_never_learned_as_those_of_copies(name: str, copies: bool) -> None:
    registry = Registry()
    row = registry.row(RowKey("sli", ()))
    one, other = (
        registry.counter(row, fingerprint(labels), Weights(total=1.0, bad=0.0), tuple(labels.items()))
        for labels in ({"job": "api", name: "a"}, {"job": "api", name: "b"})
    )
    assert may_differ_as_copies(registry, one, other) is copies
