"""The ledger on disk: what a tick writes, and what a start reads.

Final cells are kept in chunks, one blob for an hour or a day of a row. Everything that is not final (cursors, heads,
provisional cells) is one state that each tick writes over. After a restart the provisional part is counted anew from
the settled cursor as soon as Prometheus answers.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import orjson

from app.evaluation.heads import (
    decode_births,
    decode_dips,
    decode_heads,
    encode_births,
    encode_dips,
    encode_heads,
)
from app.evaluation.parting import State, part_of
from app.ingest import tracked_slis as watched
from app.ingest.group_limit import how_long_gone_s
from app.ingest.ledger_writer import LedgerWriter
from app.ingest.tracked_slis import TrackedSli
from app.ledger import (
    FINE_REACH_S,
    MIDDLE_REACH_S,
    PACE_GRID_S,
    CounterKey,
    Resolution,
    pack,
    pack_cells,
    unpack,
    unpack_cells,
)
from app.ledger.codec import Column
from app.slo import GroupKey, Weights
from app.store import StoreError, StoreNewerError, Transaction
from app.store import ledger as tables

_STATE = "ledger_writer"
_HOUR_S = 3600
_DAY_S = 86_400
_LONGEST_HORIZON_S = 400 * _DAY_S
_ROW_KEPT_S = 100 * _DAY_S
_FORMAT = 3
_PLACES = 8
_BIRTH, _COVERED = 0, 5
_NO_PLACE = (np.nan,) * (_PLACES + 6)


class Keeper:
    """Keeps a ledger in the store; every method works in the caller's transaction."""

    def __init__(self, ledger_writer: LedgerWriter) -> None:
        self._ledger_writer = ledger_writer
        self._row_ids: list[int] = []
        # What was taken from the tiers stays here until it is on disk for sure.
        self._uncommitted: dict[tuple[int, int, int], bytes] = {}
        self._new_rows: list[int] = []
        self._laid_by: dict[str, bytes] = {}
        self._left: list[int] = []

    def load(self, transaction: Transaction) -> None:
        """Bring the ledger to where the last committed tick left it.

        Raises:
            StoreError: what is stored was written with another interval or by another version.
        """
        states = [state for name in self._names(transaction) if (state := self._stored(transaction, name)) is not None]
        # Rings go on with time and never back: what was left first comes first.
        for state in sorted(states, key=lambda state: float(state["newest_s"])):
            self._load_state(transaction, state)

    def _names(self, transaction: Transaction) -> list[str]:
        """The names of the states to be loaded; what no document asks for any more is laid by with the next save."""
        state = self._stored(transaction, _STATE)
        left = set() if state is None else set(state["tracked"].tolist())
        asked = {tracked.key for tracked in self._ledger_writer.tracked_slis}
        if state is not None:
            for key in left - asked:
                row_ids = [row.id for row in tables.load_rows(transaction, [key])]
                self._laid_by[tables.LAID_BY + key] = pack(part_of(state, key, row_ids))
        return [_STATE, *(tables.LAID_BY + key for key in sorted(asked - left))]

    def _stored(self, transaction: Transaction, name: str) -> State | None:
        stored = tables.load_state(transaction, name)
        if stored is None:
            return None
        state = unpack(stored)
        if int(state["format"]) != _FORMAT:
            raise StoreNewerError(f"the stored ledger has format {int(state['format'])}, this sloburn reads {_FORMAT}")
        if int(state["interval_s"]) != self._ledger_writer.ledger.interval_s:
            raise StoreError(
                f"the stored ledger has slots of {int(state['interval_s'])}s, SLOBURN_EVALUATION_INTERVAL says "
                f"{self._ledger_writer.ledger.interval_s}s: keep the interval, or give another SLOBURN_DATABASE_URL"
            )
        return state

    def _load_state(self, transaction: Transaction, state: State) -> None:
        known = self._load_watches(state)
        rows: dict[int, int] = {}
        for row in self._members(tables.load_rows(transaction, known), known, state):
            group: GroupKey = tuple((label, value) for label, value in orjson.loads(row.group))
            index = rows[row.id] = self._ledger_writer.series_index.row(known[row.sli], group)
            self._row_ids += [0] * (index + 1 - len(self._row_ids))
            self._row_ids[index] = row.id
        self._ledger_writer.ledger.advance(float(state["newest_s"]))
        self._load_chunks(transaction, rows)
        self._load_rows(state, rows)
        self._load_marks(state, rows)
        self._load_spilled(state["spilled"], rows)
        self._load_counters(state, rows)
        for tracked in known.values():
            self._ledger_writer.place_history(tracked)
            tracked.pending = decode_heads(
                orjson.loads(str(state["pending"])).get(tracked.key, []), self._ledger_writer.ledger, rows
            )
            if "births" in state:
                tracked.pending_births = decode_births(
                    orjson.loads(str(state["births"])).get(tracked.key, []), self._ledger_writer.ledger, rows
                )
        if "dips" in state:
            self._ledger_writer.settled.dips |= decode_dips(
                orjson.loads(str(state["dips"])), self._ledger_writer.ledger, rows
            )

    def _members(
        self, stored: Sequence[tables.StoredRow], known: Mapping[str, TrackedSli], state: State
    ) -> Iterator[tables.StoredRow]:
        """The rows of members that have a place in their group: as many as there are places, the newest measured."""
        place = dict(zip(state["row"].tolist(), state["row_place"].tolist(), strict=True))
        of_sli: dict[str, list[tables.StoredRow]] = {}
        for row in stored:
            of_sli.setdefault(row.sli, []).append(row)
        for sli, rows in of_sli.items():
            places = np.array([place.get(row.id, _NO_PLACE) for row in rows])
            gone = how_long_gone_s(places[:, _COVERED], places[:, _BIRTH])
            # Those that were first keep their index: the order of rows must not depend on who has left.
            kept = set(np.argsort(gone, kind="stable")[: watched.MOST_GROUPS].tolist())
            for position, row in enumerate(rows):
                if position in kept and gone[position] <= known[sli].horizon_s:
                    yield row
                else:
                    self._left.append(row.id)

    def save(self, transaction: Transaction, *, at_s: float) -> None:
        """Write what has changed since the last commit."""
        self._save_new_rows(transaction, at_s)
        for tier, chunk_s in self._tiers():
            self._uncommitted |= self._chunks(tier, chunk_s)
        chunks = [
            tables.StoredChunk(self._row_ids[row], width_s, chunk, cells)
            for (row, width_s, chunk), cells in self._uncommitted.items()
        ]
        tables.save_chunks(transaction, chunks)
        tables.save_state(transaction, _STATE, pack(self._state()))
        tables.delete_rows(transaction, self._left)
        for name, laid_by in self._laid_by.items():
            tables.save_state(transaction, name, laid_by)

    def committed(self) -> None:
        """Note that the transaction of the last `save` has been committed."""
        self._uncommitted.clear()
        self._new_rows.clear()
        self._laid_by.clear()
        self._left.clear()

    def prune(self, transaction: Transaction, *, at_s: float) -> None:
        """Forget what no window can need any more."""
        for tier, chunk_s in self._tiers():
            reach = {
                self._ledger_writer.ledger.fine: FINE_REACH_S + 2 * _HOUR_S,
                self._ledger_writer.ledger.middle: MIDDLE_REACH_S + 2 * _DAY_S,
            }.get(tier, _LONGEST_HORIZON_S)
            tables.prune_chunks(transaction, tier.width_s, before_chunk=int((at_s - reach) // chunk_s))
        tables.mark_used(transaction, [row_id for row_id in self._row_ids if row_id], at_s=at_s)
        tables.prune_rows(transaction, unused_since_s=at_s - _ROW_KEPT_S)

    def _tiers(self) -> tuple[tuple[Resolution, int], ...]:
        ledger = self._ledger_writer.ledger
        return (ledger.fine, _HOUR_S), (ledger.middle, _DAY_S), (ledger.coarse, _DAY_S)

    def _save_new_rows(self, transaction: Transaction, at_s: float) -> None:
        for index in self._new_rows:
            # Their transaction was rolled back.
            self._row_ids[index] = 0
        self._new_rows.clear()
        keys = self._ledger_writer.ledger.registry.rows
        self._row_ids += [0] * (len(keys) - len(self._row_ids))
        for index, (key, row_id) in enumerate(zip(keys, self._row_ids, strict=True)):
            if not row_id:
                group = orjson.dumps(key.group).decode()
                self._row_ids[index] = tables.add_row(transaction, key.sli, group, at_s=at_s)
                self._new_rows.append(index)

    def _chunks(self, tier: Resolution, chunk_s: int) -> dict[tuple[int, int, int], bytes]:
        """The chunks with changed cells, by row, width and number."""
        each = chunk_s // tier.width_s
        return {
            (row, tier.width_s, chunk): pack_cells(
                *self._ledger_writer.ledger.unspilled(tier, row, chunk * each + 1, (chunk + 1) * each)
            )
            for row, cells in tier.take_dirty(self._ledger_writer.ledger.settled_s)
            for chunk in np.unique((cells - 1) // each).tolist()
        }

    def _load_chunks(self, transaction: Transaction, rows: dict[int, int]) -> None:
        tiers = {tier.width_s: (tier, chunk_s // tier.width_s) for tier, chunk_s in self._tiers()}
        for stored in tables.load_chunks(transaction, rows):
            if stored.width_s in tiers:
                tier, each = tiers[stored.width_s]
                tier.write(rows[stored.row_id], stored.chunk * each + 1, *unpack_cells(stored.cells))

    def _state(self) -> State:
        ledger_writer, ledger = self._ledger_writer, self._ledger_writer.ledger
        started = [tracked for tracked in ledger_writer.tracked_slis if tracked.started]
        pending = {
            tracked.key: encode_heads(tracked.pending, ledger, self._row_ids) for tracked in started if tracked.pending
        }
        births = {
            tracked.key: encode_births(tracked.pending_births, ledger, self._row_ids)
            for tracked in started
            if tracked.pending_births
        }
        return {
            "format": np.array(_FORMAT),
            "interval_s": np.array(ledger.interval_s),
            "newest_s": np.array(ledger.newest_s),
            "tracked": np.array([tracked.key for tracked in started]),
            "watch_place": np.array(
                [(w.settled_s, w.counted_s, w.complete_from_s, w.wanted_from_s) for w in started]
            ).reshape(-1, 4),
            "pending": np.array(orjson.dumps(pending).decode()),
            "births": np.array(orjson.dumps(births).decode()),
            "dips": np.array(orjson.dumps(encode_dips(ledger_writer.settled.dips, ledger, self._row_ids)).decode()),
            **self._row_columns(),
            **self._counter_columns(),
        }

    def _row_columns(self) -> dict[str, Column]:
        ledger_writer, ledger = self._ledger_writer, self._ledger_writer.ledger
        size = len(self._row_ids)
        parts = [ledger.provisional(row) for row in range(size)]
        return {
            "row": np.array(self._row_ids, dtype=np.int64),
            "row_place": np.stack(
                [
                    ledger.birth_s,
                    ledger.settled_s,
                    ledger.counted_s,
                    ledger.ever_total,
                    ledger.ever_bad,
                    ledger.covered_s,
                    ledger.good_shown,
                    ledger.bad_shown,
                    *ledger_writer.settled.sized_rows(size),
                    *ledger_writer.live.sized_rows(size),
                ],
                axis=1,
            ),
            "row_marks": np.stack([ledger.dipped_s, ledger.copied_s], axis=1)[:size],
            "spilled": self._spilled(),
            "cells_first": np.array([part[0] for part in parts], dtype=np.int64),
            "cells_length": np.array([len(part[1]) for part in parts], dtype=np.int64),
            "cells": np.concatenate([np.stack(part[1:]) for part in parts], axis=1) if parts else np.empty((3, 0)),
        }

    def _spilled(self) -> Column:
        spilled = self._ledger_writer.ledger.spilled
        if len(spilled):
            spilled[:, 0] = np.array(self._row_ids)[spilled[:, 0].astype(np.int64)]
        return spilled

    def _counter_columns(self) -> dict[str, Column]:
        ledger_writer, registry = self._ledger_writer, self._ledger_writer.ledger.registry
        ledger_writer.settled.grow(registry.sizes)
        ledger_writer.live.grow(registry.sizes)
        arrays, size = registry.arrays, registry.sizes[2]
        rows = np.array(self._row_ids, dtype=np.int64)[arrays.row] if size else np.empty(0, dtype=np.int64)
        kept = ledger_writer.remembered()
        series = arrays.keys[:, 0]
        return {
            "stream": series[arrays.stream][kept],
            "counter": np.concatenate([rows[:, None], arrays.keys], axis=1)[kept],
            "counter_place": np.stack(
                [
                    arrays.total,
                    arrays.bad,
                    ledger_writer.settled.time[:size],
                    ledger_writer.settled.value[:size],
                    ledger_writer.settled.target[arrays.target] if size else np.empty(0),
                    ledger_writer.live.time[:size],
                    ledger_writer.live.value[:size],
                    ledger_writer.live.target[arrays.target] if size else np.empty(0),
                    *(
                        column[:size]
                        for column in (
                            ledger_writer.settled.anchor,
                            ledger_writer.settled.run,
                            ledger_writer.settled.pace,
                        )
                    ),
                    *(
                        column[:size]
                        for column in (ledger_writer.live.anchor, ledger_writer.live.run, ledger_writer.live.pace)
                    ),
                    *(
                        column[:size]
                        for cursor in (ledger_writer.settled, ledger_writer.live)
                        for column in (cursor.latest, cursor.earlier, cursor.level)
                    ),
                ],
                axis=1,
            )[kept],
        }

    def _load_watches(self, state: State) -> dict[str, TrackedSli]:
        places = dict(zip(state["tracked"].tolist(), state["watch_place"].tolist(), strict=True))
        known = {tracked.key: tracked for tracked in self._ledger_writer.tracked_slis if tracked.key in places}
        for key, tracked in known.items():
            tracked.settled_s, tracked.counted_s, tracked.complete_from_s, wanted = places[key]
            # A longer window than before asks for older history.
            tracked.wanted_from_s = min(
                wanted, tracked.settled_s - min(tracked.horizon_s, self._ledger_writer.history_s)
            )
            tracked.started = tracked.resumed = True
        return known

    def _load_rows(self, state: State, rows: dict[int, int]) -> None:
        ledger, ledger_writer = self._ledger_writer.ledger, self._ledger_writer
        for cursor in (ledger_writer.settled, ledger_writer.live):
            cursor.grow(ledger.registry.sizes)
        start = 0
        columns = (state["row"], state["row_place"], state["cells_first"], state["cells_length"])
        for row_id, place, first, length in zip(*(column.tolist() for column in columns), strict=True):
            cells = state["cells"][:, start : start + length]
            start += length
            row = rows.get(row_id)
            if row is None:
                continue
            ledger.birth_s[row], ledger.settled_s[row], ledger.counted_s[row] = place[:3]
            ledger.ever_total[row], ledger.ever_bad[row], ledger.covered_s[row] = place[3:6]
            ledger.good_shown[row], ledger.bad_shown[row] = place[6:_PLACES]
            for cursor, of_row in (
                (ledger_writer.settled, place[_PLACES : _PLACES + 3]),
                (ledger_writer.live, place[_PLACES + 3 :]),
            ):
                cursor.runs.last[row], cursor.runs.run[row], cursor.runs.earlier[row] = of_row
            ledger.restore(row, first, *cells)

    def _load_marks(self, state: State, rows: dict[int, int]) -> None:
        """Put back when counters last dipped and were copied; states of earlier versions do not say."""
        if "row_marks" not in state:
            return
        ledger = self._ledger_writer.ledger
        for row_id, (dipped_s, copied_s) in zip(state["row"].tolist(), state["row_marks"].tolist(), strict=True):
            if row_id in rows:
                ledger.dipped_s[rows[row_id]], ledger.copied_s[rows[row_id]] = dipped_s, copied_s

    def _load_spilled(self, spilled: Column, rows: dict[int, int]) -> None:
        known = spilled[np.isin(spilled[:, 0], list(rows))]
        if len(known):
            row = np.array([rows[row_id] for row_id in known[:, 0].astype(np.int64).tolist()])
            self._ledger_writer.ledger.spill(row, known[:, 1].astype(np.int64), known[:, 2], known[:, 3])

    def _load_streams(self, state: State, rows: dict[int, int]) -> None:
        """Unite the series that are counted as one."""
        registry = self._ledger_writer.ledger.registry
        if "stream" not in state:
            return
        for (row_id, series, _), stream in zip(state["counter"].tolist(), state["stream"].tolist(), strict=True):
            if row_id in rows and stream != series:
                new, old = (registry.find_counter(rows[row_id], each) for each in (series, stream))
                if new is not None and old is not None:
                    registry.unite(new, old)

    def _load_counters(self, state: State, rows: dict[int, int]) -> None:
        ledger_writer, registry = self._ledger_writer, self._ledger_writer.ledger.registry
        found = []
        for (row_id, series, target), place in zip(
            state["counter"].tolist(), state["counter_place"].tolist(), strict=True
        ):
            if row_id in rows:
                weights = Weights(total=place[0], bad=place[1])
                found.append((registry.counter(rows[row_id], CounterKey(series, target), weights), place))
        for cursor in (ledger_writer.settled, ledger_writer.live):
            cursor.grow(registry.sizes)
        ledger_writer.ended_series.know(registry.sizes[2])
        self._load_streams(state, rows)
        for counter, place in found:
            target = int(registry.arrays.target[counter])
            (
                ledger_writer.settled.time[counter],
                ledger_writer.settled.value[counter],
                ledger_writer.settled.target[target],
            ) = place[2:5]
            ledger_writer.live.time[counter], ledger_writer.live.value[counter], ledger_writer.live.target[target] = (
                place[5:8]
            )
            # States of earlier versions have no paces: they are known again a few minutes later.
            paces = place[8:14] or [place[2] - PACE_GRID_S, 0.0, np.nan, place[5] - PACE_GRID_S, 0.0, np.nan]
            (
                ledger_writer.settled.anchor[counter],
                ledger_writer.settled.run[counter],
                ledger_writer.settled.pace[counter],
            ) = paces[:3]
            ledger_writer.live.anchor[counter], ledger_writer.live.run[counter], ledger_writer.live.pace[counter] = (
                paces[3:]
            )
            steps = place[14:20] or [np.nan] * 6
            for cursor, (latest, earlier, level) in (
                (ledger_writer.settled, steps[:3]),
                (ledger_writer.live, steps[3:]),
            ):
                cursor.latest[counter], cursor.earlier[counter], cursor.level[counter] = latest, earlier, level
