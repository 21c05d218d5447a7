"""A row that adds up those of several sources: its cells, what of them was measured, and what is known besides."""

import numpy as np
import pytest

from app.ledger import Addend, Increments, Ledger, RowKey, SourceRows, Stage, add_up, measured_of_sources

INTERVAL, HOUR = 30, 3_600
NEWEST = 1_800_000_000 // HOUR * HOUR
START = NEWEST - 2.0 * HOUR
SUM, ONE, OTHER, BESIDE = range(4)


def events(row: int, *slots: int, total: float, bad: float) -> Increments:
    """Events of one row in some slots since the start, which are measured."""
    made = Increments.of([(row, START + slot * 30.0, START + slot * 30.0 + 30.0, total, bad) for slot in slots])
    columns = {name: getattr(made, name) for name in ("row", "since", "at", "total", "bad", "steady")}
    return Increments(**columns, seen=np.ones(len(slots), dtype=bool))


@pytest.fixture
def ledger() -> Ledger:
    """The sum, a row of each of two sources, and another member that the second source has."""
    made, rows = Ledger(INTERVAL), np.arange(4)
    for number in range(4):
        made.add_row(RowKey(f"sli {number}", ()), horizon_s=6.0 * HOUR, from_s=NEWEST - 6.0 * HOUR)
    made.advance(NEWEST)
    made.set_progress(rows, counted_s=NEWEST, covered_s=START, complete_from_s=START)
    made.note_first_samples(np.array([ONE, OTHER, BESIDE]), np.array([START, START + 60.0, START]))
    made.record(events(ONE, 0, 1, 2, 3, total=4.0, bad=1.0), Stage.FINAL)
    made.record(events(OTHER, 2, 3, total=10.0, bad=2.0), Stage.FINAL)
    made.record(events(BESIDE, 0, 1, 2, 3, 4, total=7.0, bad=7.0), Stage.FINAL)
    made.take_changes()
    return made


def sources(ledger: Ledger, *, answers: bool = True) -> list[Addend]:
    one, other = SourceRows(ledger, [ONE], answers=answers), SourceRows(ledger, [OTHER, BESIDE], answers=answers)
    return [Addend(row=ONE, source=one), Addend(row=OTHER, source=other)]


def fine(ledger: Ledger, row: int = SUM) -> list[list[float]]:
    first = int(START) // INTERVAL + 1
    return [column.tolist() for column in ledger.fine.read(row, first, first + 4)]


def test_cells_are_the_sums_of_those_of_the_sources_at_every_resolution(ledger: Ledger) -> None:
    add_up(ledger, SUM, sources(ledger), since_s=0.0)
    total, bad, measured_s = fine(ledger)
    assert (total, bad) == ([4.0, 4.0, 14.0, 14.0, 0.0], [1.0, 1.0, 3.0, 3.0, 0.0])
    # In the last slot the first source is missing, and of the second, whose row is not there, another row goes on.
    assert measured_s == [30.0, 30.0, 30.0, 30.0, 15.0]
    for resolution in (ledger.middle, ledger.coarse):
        cell = int(START) // resolution.width_s + 1
        assert [column.tolist() for column in resolution.read(SUM, cell, cell)] == [[36.0], [8.0], [90.0]]
    assert ledger.take_changes().tolist() == [START, np.inf, np.inf, np.inf]
    # What adds up to the same is no change.
    add_up(ledger, SUM, sources(ledger), since_s=0.0)
    assert ledger.take_changes().tolist() == [np.inf] * 4


def test_only_cells_after_a_time_are_made_again(ledger: Ledger) -> None:
    add_up(ledger, SUM, sources(ledger), since_s=START + 90.0)
    assert fine(ledger)[0] == [0.0, 0.0, 0.0, 14.0, 0.0]
    assert ledger.take_changes()[SUM] == START
    ledger.record(events(ONE, 1, 3, total=1.0, bad=0.0), Stage.FINAL)
    add_up(ledger, SUM, sources(ledger), since_s=START + 90.0)
    assert fine(ledger)[0] == [0.0, 0.0, 0.0, 15.0, 0.0]
    add_up(ledger, SUM, sources(ledger), since_s=NEWEST + 1.0)
    assert fine(ledger)[0] == [0.0, 0.0, 0.0, 15.0, 0.0]


