"""The binary columns of the state of an SLI: every field is in its layout, and comes back as it was."""

from dataclasses import fields
from math import inf, nan

import numpy as np
import pytest

from app.evaluation.saving import state_records as records
from app.ledger import CounterKey, Dip, FirstScrape, FirstSighting, LastSamples, LastSeen, Ledger, NewSeries, RowKey
from app.slo import Weights

STORED = {7: 0, 9: 1}
"""Rows of the ledger by their stored ids."""
ROW_IDS = [7, 9]


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger(30)
    for row in STORED.values():
        made.add_row(RowKey("sli", (("route", str(row)),)), horizon_s=3600.0, from_s=0.0)
        for series in (1, -(2**63)):
            made.registry.counter(row, CounterKey(series, 5), Weights(total=1.0, bad=0.0))
    return made


def test_dips_come_back(ledger: Ledger) -> None:
    dip = Dip(
        high=9.5,
        at=1.0,
        gap_s=nan,
        low=2.0,
        newest=3.0,
        counted=True,
        expires_s=inf,
        pace=0.1,
        own_pace=0.2,
        grown=4.0,
    )
    column = records.encode_dips([(1, dip), (2, dip)], ledger, ROW_IDS)
    found = records.decode_dips(column, ledger, STORED)
    assert {counter: repr(one) for counter, one in found.items()} == {1: repr(dip), 2: repr(dip)}
    assert list(records.decode_dips(column, ledger, {9: 1})) == [2], "the other row has left"


def test_new_series_come_back(ledger: Ledger) -> None:
    series = NewSeries(row=1, target=1, counter=3, since=1.5, at=2.5, value=1e300, events=-0.0)
    assert records.decode_new_series(records.encode_new_series([series], ledger, ROW_IDS), ledger, STORED) == [series]
    assert records.decode_new_series(b"", ledger, STORED) == []


def test_first_sightings_come_back_each_with_its_values(ledger: Ledger) -> None:
    scrape = FirstScrape(
        value=1.0,
        followed_by=2.0,
        followed_for_s=3.0,
        hindsight_s=4.0,
        scrape_s=30.0,
        row_events=6.0,
        bad_value=7.0,
        bad_followed_by=8.0,
        followed_pace=9.0,
    )
    seen = LastSeen(last=1.0, run=2.0, earlier=3.0)
    sightings = [
        FirstSighting(row=0, target=0, at=9.0, values=((0, 1.0), (1, 2.0)), first_scrape=scrape, row_before=seen),
        FirstSighting(row=1, target=1, at=9.0, values=((3, 4.0),), first_scrape=scrape, row_before=seen),
    ]
    columns = records.encode_first_sightings(sightings, ledger, ROW_IDS)
    assert records.decode_first_sightings(*columns, ledger, STORED) == sightings
    assert records.decode_first_sightings(*columns, ledger, {9: 1}) == sightings[1:]


def test_every_field_is_in_its_layout() -> None:
    """One that is added to a class and forgotten here would be lost at a restart."""
    assert {field.name for field in fields(Dip)} <= set(records.DIP.names or ())
    assert {field.name for field in fields(FirstScrape)} <= set(records.FIRST_SIGHTING.names or ())
    # What was read of a series's target before decides it at once: only others wait.
    assert {field.name for field in fields(NewSeries)} - {"row", "target", "counter", "decided"} <= set(
        records.NEW_SERIES.names or ()
    )
    samples = LastSamples.empty()
    named = [getattr(samples, name) for name in records.LAST_SAMPLE_COLUMNS]
    assert [id(column) for column in named] == [id(column) for column in samples.by_counter]


def test_columns_that_were_cut_off_are_refused() -> None:
    whole = np.zeros(2, records.COUNTER).tobytes()
    assert len(records.read_records(records.COUNTER, whole)) == 2
    with pytest.raises(ValueError, match="buffer size"):
        records.read_records(records.COUNTER, whole[:-1])
