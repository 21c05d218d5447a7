"""The SLIs that time slices are slices of, as they are counted, or were until no document asked for them any more."""

from app.evaluation.saving.ledger_store import LedgerStore
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.history.counted_slices import CountedSli, sli_of_slices
from app.ingest.series.tracked_slis import TrackedSli
from app.slo import Sli
from app.store import Transaction
from app.store.sli_states import STATE_FORMAT, load_states


def counted_for_slices(transaction: Transaction, ledger_writer: LedgerWriter) -> dict[str, CountedSli]:
    """What is known of the SLI of each of some time slices, by the key of the slices.

    What no document asks for is read from the database, for as long as the history of the slices is being counted.
    """
    tracked_of = {tracked.key: tracked for tracked in ledger_writer.tracked_slis}
    sliced = {
        tracked.key: (tracked, sli)
        for tracked in ledger_writer.tracked_slis
        if (sli := sli_of_slices(tracked.sli)) is not None
    }
    ended = {
        sli.key: _tracked(sli, tracked.horizon_s)
        for tracked, sli in sliced.values()
        if sli.key not in tracked_of and not tracked.backfilled
    }
    stored = _load(transaction, ended, interval_s=ledger_writer.ledger.interval_s)
    counted = {key: CountedSli(tracked=tracked, ledger=ledger_writer.ledger) for key, tracked in tracked_of.items()}
    counted |= {tracked.key: CountedSli(tracked=tracked, ledger=stored.ledger) for tracked in stored.tracked_slis}
    return {key: counted[sli.key] for key, (_, sli) in sliced.items() if sli.key in counted}


def _tracked(sli: Sli, horizon_s: float) -> TrackedSli:
    selectors = (*sli.queries, *sli.native)
    return TrackedSli(key=sli.key, sli=sli, slos=(), selectors=selectors, horizon_s=horizon_s, windows_s=horizon_s)


def _load(transaction: Transaction, ended: dict[str, TrackedSli], *, interval_s: int) -> LedgerWriter:
    """The ledger of SLIs that no document asks for; without those of other intervals and formats."""
    states = load_states(transaction, ended) if ended else []
    readable = {
        state.final.sli
        for state in states
        if (state.final.format, state.final.interval_s) == (STATE_FORMAT, interval_s)
    }
    writer = LedgerWriter([tracked for key, tracked in ended.items() if key in readable], interval_s=interval_s)
    LedgerStore(writer).load(transaction)
    return writer
