"""The rules of counting, each at its edges: one event more or less decides otherwise (docs/counting.md)."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.ledger.counting import plausibility as rules
from app.ledger.counting.new_targets import FirstScrape, is_new
from app.ledger.counting.starts import Starts, unproven_within
from app.slo.arrays import Floats
from tests.ledger.counters import Scraped

NAN = float("nan")


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("value", "pace", "idle", "counts"),
    [
        (910, 10.0, False, True),
        (911, 10.0, False, False),
        # Nothing else of the target grows: its first requests may all fail.
        (100, 0.0, True, True),
        (101, 0.0, True, False),
        (10, 0.0, False, True),
        (11, 0.0, False, False),
        # A target that was seen only once before.
        (1000, None, False, True),
        (1001, None, False, False),
    ],
)
def test_the_first_value_of_a_series_counts_as_far_as_its_target_can_have_counted_it(
    value: float, pace: float | None, idle: bool, counts: bool
) -> None:
    assert rules.is_first_value_plausible(value, gap_s=30.0, pace=pace, idle=idle) is counts


@pytest.mark.parametrize(("growth", "counts"), [(310, True), (311, False)])
def test_a_counter_that_fell_may_grow_ten_times_its_pace_and_ten_events(growth: float, counts: bool) -> None:
    assert rules.is_growth_plausible(growth, gap_s=30.0, pace=1.0) is counts


@pytest.mark.parametrize(("value", "back"), [(999, False), (1000, True), (1190, True), (1191, False)])
def test_a_counter_is_back_where_it_would_have_come_to(value: float, back: bool) -> None:
    """It stood at 1,000 a minute ago and counted one a second: up to three times as much, and ten."""
    assert rules.is_back(value, high=1000.0, since_s=60.0, pace=1.0) is back


@pytest.mark.parametrize(("low", "proven"), [(90.0, True), (90.1, False)])
def test_a_level_that_is_counted_at_a_third_of_its_pace_was_counted_from_zero(low: float, proven: bool) -> None:
    assert rules.is_reset_proven(low, gap_s=30.0, pace=1.0) is proven


@pytest.mark.parametrize(
    ("before", "value", "near"),
    [
        (1000.0, 990.0, True),
        (1000.0, 989.0, False),
        (100.0, 98.0, True),
        (100.0, 97.0, False),
        (11.0, 9.0, True),
        (10.0, 9.0, False),
    ],
)
def test_a_counter_that_falls_by_one_percent_or_two_events_was_read_from_a_copy(
    before: float, value: float, near: bool
) -> None:
    assert rules.is_near(floats(before), floats(value)).tolist() == [near]


@pytest.mark.parametrize(("by", "rounded"), [(0.0, False), (1.0, True), (2.0, False)])
def test_a_counter_that_falls_by_a_part_in_a_trillion_has_not_fallen(by: float, rounded: bool) -> None:
    assert rules.is_rounded(floats(1.5e12), floats(1.5e12 - by)).tolist() == [rounded]


@pytest.mark.parametrize(
    ("before", "value", "wrapped"),
    [
        (2.0**32 - 50, 40, True),
        (2.0**32 - 50, 41, False),
        (2.0**32 - 1, 89, True),
        (2.0**32, 5, False),
        (2.0**31 - 50, 40, False),
    ],
)
def test_a_counter_wraps_at_32_bits_if_it_can_have_counted_the_rest(before: float, value: float, wrapped: bool) -> None:
    found = rules.has_wrapped(floats(before), floats(value), gap_s=floats(30.0), pace=floats(1.0))
    assert found.tolist() == [wrapped]


@pytest.mark.parametrize(
    ("value", "corrected"),
    # It fell from 1,000 to 900 at ten a second, and 30 s later stands where each of the two levels would have come to.
    [(1200.0, True), (1600.0, False), (1399.0, True), (1401.0, False)],
)
def test_a_counter_that_fell_was_corrected_if_its_lower_level_explains_it_better(value: float, corrected: bool) -> None:
    found = rules.is_correction(high=1000.0, low=900.0, value=value, gap_s=30.0, since_low_s=30.0, pace=10.0)
    assert found is corrected


@pytest.mark.parametrize(("low", "corrected"), [(940.0, False), (939.0, True)])
def test_a_copy_lags_by_a_scrape_and_a_fifth_at_most(low: float, corrected: bool) -> None:
    assert rules.is_correction(high=1000.0, low=low, value=1000.0, gap_s=30.0, since_low_s=30.0, pace=10.0) is corrected


@pytest.mark.parametrize(
    ("growth", "missing", "returned"),
    # Of 300 events to be expected, four standard deviations are 69.3, to which two events are added.
    [(800, 1000.0, False), (801, 1000.0, True), (371, 100.0, False), (372, 100.0, True)],
)
def test_a_counter_has_returned_if_it_grew_by_more_than_half_of_what_is_missing_and_than_chance(
    growth: float, missing: float, returned: bool
) -> None:
    found = rules.has_returned(floats(growth), gap_s=floats(30.0), pace=floats(10.0), missing=missing)
    assert found.tolist() == [returned]


@pytest.mark.parametrize(
    ("value", "low", "moved", "lasted_s", "is_run"),
    [
        # The counter fell from 900, and still reads the same.
        (700, 700, False, 300.0, False),
        (700, 700, False, 330.0, True),
        (700, 700, True, 330.0, False),
        # It changed to yet another value.
        (700 + 3, 700, False, 120.0, False),
        (700 + 4, 700, False, 120.0, True),
        (100 + 1, 100, False, 120.0, True),
        (101 + 1, 101, False, 120.0, False),
        (901, 890, False, 120.0, False),
        (903, 890, False, 120.0, True),
        (650, 700, False, 120.0, True),
        (895, 896, False, 120.0, False),
        (650, 700, True, 200.0, True),
        # After two and a half minutes at a lower level any change is a run.
        (700 + 1, 700, False, 150.0, False),
        (700 + 1, 700, False, 151.0, True),
        (900, 890, False, 151.0, True),
        (895, 895.5, False, 151.0, True),
    ],
)
def test_runs_of_a_batch_job_are_told_from_dips(
    value: float, low: float, moved: bool, lasted_s: float, is_run: bool
) -> None:
    found = rules.is_run_of_job(value, high=900.0, low=low, newest=low, moved=moved, lasted_s=lasted_s)
    assert found is is_run


def _steps(latest: float, earlier: float, level: float) -> rules.LastSteps:
    return rules.LastSteps(latest=floats(latest), earlier=floats(earlier), level=floats(level))


@pytest.mark.parametrize(
    ("value", "level", "earlier", "other"),
    [
        (8_000, 8_000, 1.0, True),
        (7_998, 8_000, 1.0, True),
        (7_997, 8_000, 1.0, False),
        (8_080, 8_000, 1.0, True),
        (8_081, 8_000, 1.0, False),
        # Only large counters are no chance.
        (1_001, 1_000, 1.0, True),
        (1_000, 1_000, 1.0, False),
        # The level was itself counted from zero in one step: a young process restarts.
        (8_000, 8_000, 88.8, True),
        (8_000, 8_000, 88.9, False),
    ],
)
def test_a_level_of_before_the_last_step_is_another_server(
    value: float, level: float, earlier: float, other: bool
) -> None:
    found = rules.is_other_server(
        _steps(100.0, earlier, level), before=floats(11_000), value=floats(value), gap_s=floats(30.0)
    )
    assert found is other


@pytest.mark.parametrize(
    ("value", "gap_s", "pace"),
    [
        (500, 30.0, 50.0),  # both last steps were faster than the minutes before
        (8_000, 30.0, 20.0),  # it fell back to where the last step began: that step was no growth
        (7_997, 30.0, 50.0),
        (8_000 + 3 * 2 * 30 * 20 + 10, 30.0, 20.0),
        (8_000 + 3 * 2 * 30 * 20 + 11, 30.0, 50.0),
        (500, 150.0, 50.0),
        (500, 151.0, 1.0),  # steps so long ago tell nothing
    ],
)
def test_the_pace_of_a_fall_is_that_of_its_last_steps_unless_it_takes_them_back(
    value: float, gap_s: float, pace: float
) -> None:
    found = rules.pace_of_fall(
        long=floats(1.0),
        steps=_steps(50.0, 20.0, 8_000),
        before=floats(20_000),
        value=floats(value),
        gap_s=floats(gap_s),
    )
    assert found.tolist() == [pace]


def _judge(
    before: Sequence[float],
    value: Sequence[float],
    *,
    pace: Sequence[float],
    followed: float | None = None,
    restarted: bool = False,
) -> tuple[str, bool]:
    """The verdict on each counter of a scrape of 30 s, `r`eset, `d`ip or `-`; whether the whole process restarted."""
    found = rules.judge_scrape(
        before=floats(*before),
        value=floats(*value),
        gap_s=floats(*(30.0 for _ in before)),
        pace=floats(*pace),
        followed_pace=followed,
        restarted=restarted,
    )
    verdicts = ["r" if reset else "d" if dip else "-" for reset, dip in zip(found.reset, found.dip, strict=True)]
    return "".join(verdicts), found.whole


@pytest.mark.parametrize(
    ("before", "value", "pace", "verdict"),
    [
        # Ten times the pace, and ten events.
        ([50_000], [310], [1.0], ("r", True)),
        ([50_000], [311], [1.0], ("d", False)),
        ([50_000, 900], [310, 310], [0.5, 0.5], ("rr", True)),
        # Of no pace at all: half of the value, or a thousand events.
        ([50_000], [24_999], [NAN], ("r", True)),
        ([50_000], [25_001], [NAN], ("d", False)),
        ([1_500], [1_000], [NAN], ("r", True)),
        ([1_500], [1_001], [NAN], ("d", False)),
        # One that grows on is no evidence while the rest can have been counted since.
        ([50_000, 40], [100, 100], [1.0, 1.0], ("rr", True)),
        ([50_000, 40], [100, 400], [1.0, 1.0], ("r-", False)),
        # One that stands still at more than ten events did not restart, nor did its process.
        ([50_000, 10], [100, 10], [1.0, 0.0], ("r-", True)),
        ([50_000, 11], [100, 11], [1.0, 0.0], ("r-", False)),
        # Beside one that goes on, a counter that keeps more than half of its value was not reset either.
        ([1_000, 5_000], [501, 5_000], [5.0, 0.0], ("d-", False)),
        ([1_000, 5_000], [500, 5_000], [5.0, 0.0], ("r-", False)),
        # What hardly fell is a copy, alone; with others that fell it restarted.
        ([2_000], [1_990], [10.0], ("d", False)),
        ([1_000], [995], [20.0], ("r", True)),
        # Most of what the target had counted is gone, or else only a part restarted.
        ([1_000, 1_001], [100, 1_100], [1.0, 3.0], ("r-", False)),
    ],
)
def test_a_fall_is_judged_with_its_scrape(
    before: Sequence[float], value: Sequence[float], pace: Sequence[float], verdict: tuple[str, bool]
) -> None:
    assert _judge(before, value, pace=pace) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(4_000, ("r", True)), (4_001, ("d", False)), (25_000, ("d", False))])
def test_a_process_that_says_it_began_may_have_counted_a_hundred_times_its_pace(
    value: float, verdict: tuple[str, bool]
) -> None:
    """And a thousand events, if that is no more than half of its old value."""
    assert _judge([50_000], [value], pace=[1.0], restarted=True) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(3_010, ("r", True)), (3_011, ("d", False))])
def test_what_follows_a_fall_tells_a_pace_too(value: float, verdict: tuple[str, bool]) -> None:
    assert _judge([50_000], [value], pace=[1.0], followed=10.0) == verdict


def _judge_fall(value: float, *, gap_s: float = 30.0, restarted: bool = False, **paces: float | None) -> str:
    """The verdict on a counter that fell to a value, from 1,000 where it and its target did not count at all."""
    known: dict[str, float | None] = {"pace": NAN, "target_pace": 0.0, "followed_pace": None, "before": 1000.0, **paces}
    found = rules.judge_fall(
        before=floats(known["before"] or 0.0),
        value=floats(value),
        gap_s=floats(gap_s),
        pace=floats(NAN if known["pace"] is None else known["pace"]),
        followed_pace=known["followed_pace"],
        target_pace=known["target_pace"],
        restarted=restarted,
    )
    return "reset" if found.reset.all() else "dip"


@pytest.mark.parametrize(
    ("restarted", "value", "verdict"),
    [(False, 990.0, "dip"), (False, 989.0, "reset"), (True, 990.0, "reset"), (False, 0.0, "reset")],
)
def test_a_job_that_had_stood_still_writes_a_run_unless_it_reads_nearly_the_same(
    restarted: bool, value: float, verdict: str
) -> None:
    assert _judge_fall(value, restarted=restarted) == verdict


@pytest.mark.parametrize(
    ("gap_s", "value", "verdict"), [(400.0, 4_010.0, "reset"), (400.0, 4_011.0, "dip"), (330.0, 11.0, "dip")]
)
def test_traffic_that_paused_before_a_hole_may_have_gone_on_in_it(gap_s: float, value: float, verdict: str) -> None:
    """At the pace of the target, of which nothing is known for the counter itself."""
    assert _judge_fall(value, gap_s=gap_s, pace=0.0, target_pace=1.0, before=50_000.0) == verdict


def _first(value: float, *, unseen_s: float, **more: float | None) -> bool:
    """Whether a new target counts, of which 100 events followed within 200 s; it is scraped every 30 s."""
    known: dict[str, float | None] = {
        "followed_by": 100.0,
        "followed_for_s": 200.0,
        "hindsight_s": 280.0,
        "scrape_s": 30.0,
        "row_events": 0.0,
    }
    return is_new(FirstScrape(value=value, **(known | more)), unseen_s=unseen_s)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "unseen_s", "more", "new"),
    [
        # The pace that follows explains it by a scrape and a half, above ten events; three at the first of its row.
        (10 + 0.5 * 45, 0.0, {}, True),
        (10 + 0.5 * 45 + 1, 0.0, {}, False),
        (3 + 0.5 * 45, NAN, {}, True),
        (3 + 0.5 * 45 + 1, NAN, {}, False),
        (10 + 0.5 * (45 + 100), 100.0, {}, True),
        (10 + 0.5 * (45 + 100) + 1, 100.0, {}, False),
        # What its row counts in a scrape is as much.
        (400, 0.0, {"row_events": 400.0}, True),
        (401, 0.0, {"row_events": 400.0}, False),
        (400, NAN, {"row_events": 400.0}, False),
        # So few say nothing.
        (10, 0.0, {"followed_by": 0.0}, True),
        (3, NAN, {"followed_by": 0.0}, True),
        (4, NAN, {"followed_by": 0.0}, False),
        # Where next to nothing follows: 100 events, or three scrapes of its row; many more if it has gone again.
        (100, 0.0, {"followed_by": 4.0}, True),
        (101, 0.0, {"followed_by": 4.0}, False),
        (101, 0.0, {"followed_by": 5.0, "followed_for_s": 200.0}, False),
        (1_200, 0.0, {"followed_by": 4.0, "row_events": 400.0}, True),
        (1_201, 0.0, {"followed_by": 4.0, "row_events": 400.0}, False),
        (100_000, 0.0, {"followed_by": 0.0, "followed_for_s": 190.0}, True),
        (100_001, 0.0, {"followed_by": 0.0, "followed_for_s": 190.0}, False),
        (101, 0.0, {"followed_by": 0.0, "followed_for_s": 191.0}, False),
        # Errors have a pace of their own.
        (500, 100.0, {"row_events": 600.0, "bad_value": 100 + 0.1 * 145, "bad_followed_by": 20.0}, True),
        (500, 100.0, {"row_events": 600.0, "bad_value": 101 + 0.1 * 145, "bad_followed_by": 20.0}, False),
        (500, 330.0, {"row_events": 600.0, "bad_value": 400.0}, False),
        (500, 331.0, {"row_events": 600.0, "bad_value": 400.0}, True),
        (20, NAN, {"bad_value": 3 + 0.1 * 45, "bad_followed_by": 20.0}, True),
        (20, NAN, {"bad_value": 4 + 0.1 * 45, "bad_followed_by": 20.0}, False),
        (500, 0.0, {"row_events": 600.0, "bad_value": 100 + 0.025 * 45}, True),
        (500, 0.0, {"row_events": 600.0, "bad_value": 101 + 0.025 * 45}, False),
        # It says itself when it began.
        (20, NAN, {"served_s": 330.0}, True),
        (20, NAN, {"served_s": 331.0}, False),
        (20, 400.0, {"served_s": 400.0}, True),
        (20, 400.0, {"served_s": 401.0}, False),
        (10 + 0.5 * 1.5 * 330, 0.0, {"served_s": 330.0}, True),
        (11 + 0.5 * 1.5 * 330, 0.0, {"served_s": 330.0}, False),
        (3 + 0.5 * 45 + 1, NAN, {"served_s": 330.0}, False),
    ],
)
def test_a_new_target_counts_as_far_as_what_follows_explains_it(
    value: float, unseen_s: float, more: dict[str, float], new: bool
) -> None:
    assert _first(value, unseen_s=unseen_s, **more) is new


@pytest.mark.parametrize(("started_s", "began"), [(100.0, False), (101.0, True), (131.0, True), (131.5, False)])
def test_a_process_began_since_the_last_scrape_though_clocks_differ_by_a_second(started_s: float, began: bool) -> None:
    starts = Starts()
    starts.note_process(7, started_s)
    starts.note_series(7, started_s)
    assert starts.process_began(7, 100.0, 130.0) is began
    assert starts.series_began(7, 100.0, 130.0) is began
    assert starts.served_s(7, 130.0) == (None if started_s > 131 else max(130.0 - started_s, 0.0))


def test_series_that_appear_or_fall_behind_the_first_scrapes_are_asked_for() -> None:
    """A minute and a half is long enough for one scrape of each."""
    scraped = Scraped(
        {
            ("old:80", 0): [(0.0, 5.0), (60.0, 9.0)],
            ("first:80", 0): [(90.0, 7.0)],
            ("new:80", 0): [(90.5, 7.0)],
            ("fell:80", 0): [(0.0, 5.0), (60.0, 4.0)],
        }
    )
    asked = unproven_within(scraped.between(-1, 200)).tolist()
    assert asked == [scraped.indexes["new:80", 0], scraped.indexes["fell:80", 0]]
