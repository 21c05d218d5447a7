"""The binary columns of the state of an SLI: records of fixed layouts, little-endian; times are unix seconds.

A change of a layout raises `STATE_FORMAT` and reads the records of before. Rows of the ledger are named by their stored
ids and counters by the hash of their series, as indexes differ from process to process.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ledger import CounterKey, Dip, FirstScrape, FirstSighting, LastSeen, Ledger, NewSeries

Records = NDArray[Any]

_SEEN = [("seen_last_s", "<f8"), ("seen_run_s", "<f8"), ("seen_earlier_s", "<f8")]
# By counter, as in `LastSamples`; *target_time* is the newest sample of its target.
_LAST_SAMPLE = [
    (name, "<f8") for name in ("time", "value", "anchor", "run", "pace", "latest", "earlier", "level", "target_time")
]
LAST_SAMPLE_COLUMNS = tuple(name for name, _ in _LAST_SAMPLE[:-1])

MEMBER = np.dtype(
    [
        ("row_id", "<i8"),
        *((name, "<f8") for name in ("first_sample_s", "settled_s", "dipped_s", "copied_s", "history_measured_from_s")),
        *_SEEN,
    ]
)
COUNTER = np.dtype(
    [
        ("row_id", "<i8"),
        ("series", "<i8"),
        ("target", "<i8"),
        # The series under which it is counted: its own, unless it has proved to be another one.
        ("stream", "<i8"),
        ("total_weight", "<f8"),
        ("bad_weight", "<f8"),
        *_LAST_SAMPLE,
    ]
)
PROVISIONAL_MEMBER = np.dtype(
    [
        *((name, "<f8") for name in ("counted_s", "covered_s", "ever_total", "ever_bad", "good_shown", "bad_shown")),
        *_SEEN,
        ("first_cell", "<i8"),
        ("cells", "<i4"),
    ]
)
# A member with both parts of its state.
WHOLE_MEMBER = np.dtype(
    [
        *MEMBER.descr,
        *(
            (f"live_{name}" if name.startswith("seen_") else name, PROVISIONAL_MEMBER[name])
            for name in PROVISIONAL_MEMBER.names or ()
        ),
    ]
)
PROVISIONAL_COUNTER = np.dtype(_LAST_SAMPLE)
CELL = np.dtype([("total", "<f8"), ("bad", "<f8"), ("measured_s", "<f4")])
# Of holes: provisional counts in cells that are final otherwise, and final ones in history that is not counted yet.
HOLE_CELL = np.dtype([("row_id", "<i8"), ("cell", "<i8"), ("total", "<f8"), ("bad", "<f8")])
DIP = np.dtype(
    [
        ("row_id", "<i8"),
        ("series", "<i8"),
        *((name, "<f8") for name in ("high", "at", "gap_s", "low", "newest", "expires_s", "pace", "own_pace")),
        *((name, "<f8") for name in ("grown", "grown_from_low", "moved_at")),
        ("counted", "?"),
        ("alone", "?"),
        ("still", "?"),
    ]
)
NEW_SERIES = np.dtype(
    [("row_id", "<i8"), ("series", "<i8"), *((name, "<f8") for name in ("since", "at", "value", "events"))]
)
_FIRST_SCRAPE = (
    "value",
    "followed_by",
    "followed_for_s",
    "hindsight_s",
    "scrape_s",
    "row_events",
    "bad_value",
    "bad_followed_by",
    "followed_pace",
    "served_s",
)
# Of a first scrape, what may not be known: NaN here, None there.
_OPTIONAL = frozenset({"followed_pace", "served_s"})
FIRST_SIGHTING = np.dtype(
    [
        ("row_id", "<i8"),
        ("target", "<i8"),
        ("at", "<f8"),
        *_SEEN,
        *((name, "<f8") for name in _FIRST_SCRAPE),
        # How many of the first values are its own.
        ("values", "<i4"),
    ]
)
FIRST_VALUE = np.dtype([("series", "<i8"), ("value", "<f8")])


def read_records(kind: np.dtype[Any], column: bytes) -> Records:
    """The records of a binary column.

    Raises:
        ValueError: it does not hold whole records.
    """
    return np.frombuffer(column, kind)


def encode_dips(dips: Iterable[tuple[int, Dip]], ledger: Ledger, row_ids: Sequence[int]) -> bytes:
    """Counters, each with its dip."""
    names = [name for name in DIP.names or () if name not in ("row_id", "series")]
    found = [(*_counter(counter, ledger, row_ids), *(getattr(dip, name) for name in names)) for counter, dip in dips]
    return np.array(found, DIP).tobytes()


def decode_dips(column: bytes, ledger: Ledger, rows: Mapping[int, int]) -> dict[int, Dip]:
    """The dips that `encode_dips` was given, by counter; *rows* maps stored ids to rows, counters must be known."""
    found = {}
    for record in read_records(DIP, column):
        counter = _find(record, ledger, rows)
        if counter is not None:
            values = {name: record[name].item() for name in DIP.names or () if name not in ("row_id", "series")}
            found[counter] = Dip(**values)
    return found


def encode_new_series(new_series: Sequence[NewSeries], ledger: Ledger, row_ids: Sequence[int]) -> bytes:
    """New series that wait for older history."""
    if not new_series:
        return b""
    found = [
        (*_counter(series.counter, ledger, row_ids), series.since, series.at, series.value, series.events)
        for series in new_series
    ]
    return np.array(found, NEW_SERIES).tobytes()


def decode_new_series(column: bytes, ledger: Ledger, rows: Mapping[int, int]) -> list[NewSeries]:
    """The new series that `encode_new_series` was given."""
    found = []
    for record in read_records(NEW_SERIES, column):
        counter = _find(record, ledger, rows)
        if counter is not None:
            row, target = rows[record["row_id"].item()], int(ledger.registry.arrays.target[counter])
            values = {name: record[name].item() for name in ("since", "at", "value", "events")}
            found.append(NewSeries(row=row, target=target, counter=counter, **values))
    return found


def encode_first_sightings(
    sightings: Sequence[FirstSighting], ledger: Ledger, row_ids: Sequence[int]
) -> tuple[bytes, bytes]:
    """Targets that wait for older history, and the first values of their counters."""
    if not sightings:
        return b"", b""
    keys = ledger.registry.counter_keys
    found = [
        (
            row_ids[one.row],
            keys[one.values[0][0]][1].target,
            one.at,
            *(one.row_before.last, one.row_before.run, one.row_before.earlier),
            *(nan if (value := getattr(one.first_scrape, name)) is None else value for name in _FIRST_SCRAPE),
            len(one.values),
        )
        for one in sightings
    ]
    values = [(keys[counter][1].series, value) for one in sightings for counter, value in one.values]
    return np.array(found, FIRST_SIGHTING).tobytes(), np.array(values, FIRST_VALUE).tobytes()


def decode_first_sightings(
    column: bytes, values: bytes, ledger: Ledger, rows: Mapping[int, int]
) -> list[FirstSighting]:
    """What `encode_first_sightings` was given."""
    registry, every, found, start = ledger.registry, read_records(FIRST_VALUE, values).tolist(), [], 0
    for record in read_records(FIRST_SIGHTING, column):
        own, start = every[start : start + int(record["values"])], start + int(record["values"])
        row = rows.get(record["row_id"].item())
        if row is None:
            continue
        counters = [(registry.find_counter(row, series), value) for series, value in own]
        found.append(
            FirstSighting(
                row=row,
                target=registry.target(row, CounterKey(0, record["target"].item()).target),
                at=record["at"].item(),
                values=tuple((counter, value) for counter, value in counters if counter is not None),
                first_scrape=FirstScrape(**{name: _first_scrape(record, name) for name in _FIRST_SCRAPE}),
                row_before=LastSeen(
                    last=record["seen_last_s"].item(),
                    run=record["seen_run_s"].item(),
                    earlier=record["seen_earlier_s"].item(),
                ),
            )
        )
    return found


def _first_scrape(record: Any, name: str) -> Any:
    value = record[name].item()
    return None if name in _OPTIONAL and isnan(value) else value


def _counter(counter: int, ledger: Ledger, row_ids: Sequence[int]) -> tuple[int, int]:
    row, key = ledger.registry.counter_keys[counter]
    return row_ids[row], key.series


def _find(record: Any, ledger: Ledger, rows: Mapping[int, int]) -> int | None:
    row = rows.get(record["row_id"].item())
    return None if row is None else ledger.registry.find_counter(row, record["series"].item())
