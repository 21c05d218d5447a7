"""The states of all SLIs as the store keeps them, cut out of the columns of the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby

import numpy as np

from app.evaluation.saving import state_records as records
from app.evaluation.saving.state_records import Records
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Dip, LastSamples
from app.slo.arrays import Floats, Ints
from app.store.sli_states import STATE_FORMAT, FinalState, ProvisionalState


@dataclass(frozen=True, slots=True)
class _Column:
    """Records in the order of the SLIs: those of SLI number n lie between two of *ends*."""

    data: bytes
    ends: Sequence[int]

    @classmethod
    def of(cls, found: Records, lengths: Ints) -> "_Column":
        """Records with the number of those of each SLI."""
        return cls(found.tobytes(), [0, *(np.cumsum(lengths) * found.dtype.itemsize).tolist()])

    def __getitem__(self, number: int) -> bytes:
        return self.data[self.ends[number] : self.ends[number + 1]]

    def joined(self, numbers: range) -> bytes:
        """The records of neighbouring SLIs."""
        return self.data[self.ends[numbers.start] : self.ends[numbers.stop]]


class States:
    """The states of all SLIs that have been started: made at once, as thousands one by one would take long."""

    def __init__(self, writer: LedgerWriter, row_ids: Sequence[int]) -> None:
        self._writer = writer
        self._row_ids = row_ids
        self._started = [tracked for tracked in writer.tracked_slis if tracked.started]
        number = {tracked.key: number for number, tracked in enumerate(self._started)}
        # -1: an SLI that has series but is not started, since some of its queries were never answered.
        self._sli_of_row = np.array([number.get(key.sli, -1) for key in writer.ledger.registry.rows], dtype=np.int64)

        self._members_of, self._provisional_members, self._cells = self._members()
        self._counters_of, self._provisional_counters = self._counters()
        self._dips_of = self._dips()
        self._history_cells = self._hole_cells(writer.ledger.history_edge.counts)

    def blocks(self) -> Iterator[tuple[range, bytes]]:
        """The numbers of neighbouring SLIs whose turn is the same, with a digest of all that is final of them."""
        first = 0
        for _, block in groupby(self._started, key=lambda tracked: tracked.turn):
            numbers = range(first, first := first + sum(1 for _ in block))
            yield numbers, self._digest(numbers)

    def _digest(self, numbers: range) -> bytes:
        """Differs where anything differs that is final, of any of some neighbouring SLIs."""
        block = self._started[numbers.start : numbers.stop]
        digest = blake2b(self._members_of.joined(numbers), digest_size=16)
        digest.update(self._counters_of.joined(numbers))
        digest.update(self._history_cells.joined(numbers))
        times = [(one.settled_s, one.complete_from_s, one.wanted_from_s) for one in block]
        digest.update(np.array(times).tobytes())
        digest.update(repr([one.key for one in block]).encode())
        for number, tracked in zip(numbers, block, strict=True):
            if number in self._dips_of:
                digest.update(repr((number, self._dips_of[number])).encode())
            if tracked.pending_targets or tracked.pending_series:
                digest.update(repr((number, self._pending(tracked))).encode())
        return digest.digest()

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the SLIs, by number."""
        return [tracked.key for tracked in self._started]

    def finals(self, numbers: range) -> Iterator[FinalState]:
        """What is final, of each of some neighbouring SLIs."""
        for number in numbers:
            tracked = self._started[number]
            sightings, values, new_series = self._pending(tracked)
            yield FinalState(
                sli=tracked.key,
                format=STATE_FORMAT,
                interval_s=self._writer.ledger.interval_s,
                settled_s=tracked.settled_s,
                complete_from_s=tracked.complete_from_s,
                wanted_from_s=tracked.wanted_from_s,
                members=self._members_of[number],
                counters=self._counters_of[number],
                dips=self._dips_of.get(number, b""),
                first_sightings=sightings,
                first_values=values,
                new_series=new_series,
                history_cells=self._history_cells[number],
            )

    def provisionals(self) -> Iterator[ProvisionalState]:
        """What is provisional, of each SLI, by number."""
        settled_cells = self._hole_cells(self._writer.ledger.provisional_in_settled)
        for number, tracked in enumerate(self._started):
            yield ProvisionalState(
                sli=tracked.key,
                counted_s=tracked.counted_s,
                members=self._provisional_members[number],
                counters=self._provisional_counters[number],
                cells=self._cells[number],
                settled_cells=settled_cells[number],
            )

    def _pending(self, tracked: TrackedSli) -> tuple[bytes, bytes, bytes]:
        """What waits for older history: targets, the first values of their counters, and series."""
        ledger, row_ids = self._writer.ledger, self._row_ids
        sightings, values = records.encode_first_sightings(tracked.pending_targets, ledger, row_ids)
        return sightings, values, records.encode_new_series(tracked.pending_series, ledger, row_ids)

    def _members(self) -> tuple[_Column, _Column, _Column]:
        ledger, size = self._writer.ledger, len(self._sli_of_row)
        order = self._by_sli(np.arange(size), self._sli_of_row)
        first_cell, lengths, total, bad, measured_s = ledger.provisional(order)
        final, provisional = np.empty(len(order), records.MEMBER), np.empty(len(order), records.PROVISIONAL_MEMBER)
        final["row_id"] = np.array(self._row_ids, dtype=np.int64)[order]
        for name in ("first_sample_s", "settled_s", "dipped_s", "copied_s"):
            final[name] = getattr(ledger, name)[order]
        final["history_measured_from_s"] = ledger.history_edge.measured_from_s[order]
        for name in ("counted_s", "covered_s", "ever_total", "ever_bad", "good_shown", "bad_shown"):
            provisional[name] = getattr(ledger, name)[order]
        for found, last_samples in ((final, self._writer.settled), (provisional, self._writer.live)):
            last, run, earlier = last_samples.sized_rows(size)
            found["seen_last_s"], found["seen_run_s"], found["seen_earlier_s"] = last[order], run[order], earlier[order]
        provisional["first_cell"], provisional["cells"] = first_cell, lengths
        cells = np.empty(len(total), records.CELL)
        cells["total"], cells["bad"], cells["measured_s"] = total, bad, measured_s
        of_sli = self._sli_of_row[order]
        each = self._each(of_sli)
        of_cells = self._each(np.repeat(of_sli, lengths))
        return _Column.of(final, each), _Column.of(provisional, each), _Column.of(cells, of_cells)

    def _counters(self) -> tuple[_Column, _Column]:
        writer, registry = self._writer, self._writer.ledger.registry
        for last_samples in (writer.settled, writer.live):
            last_samples.grow(registry.sizes)
        kept, arrays = np.flatnonzero(writer.remembered()), registry.arrays
        order = self._by_sli(kept, self._sli_of_row[arrays.row[kept]])
        final = np.empty(len(order), records.COUNTER)
        final["row_id"] = np.array(self._row_ids, dtype=np.int64)[arrays.row[order]]
        final["series"], final["target"] = arrays.keys[order].T
        final["stream"] = arrays.keys[arrays.stream[order], 0]
        final["total_weight"], final["bad_weight"] = arrays.total[order], arrays.bad[order]
        provisional = np.empty(len(order), records.PROVISIONAL_COUNTER)
        target = arrays.target[order] if len(order) else order
        _fill_last_samples(final, writer.settled, order, target)
        _fill_last_samples(provisional, writer.live, order, target)
        each = self._each(self._sli_of_row[arrays.row[order]])
        return _Column.of(final, each), _Column.of(provisional, each)

    def _hole_cells(self, cells: Floats) -> _Column:
        """Cells of row, slot, total and bad as records; shape (n, 4)."""
        row = cells[:, 0].astype(np.int64)
        order = self._by_sli(np.arange(len(row)), self._sli_of_row[row])
        found = np.empty(len(order), records.HOLE_CELL)
        found["row_id"] = np.array(self._row_ids, dtype=np.int64)[row[order]]
        for name, column in zip(("cell", "total", "bad"), cells[order, 1:].T, strict=True):
            found[name] = column
        return _Column.of(found, self._each(self._sli_of_row[row[order]]))

    def _dips(self) -> Mapping[int, bytes]:
        """By number of the SLI, the counters that fell lately; few have any."""
        ledger = self._writer.ledger
        of_sli: dict[int, list[tuple[int, Dip]]] = {}
        for counter, dip in self._writer.settled.dips.items():
            row, _ = ledger.registry.counter_keys[counter]
            of_sli.setdefault(int(self._sli_of_row[row]), []).append((counter, dip))
        return {number: records.encode_dips(dips, ledger, self._row_ids) for number, dips in of_sli.items()}

    def _by_sli(self, indexes: Ints, of_sli: Ints) -> Ints:
        """Indexes in the order of their SLIs, without those of SLIs that are not started."""
        order = np.argsort(of_sli, kind="stable")
        return indexes[order[of_sli[order] >= 0]]

    def _each(self, of_sli: Ints) -> Ints:
        """How many there are of each SLI."""
        return np.bincount(of_sli, minlength=len(self._started))


def _fill_last_samples(found: Records, last_samples: LastSamples, counter: Ints, target: Ints) -> None:
    for name in records.LAST_SAMPLE_COLUMNS:
        found[name] = getattr(last_samples, name)[counter]
    found["target_time"] = last_samples.target[target]
