"""The days of an SLO: what was counted on each outlives the ledger's cells, in the zone of the SLO window."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy import text

from app.evaluation import Past, days, with_older_days
from app.evaluation.saving import ended_days
from app.ingest.series import tracked_slis
from app.prometheus import UnreachableError
from app.service.adapters.chart_adapters import EnginePasts
from app.service.adapters.impatient_reads import ImpatientReads
from app.slo import day_starts
from app.status import Board, DaySummary, IncidentMemory
from app.store.daily_totals import DailyTotal, load_daily_totals, prune_daily_totals
from app.store.definitions import load_definitions
from app.store.ledger import forget_rows
from app.store.sli_states import prune_states, rows_without_state
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import Span, availability, counter, requests, slos
from tests.evaluation.running import Running
from tests.support.pasts import a_past

if TYPE_CHECKING:
    from app.service.engine import Engine

# 2027-01-15 08:00 UTC.
NOW = 1_800_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
MIDNIGHT = NOW - 8 * HOUR
INCIDENT = (MIDNIGHT - 14 * HOUR, MIDNIGHT - 14 * HOUR + 20 * MINUTE)
SLO = "shop-availability"
_LEDGER = ("sli_state", "ledger_chunk", "ledger_row", "daily_total")


def _shop(since: float, until: float, incident: Span = INCIDENT) -> list[Series]:
    """Ten requests a second, of which half fail in the incident: 6,000 of 864,000 on that day."""
    return [
        counter(requests("shop"), (since, until), per_second=10.0, bursts=[(incident, -5.0)]),
        counter(requests("shop", "500"), (since, until), per_second=0.0, bursts=[(incident, 5.0)]),
    ]


def _stored(one: Running) -> list[DailyTotal]:
    with one.database.read() as transaction:
        return load_daily_totals(transaction, one.slos[0].sli.key, (), start_s=0, end_s=2 * NOW)


def _days(one: Running, since: float, until: float) -> dict[date, DaySummary]:
    past = one.evaluator.past(one.slos[0].id)
    assert isinstance(past, Past)
    found = days(
        with_older_days(past, _stored(one)),
        start=datetime.fromtimestamp(since, UTC),
        end=datetime.fromtimestamp(until, UTC),
    )
    return {day.date: day for day in found}


def _running(path: Path, source: MemorySource, document: dict[str, object] | None = None) -> Running:
    wanted = slos([document or availability("shop", objective=99, window="1d")], path / "slos")

    def move(at: float) -> None:
        source.now = at

    return Running(wanted, source, path / "db", move=move)


def test_a_day_is_known_long_after_the_ledger_has_forgotten_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A month of evaluations would be the same in more time.
    monkeypatch.setattr(tracked_slis, "LEARNED_FROM", timedelta(0))
    with _running(tmp_path, MemorySource(_shop(MIDNIGHT - 3 * DAY, NOW + 20 * DAY))) as one:
        one.tick(NOW - DAY)
        one.backfill(NOW - DAY)
        one.tick(NOW - DAY + 30)
        # The days of the history that was counted just now.
        assert [day.start_s for day in _stored(one)] == [MIDNIGHT - 3 * DAY, MIDNIGHT - 2 * DAY]
        one.run(NOW - DAY, NOW + 4 * DAY, every=HOUR, backfill=False)
        one.restart()
        one.tick(NOW + 4 * DAY + HOUR)
        found = _days(one, NOW - 30 * DAY, NOW + 4 * DAY)
        past = one.evaluator.past(one.slos[0].id)
        # As readers are answered: the evaluator has what the service's engine copies from it.
        engine = cast("Engine", SimpleNamespace(own_past=one.evaluator.past))
        pasts = EnginePasts(engine, ImpatientReads(one.database), Board(), IncidentMemory())
        end = datetime.fromtimestamp(NOW + 4 * DAY, UTC)
        served = {day.date: day for day in pasts.days([one.slos[0].id], end - timedelta(days=34), end)}
    assert [day for day in served.values() if day.coverage] == [day for day in found.values() if day.coverage]
    assert past is not None
    assert past.row is not None
    assert past.row.edges_s[0] > MIDNIGHT
    ended = [day for day in found.values() if day.over and day.date >= date(2027, 1, 14)]
    assert [day.total for day in ended] == pytest.approx([864_000] * 5, abs=40)
    assert [day.bad for day in ended] == pytest.approx([6_000] + [0] * 4, abs=1)
    assert [day.coverage for day in ended] == pytest.approx([1.0] * 5, abs=1e-3)
    # A day of errors in a window of a day: 6,000 of 8,640.
    assert ended[0].budget_spent == pytest.approx(6_000 / 8_640, rel=1e-3)
    assert not found[date(2027, 1, 19)].over


def test_a_day_is_written_when_it_ends_and_once(tmp_path: Path) -> None:
    with _running(tmp_path, MemorySource(_shop(MIDNIGHT - DAY, NOW + DAY))) as one:
        one.tick(MIDNIGHT - HOUR)
        before = [day.start_s for day in _stored(one)]
        one.tick(MIDNIGHT + 4 * MINUTE)
        provisional = [day.start_s for day in _stored(one)]
        one.tick(MIDNIGHT + 6 * MINUTE)
        (day,) = _stored(one)
        one.tick(MIDNIGHT + HOUR)
        assert _stored(one) == [day]
    assert (before, provisional) == ([], [])
    assert (day.start_s, day.length_s) == (MIDNIGHT - DAY, DAY)
    # Only the last hour was read so far.
    assert day.measured_s == pytest.approx(HOUR, abs=15 * MINUTE)


def test_to_write_days_only_those_since_the_last_commit_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of an SLI that Prometheus could not be asked for at first: to be settled up to 1970 is no day to write."""
    looked_at: list[int] = []

    def counting(timezone: str, since_s: float, until_s: float) -> tuple[int, ...]:
        starts = day_starts(timezone, since_s, until_s)
        looked_at.append(len(starts) - 1)
        return starts

    def refused(_expr: str) -> None:
        raise UnreachableError("refused")

    monkeypatch.setattr(ended_days, "day_starts", counting)
    source = MemorySource(_shop(MIDNIGHT - 2 * HOUR, NOW))
    with _running(tmp_path, source) as one:
        source.fault = refused
        one.tick(MIDNIGHT - 600)
        source.fault = lambda _expr: None
        one.tick(MIDNIGHT - 570, MIDNIGHT - 240, MIDNIGHT + 360)
        assert [day.start_s for day in _stored(one)] == [MIDNIGHT - DAY]
    assert looked_at
    assert max(looked_at) <= 2


