"""The ledger in the store: what an evaluation writes, and what a start reads.

Final cells are kept in chunks, one blob for an hour or a day of a row. Everything else is the state of an SLI: a row of
what is final, and one of what is provisional. After a restart the provisional part is counted again from the settled
time on, as soon as Prometheus answers. Only what differs from what was committed last is written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from app.evaluation.saving import state_records as records
from app.evaluation.saving.ended_days import EndedDays
from app.evaluation.saving.state_encoding import States
from app.evaluation.saving.state_records import Records
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.series import tracked_slis
from app.ingest.series.group_limit import how_long_gone_s
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import (
    COARSE_WIDTH_S,
    FINE_REACH_S,
    MIDDLE_REACH_S,
    CounterKey,
    Resolution,
    pack_cells,
    unpack_cells,
)
from app.reports import SloDefinition
from app.slo import Weights
from app.slo.arrays import Ints
from app.store import StoreError, StoreNewerError, Transaction
from app.store import ledger as tables
from app.store.adjusted_shares import prune_adjusted_shares
from app.store.daily_totals import prune_daily_totals, save_daily_totals
from app.store.definitions import prune_definitions, save_definitions
from app.store.sli_states import (
    STATE_FORMAT,
    FinalState,
    ProvisionalState,
    SliState,
    load_interval,
    load_states,
    mark_used,
    prune_states,
    rows_without_state,
    save_finals,
    save_provisionals,
)

_HOUR_S = 3600
_DAY_S = 86_400
# A calendar year, with a month to spare: no window is longer.
_LONGEST_HORIZON_S = 400 * _DAY_S
# A day of middle cells of so many rows is 2 MB.
_CHUNKS_AT_ONCE = 256
# ADR-0037: an SLO that is taken out and put back within a quarter still has its history.
_UNUSED_KEPT_S = 100 * _DAY_S
# ADR-0066: five years, with the leap days among them.
DAYS_KEPT_S = (5 * 365 + 2) * _DAY_S


class LedgerStore:
    """Saves and loads a ledger; every method works in the caller's transaction."""

    def __init__(self, ledger_writer: LedgerWriter) -> None:
        self._writer = ledger_writer
        self._row_ids: list[int] = []
        # What was taken from the resolutions stays here until it is committed.
        self._uncommitted: dict[tuple[int, int, int], bytes] = {}
        self._days = EndedDays(ledger_writer.ledger, ledger_writer.tracked_slis)
        self._rows_to_prune: set[int] = set()
        self._new_rows: list[int] = []
        # Documents of another evaluator may have said something else.
        self._defined = False
        self._left: list[int] = []
        self._left_before: tuple[int, ...] = ()
        self._committed: dict[str, tuple[int, int]] = {}
        """By SLI, the checksums of its final and provisional state in the database."""
        self._saved: dict[str, tuple[int, int]] = {}
        self._committed_finals: dict[range, bytes] = {}
        """By neighbouring SLIs, a digest of their final states in the database; none where that is not known."""
        self._saved_finals: dict[range, bytes] = {}

    def load(self, transaction: Transaction) -> None:
        """Bring the ledger to where the last committed evaluation left it.

        Raises:
            StoreError: what is stored was written with another interval or by another version.
            ValueError: it is damaged.
        """
        states = load_states(transaction, [tracked.key for tracked in self._writer.tracked_slis])
        for state in states:
            self._check(state.final)
        # Rings go on with time and never back: what was counted least far comes first.
        states.sort(key=_counted_s)
        for counted_s, some in groupby(states, key=_counted_s):
            self._load(transaction, tuple(some), counted_s)
        self._committed = {state.final.sli: (state.final.checksum, state.provisional.checksum) for state in states}
        self._days.loaded()

    def save(self, transaction: Transaction, *, at_s: float) -> None:
        """Write what has changed since the last commit."""
        self._save_new_rows(transaction)
        for resolution, chunk_s in self._resolutions():
            self._uncommitted |= self._chunks(resolution, chunk_s)
        chunks = [
            tables.StoredChunk(self._row_ids[row], width_s, chunk, cells)
            for (row, width_s, chunk), cells in self._uncommitted.items()
        ]
        tables.save_chunks(transaction, chunks)
        self._save_days(transaction)
        if not self._defined:
            save_definitions(transaction, _definitions(self._writer.tracked_slis), at_s=int(at_s))
        self._save_states(transaction, at_s)
        tables.forget_rows(transaction, sorted({*self._left}.difference(self._row_ids)))

    def committed(self) -> None:
        """Note that the transaction of the last `save` has been committed."""
        self._uncommitted.clear()
        self._defined = True
        self._days.committed()
        self._new_rows.clear()
        self._left_before += tuple(self._left)
        self._left.clear()
        self._committed, self._saved = self._saved, {}
        self._committed_finals, self._saved_finals = self._saved_finals, {}

    @property
    def newest_s(self) -> float:
        """The end of what was measured of any SLI, 0 if nothing was."""
        return float(np.max(self._writer.ledger.covered_s, initial=0.0))

    def keep(self, transaction: Transaction, *, at_s: float) -> None:
        """Note which SLIs are in use, so that no process prunes them."""
        mark_used(transaction, [tracked.key for tracked in self._writer.tracked_slis], at_s=at_s)

    def prune(self, transaction: Transaction, *, at_s: float) -> None:
        """Delete what no window can need any more, of all SLIs."""
        for resolution, chunk_s in self._resolutions():
            reach = {
                self._writer.ledger.fine: FINE_REACH_S + 2 * _HOUR_S,
                self._writer.ledger.middle: MIDDLE_REACH_S + 2 * _DAY_S,
            }.get(resolution, _LONGEST_HORIZON_S)
            tables.prune_chunks(transaction, resolution.width_s, before_chunk=int((at_s - reach) // chunk_s))
        prune_states(transaction, unused_since_s=at_s - _UNUSED_KEPT_S)
        self._prune_days(transaction, (), ended=rows_without_state(transaction), at_s=at_s)
        prune_definitions(transaction, before_s=at_s - DAYS_KEPT_S)

    def prune_own(self, transaction: Transaction, *, at_s: float) -> None:
        """Delete days that are no longer read, of the rows of this ledger."""
        self._prune_days(transaction, self._rows_to_prune, ended=self._left_before, at_s=at_s)
        self._rows_to_prune.clear()

    def _prune_days(self, transaction: Transaction, rows: Iterable[int], *, ended: Iterable[int], at_s: float) -> None:
        # Of SLIs that no document has, and of members that have left: they get no day any more.
        gone = set(ended).difference(self._row_ids)
        of_days = sorted(gone.union(rows))
        prune_daily_totals(transaction, of_days, before_s=at_s - DAYS_KEPT_S)
        prune_adjusted_shares(transaction, of_days, before_s=at_s - DAYS_KEPT_S)
        tables.forget_rows(transaction, sorted(gone))

    def _resolutions(self) -> tuple[tuple[Resolution, int], ...]:
        ledger = self._writer.ledger
        return (ledger.fine, _HOUR_S), (ledger.middle, _DAY_S), (ledger.coarse, _DAY_S)

    def _save_new_rows(self, transaction: Transaction) -> None:
        for index in self._new_rows:
            # Their transaction was rolled back.
            self._row_ids[index] = 0
        keys = self._writer.ledger.registry.rows
        self._row_ids += [0] * (len(keys) - len(self._row_ids))
        self._new_rows = [index for index, row_id in enumerate(self._row_ids) if not row_id]
        added = tables.add_rows(transaction, [(keys[index].sli, keys[index].group) for index in self._new_rows])
        for index, row_id in zip(self._new_rows, added, strict=True):
            self._row_ids[index] = row_id

    def _chunks(self, resolution: Resolution, chunk_s: int) -> dict[tuple[int, int, int], bytes]:
        """The chunks with changed cells, by row, width and number."""
        each, ledger = chunk_s // resolution.width_s, self._writer.ledger
        rows, chunks = resolution.changed_chunks(ledger.settled_s, each)
        packed: dict[tuple[int, int, int], bytes] = {}
        for start in range(0, len(rows), _CHUNKS_AT_ONCE):
            some, numbers = rows[start : start + _CHUNKS_AT_ONCE], chunks[start : start + _CHUNKS_AT_ONCE]
            columns = ledger.read_final(resolution, some, numbers * each + 1, (numbers + 1) * each)
            for place, (row, number) in enumerate(zip(some.tolist(), numbers.tolist(), strict=True)):
                own = slice(place * each, (place + 1) * each)
                packed[row, resolution.width_s, number] = pack_cells(*(column[own] for column in columns))
        return packed

    def _save_days(self, transaction: Transaction) -> None:
        changed = {(row, day) for row, width_s, day in self._uncommitted if width_s == COARSE_WIDTH_S}
        days = [*self._days.totals(self._row_ids, changed)]
        save_daily_totals(transaction, days)
        # A row has too old a day whenever it gets a new one.
        self._rows_to_prune.update(day.row_id for day in days)

    def _save_states(self, transaction: Transaction, at_s: float) -> None:
        states = States(self._writer, self._row_ids)
        before, keys = self._committed, states.keys
        blocks = dict(states.blocks())
        final_sums: dict[str, int] = {}
        finals: list[tuple[FinalState, int]] = []
        provisionals: list[tuple[ProvisionalState, int]] = []
        for numbers, digest in blocks.items():
            # In nine evaluations of ten nothing final has changed.
            if self._committed_finals.get(numbers) == digest:
                final_sums |= {sli: before[sli][0] for sli in keys[numbers.start : numbers.stop]}
                continue
            for final in states.finals(numbers):
                checksum = final_sums[final.sli] = final.checksum
                if checksum != before.get(final.sli, (None, None))[0]:
                    finals.append((final, checksum))
        # Until the transaction is committed, or has failed, it is not known what is stored.
        self._committed, self._saved = {}, {}
        self._committed_finals, self._saved_finals = {}, blocks
        for state in states.provisionals():
            checksum = state.checksum
            if checksum != before.get(state.sli, (None, None))[1]:
                provisionals.append((state, checksum))
            self._saved[state.sli] = final_sums[state.sli], checksum
        save_finals(transaction, finals, at_s=at_s)
        save_provisionals(transaction, provisionals)

    def _check(self, state: FinalState) -> None:
        if state.format != STATE_FORMAT:
            raise StoreNewerError(f"the stored ledger has format {state.format}, this sloburn reads {STATE_FORMAT}")
        _check_interval(state.interval_s, self._writer.ledger.interval_s)

    def _load(self, transaction: Transaction, states: Sequence[SliState], counted_s: float) -> None:
        """Load SLIs that have been counted up to the same time."""
        writer = self._writer
        known = {tracked.key: tracked for tracked in writer.tracked_slis}
        for state in states:
            self._load_progress(known[state.final.sli], state)
        members = np.concatenate([_members_of(state) for state in states])
        rows = self._load_rows(transaction, {state.final.sli: known[state.final.sli] for state in states}, members)
        writer.ledger.advance(counted_s)
        self._load_chunks(transaction, rows)
        self._load_members(states, members, rows)
        self._load_hole_cells(states, rows)
        self._load_counters(states, rows)
        for state in states:
            tracked, final = known[state.final.sli], state.final
            writer.set_history_progress(tracked)
            tracked.pending_targets = records.decode_first_sightings(
                final.first_sightings, final.first_values, writer.ledger, rows
            )
            tracked.pending_series = records.decode_new_series(final.new_series, writer.ledger, rows)
            writer.settled.dips |= records.decode_dips(final.dips, writer.ledger, rows)

    def _load_progress(self, tracked: TrackedSli, state: SliState) -> None:
        tracked.settled_s, tracked.counted_s = state.final.settled_s, state.provisional.counted_s
        tracked.complete_from_s = state.final.complete_from_s
        # A longer window than before asks for older history.
        horizon_s = min(tracked.horizon_s, self._writer.history_s)
        tracked.wanted_from_s = min(state.final.wanted_from_s, tracked.settled_s - horizon_s)
        tracked.started = tracked.resumed = True

    def _load_rows(
        self, transaction: Transaction, known: Mapping[str, TrackedSli], members: Records
    ) -> Mapping[int, int]:
        """The rows of the ledger by their stored ids."""
        rows: dict[int, int] = {}
        for row in self._with_a_place(tables.load_rows(transaction, known), known, members):
            index = rows[row.id] = self._writer.series_index.row(known[row.sli], row.group)
            self._row_ids += [0] * (index + 1 - len(self._row_ids))
            self._row_ids[index] = row.id
        return rows

    def _with_a_place(
        self, stored: Sequence[tables.StoredRow], known: Mapping[str, TrackedSli], members: Records
    ) -> Iterator[tables.StoredRow]:
        """The rows of members that have a place in their group: as many as there are places, the newest measured."""
        measured = {
            row_id: (covered_s, first_sample_s)
            for row_id, covered_s, first_sample_s in members[["row_id", "covered_s", "first_sample_s"]].tolist()
        }
        of_sli: dict[str, list[tables.StoredRow]] = {}
        for row in stored:
            of_sli.setdefault(row.sli, []).append(row)
        for sli, rows in of_sli.items():
            covered_s, first_sample_s = np.array([measured.get(row.id, (np.nan, np.nan)) for row in rows]).T
            gone = how_long_gone_s(covered_s, first_sample_s)
            # Those that were first keep their index: the order of rows must not depend on who has left.
            kept = set(np.argsort(gone, kind="stable")[: tracked_slis.MOST_GROUPS].tolist())
            for position, row in enumerate(rows):
                if position in kept and gone[position] <= known[sli].windows_s:
                    yield row
                else:
                    self._left.append(row.id)

    def _load_chunks(self, transaction: Transaction, rows: Mapping[int, int]) -> None:
        resolutions = {one.width_s: (one, chunk_s // one.width_s) for one, chunk_s in self._resolutions()}
        for stored in tables.load_chunks(transaction, rows):
            if stored.width_s in resolutions:
                resolution, each = resolutions[stored.width_s]
                resolution.write(rows[stored.row_id], stored.chunk * each + 1, *unpack_cells(stored.cells))

    def _load_members(self, states: Sequence[SliState], members: Records, rows: Mapping[int, int]) -> None:
        writer, ledger = self._writer, self._writer.ledger
        found, row = _of_rows(members, rows)
        for name in ("first_sample_s", "settled_s", "dipped_s", "copied_s"):
            getattr(ledger, name)[row] = found[name]
        ledger.history_edge.measured_from_s[row] = found["history_measured_from_s"]
        for name in ("counted_s", "covered_s", "ever_total", "ever_bad", "good_shown", "bad_shown"):
            getattr(ledger, name)[row] = found[name]
        for last_samples, prefix in ((writer.settled, ""), (writer.live, "live_")):
            last_samples.grow(ledger.registry.sizes)
            runs = last_samples.runs
            runs.last[row], runs.run[row] = found[f"{prefix}seen_last_s"], found[f"{prefix}seen_run_s"]
            runs.earlier[row] = found[f"{prefix}seen_earlier_s"]
        cells = np.concatenate([records.read_records(records.CELL, state.provisional.cells) for state in states])
        ends = np.cumsum(members["cells"], dtype=np.int64)
        if ends[-1:].sum() != len(cells):
            raise ValueError("the members of an SLI have more or fewer cells than are stored")
        for row_id, first, length, end in zip(
            *(column.tolist() for column in (members["row_id"], members["first_cell"], members["cells"], ends)),
            strict=True,
        ):
            if row_id in rows:
                own = cells[end - length : end]
                ledger.restore(rows[row_id], first, own["total"], own["bad"], own["measured_s"].astype(np.float64))

    def _load_hole_cells(self, states: Sequence[SliState], rows: Mapping[int, int]) -> None:
        ledger = self._writer.ledger
        for add, stored in (
            (ledger.add_settled, [state.provisional.settled_cells for state in states]),
            (ledger.history_edge.add, [state.final.history_cells for state in states]),
        ):
            cells = np.concatenate([records.read_records(records.HOLE_CELL, one) for one in stored])
            found, row = _of_rows(cells, rows)
            if len(found):
                add(row, found["cell"], found["total"], found["bad"])

    def _load_counters(self, states: Sequence[SliState], rows: Mapping[int, int]) -> None:
        writer, registry = self._writer, self._writer.ledger.registry
        finals = np.concatenate([records.read_records(records.COUNTER, state.final.counters) for state in states])
        provisionals = np.concatenate(
            [records.read_records(records.PROVISIONAL_COUNTER, state.provisional.counters) for state in states]
        )
        if len(finals) != len(provisionals):
            raise ValueError("the two parts of the state of an SLI have different counters")
        known = np.isin(finals["row_id"], list(rows))
        finals, provisionals = finals[known], provisionals[known]
        identity = ("row_id", "series", "target", "total_weight", "bad_weight")
        counter = np.array(
            [
                registry.counter(rows[row_id], CounterKey(series, target), Weights(total=total, bad=bad))
                for row_id, series, target, total, bad in finals[list(identity)].tolist()
            ],
            dtype=np.int64,
        )
        writer.ended_series.know(registry.sizes[2])
        for row_id, series, stream in finals[finals["stream"] != finals["series"]][
            ["row_id", "series", "stream"]
        ].tolist():
            new, old = (registry.find_counter(rows[row_id], each) for each in (series, stream))
            if new is not None and old is not None:
                registry.unite(new, old)
        for last_samples, found in ((writer.settled, finals), (writer.live, provisionals)):
            last_samples.grow(registry.sizes)
            for name in records.LAST_SAMPLE_COLUMNS:
                getattr(last_samples, name)[counter] = found[name]
            if len(counter):
                last_samples.target[registry.arrays.target[counter]] = found["target_time"]


def _definitions(tracked_slis: Sequence[TrackedSli]) -> list[SloDefinition]:
    return [
        SloDefinition(
            slo=slo.id,
            since_s=0,
            sli=tracked.key,
            service=slo.service,
            name=slo.name,
            objective=slo.objective,
            sla=slo.sla,
            timezone=slo.window.timezone,
            labels=slo.labels,
        )
        for tracked in tracked_slis
        for slo in tracked.slos
    ]


def _counted_s(state: SliState) -> float:
    return state.provisional.counted_s


def _members_of(state: SliState) -> Records:
    """Both parts of the records of an SLI's members as one."""
    final = records.read_records(records.MEMBER, state.final.members)
    provisional = records.read_records(records.PROVISIONAL_MEMBER, state.provisional.members)
    if len(final) != len(provisional):
        raise ValueError("the two parts of the state of an SLI have different members")
    both = np.empty(len(final), records.WHOLE_MEMBER)
    for name in final.dtype.names or ():
        both[name] = final[name]
    for name in provisional.dtype.names or ():
        both[f"live_{name}" if name.startswith("seen_") else name] = provisional[name]
    return both


def _of_rows(found: Records, rows: Mapping[int, int]) -> tuple[Records, Ints]:
    """The records of known rows, and the index of the row of each."""
    known = found[np.isin(found["row_id"], list(rows))]
    return known, np.array([rows[row_id] for row_id in known["row_id"].tolist()], dtype=np.int64)


def check_interval(transaction: Transaction, interval_s: int) -> None:
    """Refuse to work on a database whose slots have another length, before this process takes anything of it.

    Raises:
        StoreError: they have; the message says what to do.
    """
    stored_s = load_interval(transaction)
    if stored_s is not None:
        _check_interval(stored_s, interval_s)


def _check_interval(stored_s: int, interval_s: int) -> None:
    if stored_s != interval_s:
        raise StoreError(
            f"the stored ledger has slots of {stored_s}s, SLOBURN_EVALUATION_INTERVAL says {interval_s}s: "
            "keep the interval, or give another SLOBURN_DATABASE_URL"
        )