def test_a_source_without_a_row_counts_as_measured_where_its_others_are(ledger: Ledger) -> None:
    one, other = sources(ledger)
    add_up(ledger, SUM, [one, Addend(row=None, source=other.source)], since_s=0.0)
    total, _, measured_s = fine(ledger)
    assert (total, measured_s) == ([4.0, 4.0, 4.0, 4.0, 0.0], [30.0, 30.0, 30.0, 30.0, 15.0])
    # A source that does not answer was there before, and is missing.
    silent = SourceRows(ledger, [], answers=False)
    add_up(ledger, SUM, [one, Addend(row=None, source=silent)], since_s=0.0)
    assert fine(ledger)[2] == [15.0, 15.0, 15.0, 15.0, 0.0]


def test_before_its_first_sample_a_source_that_answers_does_not_count() -> None:
    ends_s = np.array([30.0, 60.0, 90.0])
    early, late = (np.array([30.0, 20.0, 30.0]), -np.inf), (np.array([0.0, 5.0, 10.0]), 40.0)
    assert measured_of_sources([early], ends_s, 30.0).tolist() == [30.0, 20.0, 30.0]
    # Of the second cell 10 s lie before it began, and 5 s were measured afterwards.
    assert measured_of_sources([early, late], ends_s, 30.0).tolist() == [30.0, 17.5, 20.0]
    assert measured_of_sources([late], ends_s, 30.0).tolist() == [0.0, 15.0, 10.0]
    assert measured_of_sources([(np.array([30.0]), 25.0)], np.array([30.0]), 30.0).tolist() == [30.0]
    assert measured_of_sources([], ends_s, 30.0).tolist() == [0.0, 0.0, 0.0]


def test_what_is_known_besides_is_the_sum_or_the_outermost_of_the_parts(ledger: Ledger) -> None:
    ledger.covered_s[[ONE, OTHER]] = NEWEST - 300.0, NEWEST - 60.0
    ledger.ended_s[[ONE, OTHER]] = np.nan, NEWEST - 90.0
    ledger.note_dip(ONE, NEWEST - 50.0)
    ledger.note_dip(ONE, NEWEST - 70.0)
    ledger.note_copy(OTHER, NEWEST - 40.0)
    ledger.note_copy(OTHER, NEWEST - 45.0)
    ledger.scrape_s[[ONE, OTHER]] = 15.0, 60.0
    add_up(ledger, SUM, sources(ledger), since_s=0.0)
    assert (ledger.ever_total[SUM], ledger.ever_bad[SUM]) == (36.0, 8.0)
    assert (ledger.good_shown[SUM], ledger.bad_shown[SUM]) == (28.0, 8.0)
    columns = ledger.first_sample_s, ledger.covered_s, ledger.ended_s, ledger.dipped_s, ledger.copied_s
    assert [column[SUM] - NEWEST for column in columns] == [-2.0 * HOUR, -60.0, -90.0, -50.0, -40.0]
    assert ledger.scrape_s[SUM] == 60.0
    # To Prometheus a counter that falls was restarted.
    ledger.ever_total[ONE] = ledger.good_shown[ONE] = 0.0
    add_up(ledger, SUM, sources(ledger), since_s=0.0)
    assert (ledger.ever_total[SUM], ledger.good_shown[SUM]) == (20.0, 28.0)


def test_slots_of_an_hour_add_up_where_all_of_them_are_known(ledger: Ledger) -> None:
    hour, both = int(START) // HOUR + 1, [ONE, OTHER]
    edge = np.array([SUM]), np.array([START]), np.array([START + 90.0])
    ledger.set_edge_slots(hour, np.array([ONE]), events(ONE, 0, 1, 2, 3, total=4.0, bad=1.0))
    ledger.edge_slots.add_up(SUM, both)
    assert not ledger.edge_slots.before(*edge).known.item()
    of_both = Increments.joined([events(ONE, 0, 1, 2, 3, total=4.0, bad=1.0), events(OTHER, 2, 3, total=10.0, bad=2.0)])
    ledger.set_edge_slots(hour, np.array(both), of_both)
    ledger.edge_slots.add_up(SUM, both)
    cut = ledger.edge_slots.before(*edge)
    assert (cut.known.item(), cut.total.item(), cut.bad.item()) == (True, 22.0, 5.0)
    ledger.edge_slots.add_up(BESIDE + 2, both)
    assert ledger.edge_slots.before(np.array([BESIDE + 2]), *edge[1:]).total.item() == 22.0
    ledger.edge_slots.add_up(SUM, [])
    assert not ledger.edge_slots.before(*edge).known.item()
    ledger.edge_slots.keep({hour + 1})
    assert not ledger.edge_slots.before(np.array([ONE]), *edge[1:]).known.item()
