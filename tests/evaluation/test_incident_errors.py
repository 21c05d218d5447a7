"""What an incident has spent and how long its errors lasted: counted from the ledger, and the same everywhere."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.alerting import Notification, NotificationStatus
from app.evaluation.judging.incidents import OngoingIncident, incident_errors
from app.ledger import Increments, Ledger, RowKey, Stage
from app.slo import BurnRateRule, Severity
from app.store.incidents import find_incident
from app.store.outbox import waiting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

NOW = 1_800_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
SLO = "shop-availability"
BEGIN, END = NOW + 10 * MINUTE, NOW + 22 * MINUTE
SINCE = NOW - 20 * DAY


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Ten requests a second of which one in 5,000 fails; for twelve minutes two in five."""
    span = (SINCE, NOW + 4 * HOUR)
    series = [
        counter(requests("shop"), span, per_second=9.998, bursts=[((BEGIN, END), -4.0)]),
        counter(requests("shop", "500"), span, per_second=0.002, bursts=[((BEGIN, END), 4.0)]),
    ]
    source = MemorySource(series)

    def move(at: float) -> None:
        source.now = at

    wanted = slos([availability("shop", window="30d")], tmp_path / "slos")
    with Running(wanted, source, tmp_path / "db", move=move) as one:
        one.tick(NOW)
        one.backfill(NOW)
        yield one


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _page(one: Running) -> Notification | None:
    return next(
        (notification for notification in one.board.current.notifications if notification.severity is Severity.PAGE),
        None,
    )


def test_the_spend_of_an_incident_is_counted_between_its_first_bad_slot_and_now(running: Running) -> None:
    told: list[tuple[int, Notification]] = []
    for at in range(NOW + INTERVAL_S, NOW + 40 * MINUTE, INTERVAL_S):
        running.tick(at)
        page = _page(running)
        if page is not None:
            told.append((at, page))
            assert page.exhausted_at == running.snapshot(SLO).budget.exhausted_at
    assert len(told) > 10
    for at, page in told:
        # The newest sample is 23 s older than the slot.
        bad = 4.0 * (min(at - 23, END) - BEGIN)
        assert page.spent == pytest.approx(bad / (10.0 * (at - SINCE) * 0.001), rel=0.02)
        assert page.first_bad_at is not None
        assert abs((page.first_bad_at - _moment(BEGIN)).total_seconds()) <= INTERVAL_S
    _, last = told[-1]
    assert last.last_bad_at is not None
    assert abs((last.last_bad_at - _moment(END)).total_seconds()) <= INTERVAL_S
    with running.database.read() as transaction:
        (ended,) = [
            entry.notification
            for entry in waiting(transaction, "pager")
            if entry.notification.status is NotificationStatus.RESOLVED and entry.notification.severity is Severity.PAGE
        ]
        kept = find_incident(transaction, ended.incident)
    assert (ended.first_bad_at, ended.last_bad_at) == (last.first_bad_at, last.last_bad_at)
    assert kept is not None
    assert kept.bad_events == pytest.approx(4.0 * (END - BEGIN), rel=0.02)
    assert (kept.spent, kept.first_bad_at, kept.last_bad_at) == (ended.spent, ended.first_bad_at, ended.last_bad_at)
    assert (kept.severity, kept.started_at) == (Severity.PAGE, ended.starts_at)


@pytest.mark.parametrize(
    ("errors", "began_s"),
    [
        # Two hours of errors, at which half the factor burns: two long windows back they began at the earliest.
        ({7200: 5.0}, 7200),
        ({10_800: 5.0}, 7200),
        # Slower ones are of no incident of this rule, which fires by what the short window holds.
        ({3600: 5.0}, 3600),
        ({3600: 4.9}, 300),
        ({3600: 4.9, 900: 20.0}, 900),
    ],
)
def test_an_incident_began_with_the_first_slot_that_burns_at_half_the_factor(
    errors: dict[int, float], began_s: int
) -> None:
    """A rule of 1h/5m and 10x at 99%; so many errors in a hundred requests from so many seconds before it fires."""
    ledger = Ledger(INTERVAL_S)
    row = ledger.add_row(RowKey("sli", ()), horizon_s=DAY, from_s=float(NOW - DAY))
    ledger.advance(NOW)
    slots = range(NOW - 4 * HOUR, NOW, INTERVAL_S)
    since = [max((bad for ago, bad in errors.items() if at >= NOW - ago), default=0.0) for at in slots]
    ledger.record(
        Increments.of([(row, at, at + INTERVAL_S, 100.0, bad) for at, bad in zip(slots, since, strict=True)]),
        Stage.FINAL,
    )
    incident = OngoingIncident(
        key="page",
        row=row,
        rule=BurnRateRule(long=timedelta(hours=1), short=timedelta(minutes=5), factor=10.0),
        error_budget=0.01,
        allowed_events=1000.0,
        fired_s=float(NOW),
        as_of_s=float(NOW),
        window_start_s=float(NOW - DAY),
    )
    found = incident_errors([incident], ledger)["page"]
    assert found.first_bad_at == _moment(NOW - began_s)