def test_a_day_on_which_nothing_was_measured_is_not_a_day_without_errors(tmp_path: Path) -> None:
    ends = MIDNIGHT - DAY + 3 * HOUR
    with _running(tmp_path, MemorySource(_shop(MIDNIGHT - 3 * DAY, ends, (0, 0)))) as one:
        one.tick(ends)
        one.backfill(ends)
        one.run(ends, NOW + 3 * DAY, every=HOUR, backfill=False)
        found = _days(one, NOW - 30 * DAY, NOW + 3 * DAY)
    assert found[date(2027, 1, 14)].coverage == pytest.approx(3 / 24, abs=1e-3)
    silent = [found[date(2027, 1, number)] for number in (15, 16, 17)]
    assert [day.coverage for day in silent] == [0.0] * 3
    assert all(math.isnan(figure) for day in silent for figure in (day.good, day.total, day.sli, day.budget_spent))


def test_days_are_those_of_the_zone_of_the_slo_window(tmp_path: Path) -> None:
    """In Berlin the day of the incident begins at 23:00 UTC, and the day of the change to summer time has 23 hours."""
    change = datetime(2027, 3, 28, tzinfo=UTC).timestamp()
    incident = (change - 1800, change - 600)
    document = availability("shop", objective=99)
    document["slos"][0]["window"] = {"calendar": "month", "timezone": "Europe/Berlin"}  # type: ignore[index]
    with _running(tmp_path, MemorySource(_shop(change - 2 * DAY, change + 2 * DAY, incident)), document) as one:
        one.tick(change - DAY)
        one.backfill(change - DAY)
        one.run(change - DAY, change + DAY, every=HOUR, backfill=False)
        stored = {day.start_s: day for day in _stored(one)}
        found = _days(one, change - DAY, change + DAY)
    shifted = stored[round(change) - HOUR]
    assert shifted.length_s == 23 * HOUR
    assert shifted.bad == pytest.approx(6_000, abs=1)
    assert found[date(2027, 3, 28)].bad == pytest.approx(6_000, abs=1)
    assert found[date(2027, 3, 27)].bad == pytest.approx(0, abs=1)
    # Of a month that has hardly begun to be measured, the rest is taken to have as many events.
    assert found[date(2027, 3, 28)].budget_spent == pytest.approx(6_000 / (10 * 31 * DAY * 0.01), rel=5e-3)


