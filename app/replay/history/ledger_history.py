"""The past of SLOs from the ledger of a service, where Prometheus no longer has the samples.

The ledger keeps single slots for a day, cells of five minutes for three days and of a quarter of an hour for as long
as windows need; the events of a cell are spread evenly over its slots.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np

from app.ledger import COARSE_WIDTH_S, RowPast, SlotColumns
from app.replay.history.history_reader import MemberPast
from app.replay.history.slot_history import SlotHistory
from app.slo import Slo, SloId
from app.slo.arrays import Floats

# Differences of sums leave so much of nothing; an event that is spread over a quarter of an hour is far more.
_ROUNDING_EVENTS, _ROUNDING_S = 1e-6, 1e-3


class HistorySource(StrEnum):
    """Where counts come from: samples in *prometheus*, the *ledger* of a service, or *auto*: it for what is older."""

    AUTO = "auto"
    PROMETHEUS = "prometheus"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedMember:
    """What the ledger has of an SLO, or of one member of its group."""

    id: SloId
    slo: Slo
    row: RowPast


class LedgerReader(Protocol):
    """Reads the ledger of a service, which may be running."""

    def counted(self, slos: Sequence[Slo], *, among: Sequence[Slo], start: datetime) -> Sequence[CountedMember]:
        """What was counted since *start* of the SLOs and their members; *among* are all SLOs.

        Raises:
            StoreError: it cannot be read; `StoreUnavailableError` where there is none.
        """
        ...


def lacks_history(history: SlotHistory) -> bool:
    """Whether nothing was measured in the first quarter of an hour."""
    measured = history.slots.measured_s[: round(COARSE_WIDTH_S / history.interval_s)]
    return not (measured > 0).any()


def with_ledger(
    members: Iterable[MemberPast], counted: Iterable[CountedMember], *, nothing: SlotHistory
) -> list[MemberPast]:
    """The members, and those that only the ledger knows, with its counts where they lack any; *nothing* has no slot."""
    found = {member.id: member for member in members}
    grouped = set()
    for one in counted:
        member = found.get(one.id) or MemberPast(id=one.id, slo=one.slo, history=nothing)
        found[one.id] = replace(member, history=filled_from(one.row, member.history))
        if one.id != one.slo.id:
            grouped.add(one.slo.id)
    # A group of which Prometheus knows no member stands for itself, until the ledger has some.
    return [member for member in found.values() if member.id not in grouped]


def filled_from(row: RowPast, history: SlotHistory) -> SlotHistory:
    """The same history with the counts of the ledger in the slots in which nothing was measured."""
    edges_s: Floats = history.start_s + history.interval_s * np.arange(len(history) + 1.0)
    total, bad, measured_s = (np.diff(column) for column in row.counted_before(edges_s))
    missing = (history.slots.measured_s <= 0) & (measured_s > _ROUNDING_S)
    if not missing.any():
        return history
    bad = np.where(bad > _ROUNDING_EVENTS, bad, 0.0)
    cells = np.searchsorted(row.edges_s, edges_s[1:][missing], side="left") - 1
    columns = zip((total, bad, measured_s), history.slots.columns, strict=True)
    return replace(
        history,
        slots=SlotColumns(*(np.where(missing, ours, known) for ours, known in columns)),
        first_sample_s=float(np.fmin(row.first_sample_s, history.first_sample_s)),
        resolution_s=max(history.resolution_s, round(float(np.diff(row.edges_s)[cells].max()))),
    )