def test_no_exhaustion_is_foretold_once_the_burn_has_stopped(running: Running) -> None:
    running.run(NOW, END - MINUTE, backfill=False)
    burning = running.snapshot(SLO).budget
    assert burning.exhausted_at is not None
    running.run(END - MINUTE, END + 6 * MINUTE, backfill=False)
    assert running.snapshot(SLO).budget.exhausted_at is None


def test_a_restart_keeps_the_beginning_of_an_incident(running: Running) -> None:
    running.run(NOW, END, backfill=False)
    before = _page(running)
    running.restart()
    running.run(END, END + MINUTE, backfill=False)
    after = _page(running)
    assert before is not None
    assert after is not None
    assert before.first_bad_at == after.first_bad_at
    assert after.spent >= before.spent > 0


def test_a_ticket_about_the_budget_names_the_same_date(tmp_path: Path) -> None:
    """One in 500 requests fails: twice what the budget can bear, for weeks."""
    span = (NOW - 20 * DAY, NOW + 4 * HOUR)
    series = [
        counter(requests("shop"), span, per_second=9.98, bursts=[((NOW - HOUR, NOW + HOUR), -0.5)]),
        counter(requests("shop", "500"), span, per_second=0.005, bursts=[((NOW - HOUR, NOW + HOUR), 0.5)]),
    ]
    document = availability("shop", window="30d")
    slo = document["slos"][0]  # type: ignore[index]
    slo["alerting"] = {"page": "off", "ticket": "off", "budget": {"runs_out_within": "30d"}}
    source = MemorySource(series)

    def move(at: float) -> None:
        source.now = at

    with Running(slos([document], tmp_path / "slos"), source, tmp_path / "db", move=move) as one:
        one.tick(NOW)
        one.backfill(NOW)
        one.run(NOW, NOW + 35 * MINUTE, backfill=False)
        (ticket,) = one.board.current.notifications
        assert ticket.alertname == "ErrorBudgetRunsOut"
        assert ticket.exhausted_at is not None
        assert ticket.exhausted_at == one.snapshot(SLO).budget.exhausted_at


def test_an_incident_longer_than_its_window_has_spent_what_is_gone(tmp_path: Path) -> None:
    """Not more than that: what has left the window is no part of its budget."""
    span = (NOW - 2 * DAY, NOW + 4 * HOUR)
    burst = [((float(NOW), float(NOW + 3 * HOUR)), 5.0)]
    series = [
        counter(requests("shop"), span, per_second=10.0, bursts=[(burst[0][0], -5.0)]),
        counter(requests("shop", "500"), span, per_second=0.0, bursts=burst),
    ]
    source = MemorySource(series)

    def move(at: float) -> None:
        source.now = at

    with Running(
        slos([availability("shop", objective=99, window="1h")], tmp_path / "slos"), source, tmp_path / "db", move=move
    ) as one:
        one.tick(NOW)
        one.backfill(NOW)
        one.run(NOW, NOW + 80 * MINUTE, backfill=False)
        page = _page(one)
        assert page is not None
        assert page.spent == pytest.approx(one.snapshot(SLO).budget.consumed_ratio, rel=1e-6)


def test_the_date_of_exhaustion_is_when_the_budget_is_gone(tmp_path: Path) -> None:
    """Two days of a window of 30: 1,728 errors are allowed, and an outage of 4 a second spends them in 7.2 minutes."""
    span = (NOW - 2 * DAY, NOW + HOUR)
    source = MemorySource(
        [
            counter(requests("shop"), span, per_second=10.0, bursts=[((NOW, NOW + HOUR), -4.0)]),
            counter(requests("shop", "500"), span, per_second=0.0, bursts=[((NOW, NOW + HOUR), 4.0)]),
        ]
    )
    named: dict[int, datetime | None] = {}
    with Running(slos([availability("shop", window="30d")], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        for at in range(NOW + INTERVAL_S, NOW + 10 * MINUTE, INTERVAL_S):
            source.now = at
            one.tick(at)
            named[at] = one.snapshot(SLO).budget.exhausted_at
            if one.snapshot(SLO).budget.remaining_ratio <= 0:
                break
    gone = max(named)
    assert gone == pytest.approx(NOW + 432, abs=2 * INTERVAL_S)
    assert named.pop(gone) is None
    # Of the five minutes, all but the newest are before the outage at first: it seems slower by so much.
    early, full = named[NOW + 2 * MINUTE], named[NOW + 5 * MINUTE]
    assert early is not None
    assert early.timestamp() - NOW == pytest.approx(20 * MINUTE, abs=5 * MINUTE)
    assert full is not None
    assert full.timestamp() == pytest.approx(NOW + 432, abs=2 * INTERVAL_S)