def test_days_stay_for_reports_when_the_sli_is_gone(tmp_path: Path) -> None:
    with _running(tmp_path, MemorySource(_shop(MIDNIGHT - 2 * DAY, NOW + DAY))) as one:
        one.tick(MIDNIGHT - HOUR)
        one.tick(MIDNIGHT)
        one.tick(MIDNIGHT + 600)
        (day,) = _stored(one)
        with one.database.begin() as transaction:
            prune_states(transaction, unused_since_s=NOW)
            left = [transaction.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in _LEDGER]  # noqa: S608
            (row,) = rows_without_state(transaction)
        with one.database.begin() as transaction:
            prune_daily_totals(transaction, [row], before_s=NOW)
            forget_rows(transaction, [row])
            at_last = [transaction.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in _LEDGER]  # noqa: S608
    assert (row, left, at_last) == (day.row_id, [0, 0, 1, 1], [0, 0, 0, 0])


def test_what_documents_say_is_noted_once_and_again_when_it_changes(tmp_path: Path) -> None:
    def definitions(one: Running) -> list[tuple[float, int, int | None]]:
        with one.database.read() as transaction:
            return [(each.objective, each.since_s, each.until_s) for each in load_definitions(transaction)]

    with _running(tmp_path, MemorySource(_shop(MIDNIGHT - 2 * DAY, NOW + DAY))) as one:
        one.tick(NOW)
        one.restart()
        one.tick(NOW + 30)
        assert definitions(one) == [(0.99, NOW, None)]
        one.restart(slos=[replace(one.slos[0], objective=0.95)])
        one.tick(NOW + 60)
        assert definitions(one) == [(0.99, NOW, NOW + 60), (0.95, NOW + 60, None)]
        with one.database.read() as transaction:
            (known,) = {each.sli for each in load_definitions(transaction)}
        assert known == one.slos[0].sli.key


def test_days_that_the_ledger_has_in_part_are_completed() -> None:
    """What the ledger has of the day in which its oldest cell lies is taken from the total of the day."""
    past = a_past(since_s=MIDNIGHT + 6 * HOUR, until_s=MIDNIGHT + DAY, per_cell=(900.0, 9.0))
    stored = [DailyTotal(1, MIDNIGHT, DAY, 100_000.0, 1_000.0, float(DAY))]
    (day,) = days(
        with_older_days(past, stored),
        start=datetime.fromtimestamp(MIDNIGHT, UTC),
        end=datetime.fromtimestamp(MIDNIGHT, UTC) + timedelta(days=1),
    )
    assert (day.total, day.bad, day.coverage) == (100_000.0, 1_000.0, 1.0)
