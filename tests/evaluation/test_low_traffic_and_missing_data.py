"""The guard, missing data and budget tickets in the evaluator: from samples to what is shown and told."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.api.documents import alert_document
from app.documents import load_documents
from app.slo import AlertState, Cause, Severity, Slo, SloId
from app.status import AlertView, HealthState, ProblemCode
from app.store.alerts import load_active_alerts, recent_transitions
from app.wording.sentences import description, summary
from testbed.service import write_documents
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.running import INTERVAL_S, Running

ID = "checkout-availability"
START = 1_767_225_600.0
HOUR = 3600


def _slos(folder: Path, **alerting: object) -> Sequence[Slo]:
    document = {
        "service": "checkout",
        "slos": [
            {
                "name": "availability",
                "objective": 99.9,
                "window": "30d",
                "sli": {"total": "asked_total", "bad": "failed_total"},
                "alerting": alerting,
            }
        ],
    }
    loaded = load_documents(write_documents([document], folder))
    assert not loaded.errors
    return loaded.slos


def _source(hours: float, failures: Sequence[float], *, per_minute: float = 1.0) -> MemorySource:
    """Counters scraped every 15 s for some hours, failures at some hours after the start."""
    times = np.arange(START + 7, START + hours * HOUR, 15.0)
    asked = np.floor((times - START) / 60 * per_minute)
    failed = np.searchsorted(START + np.array(sorted(failures)) * HOUR, times, side="right").astype(float)
    return MemorySource(
        series=[
            Series(labels={"__name__": name, "job": "checkout"}, times=times, values=values)
            for name, values in (("asked_total", asked), ("failed_total", failed))
        ]
    )


def _shown(running: Running, severity: Severity, cause: Cause = Cause.BURN) -> AlertView | None:
    alerts = running.snapshot(ID).alerts
    return next((alert for alert in alerts if (alert.severity, alert.cause) == (severity, cause)), None)


def _deeds(running: Running) -> list[tuple[str, str]]:
    with running.database.read() as tx:
        changes = recent_transitions(tx, limit=1000)
    return [(change.severity.value, change.kind.value) for change in reversed(changes)]


def test_a_single_failure_is_held_back_and_the_api_says_why(tmp_path: Path) -> None:
    with Running(_slos(tmp_path / "specs"), _source(3, [2.5]), tmp_path / "a.db") as running:
        running.run(START + 2.4 * HOUR, START + 2.6 * HOUR)
        page = _shown(running, Severity.PAGE)
        assert page is not None
        assert page.state is AlertState.SUPPRESSED
        reason = str(
            alert_document(running.snapshot(ID), page, None, owner=running.snapshot(ID).id, external_url="http://x")[
                "reason"
            ]
        )
        assert reason.startswith("1 error in the last ")
        assert reason.endswith(" are needed to rule out noise")
        assert ("page", "suppressed") in _deeds(running)
        assert ("page", "fired") not in _deeds(running)


def test_evidence_off_pages_for_it(tmp_path: Path) -> None:
    with Running(_slos(tmp_path / "specs", evidence="off"), _source(3, [2.5]), tmp_path / "a.db") as running:
        running.run(START + 2.4 * HOUR, START + 2.6 * HOUR)
        assert ("page", "fired") in _deeds(running)


def test_two_failures_page(tmp_path: Path) -> None:
    with Running(_slos(tmp_path / "specs"), _source(3, [2.5, 2.55]), tmp_path / "a.db") as running:
        running.run(START + 2.4 * HOUR, START + 2.6 * HOUR)
        assert ("page", "fired") in _deeds(running)


@pytest.mark.parametrize(
    ("no_data", "state"), [("freeze", AlertState.FROZEN), ("bad", AlertState.FIRING), ("good", AlertState.FROZEN)]
)
def test_missing_data_opens_a_ticket_after_ten_minutes_and_the_policy_counts(
    tmp_path: Path, no_data: str, state: AlertState
) -> None:
    """An inactive alert stays frozen under good: there is nothing to end."""
    with Running(_slos(tmp_path / "specs", no_data=no_data), _source(3, []), tmp_path / "a.db") as running:
        running.run(START + 2.8 * HOUR, START + 3 * HOUR + 9 * 60)
        assert _shown(running, Severity.TICKET, Cause.NO_DATA) is None
        running.run(START + 3 * HOUR + 9 * 60, START + 3 * HOUR + 15 * 60)
        ticket, page = _shown(running, Severity.TICKET, Cause.NO_DATA), _shown(running, Severity.PAGE)
        assert ticket is not None
        assert ticket.state is AlertState.FIRING
        assert page is not None
        assert page.state is state
        with running.database.read() as tx:
            told = {notification.alertname: notification for notification in load_active_alerts(tx)}
        assert told["SLODataUnavailable"].key == f"{ID}/ticket/no_data"
        assert summary(told["SLODataUnavailable"]).startswith("checkout availability: no data since 2026-01-01 0")
        burns = [description(notification) for name, notification in told.items() if name == "ErrorBudgetBurn"]
        assert ["takes that as bad" in text for text in burns] == ([True] if no_data == "bad" else [])
        running.restart()
        running.run(START + 3 * HOUR + 15 * 60, START + 3 * HOUR + 16 * 60)
        # The page, the ticket that it mutes, and the one that says that there is no data.
        assert [kind for _, kind in _deeds(running)].count("fired") == (3 if no_data == "bad" else 1)


def test_the_ticket_for_missing_data_ends_when_data_comes(tmp_path: Path) -> None:
    source = _source(6, [])
    gap = (START + 3 * HOUR, START + 4 * HOUR)
    source.series = [
        Series(
            labels=one.labels,
            times=one.times[(one.times < gap[0]) | (one.times > gap[1])],
            values=one.values[(one.times < gap[0]) | (one.times > gap[1])],
        )
        for one in source.series
    ]
    with Running(_slos(tmp_path / "specs"), source, tmp_path / "a.db") as running:
        running.run(START + 2.9 * HOUR, START + 3.5 * HOUR)
        assert _shown(running, Severity.TICKET, Cause.NO_DATA) is not None
        running.run(START + 3.5 * HOUR, START + 4 * HOUR + 4 * INTERVAL_S, every=60)
        assert _shown(running, Severity.TICKET, Cause.NO_DATA) is None
        assert [kind for _, kind in _deeds(running) if kind in ("fired", "resolved")] == ["fired", "resolved"]


def test_budget_tickets_open_and_are_closed_when_nobody_asks_for_them(tmp_path: Path) -> None:
    budget = {"consumed": "80%", "runs_out_within": "3d", "exhausted": True}
    # The 43 failures that a month has at this traffic, and some more.
    failures = [0.3 + number / 50 for number in range(60)]
    with Running(_slos(tmp_path / "specs", budget=budget), _source(3, failures), tmp_path / "a.db") as running:
        running.run(START + HOUR, START + 2.5 * HOUR, every=120)
        with running.database.read() as tx:
            told = {notification.alertname: summary(notification) for notification in load_active_alerts(tx)}
        # Of the three tickets about this budget, the most urgent one speaks.
        assert [name for name in told if name.startswith("ErrorBudget") and name != "ErrorBudgetBurn"] == [
            "ErrorBudgetExhausted"
        ]
        assert told["ErrorBudgetExhausted"].endswith("the error budget is exhausted, the objective is missed")
        assert {alert.cause for alert in running.snapshot(ID).alerts} >= {Cause.BUDGET_EXHAUSTED}
        assert running.snapshot(ID).health is HealthState.EXHAUSTED
        running.slos = _slos(tmp_path / "specs")
        running.restart()
        running.run(START + 2.5 * HOUR, START + 2.5 * HOUR + INTERVAL_S)
        with running.database.read() as tx:
            assert {notification.cause for notification in load_active_alerts(tx)} <= {Cause.BURN}
            reasons = [
                change.end_code for change in recent_transitions(tx, slos=[SloId(ID)]) if change.kind == "resolved"
            ]
        assert reasons[:1] == ["switched_off"]


def test_the_first_failures_of_a_new_service_open_no_budget_ticket(tmp_path: Path) -> None:
    """Three of its first forty requests: 7,500% of the budget of forty requests, 3% of that of a month."""
    budget = {"consumed": "80%", "runs_out_within": "3d", "exhausted": True}
    with Running(_slos(tmp_path / "specs", budget=budget), _source(3, [0.2, 0.4, 0.6]), tmp_path / "a.db") as running:
        running.run(START + 300, START + 40 * 60)
        shown = running.snapshot(ID)
        assert shown.budget.consumed_ratio > 50
        assert shown.health is HealthState.AT_RISK
        assert {alert.cause for alert in shown.alerts} == {Cause.BURN}
        with running.database.read() as tx:
            told = load_active_alerts(tx)
        # What fires does not call a budget exhausted that is at risk.
        assert told
        assert all(one.budget_estimated and one.budget_remaining < 0 for one in told)


def test_budget_tickets_wait_for_the_history(tmp_path: Path) -> None:
    """What was seen since the start is a part of the window: a minute of errors has not exhausted its budget."""
    failures = [47.95 + number / 3600 for number in range(40)]
    budget = {"consumed": "80%", "exhausted": True}
    source = _source(48, failures, per_minute=600)
    with Running(_slos(tmp_path / "specs", budget=budget), source, tmp_path / "a.db") as running:
        running.run(START + 47.9 * HOUR, START + 47.99 * HOUR, backfill=False)
        assert running.snapshot(ID).budget.remaining_ratio < 0
        assert _shown(running, Severity.TICKET, Cause.BUDGET_EXHAUSTED) is None
        running.run(START + 47.99 * HOUR, START + 48 * HOUR)
        assert running.snapshot(ID).budget.remaining_ratio > 0.2
        assert [deed for deed in _deeds(running) if deed[0] == "ticket"] == []


def test_the_status_is_unknown_until_the_window_is_read(tmp_path: Path) -> None:
    """A minute of errors is no exhausted budget of a month, and a good minute is none that is met; both say why."""
    failures = [47.95 + number / 3600 for number in range(40)]
    source = _source(48, failures, per_minute=600)
    with Running(_slos(tmp_path / "specs"), source, tmp_path / "a.db") as running:
        running.run(START + 47.9 * HOUR, START + 47.94 * HOUR, backfill=False)
        assert running.snapshot(ID).budget.remaining_ratio == 1
        assert running.snapshot(ID).health is HealthState.UNKNOWN
        frozen = [alert.reason for alert in running.snapshot(ID).alerts if alert.state is AlertState.FROZEN]
        assert [str(reason)[:23] for reason in frozen] == ["history is being read: "] * len(frozen) != []
        assert ProblemCode.HISTORY_INCOMPLETE in {problem.code for problem in running.snapshot(ID).problems}
        running.run(START + 47.94 * HOUR, START + 47.97 * HOUR, backfill=False)
        assert running.snapshot(ID).budget.remaining_ratio < 0
        assert running.snapshot(ID).health is HealthState.UNKNOWN
        running.run(START + 47.97 * HOUR, START + 48 * HOUR)
        running.backfill(START + 48 * HOUR)
        assert running.snapshot(ID).health is not HealthState.UNKNOWN
        assert ProblemCode.HISTORY_INCOMPLETE not in {problem.code for problem in running.snapshot(ID).problems}


def test_no_ticket_foretells_the_end_of_a_budget_of_which_part_is_unread(tmp_path: Path) -> None:
    """An hour at a burn rate of 1.2 leaves nearly all of two quiet days' budget, and 5% of that of its own events."""
    failures = [47.2 + number / 72 for number in range(90)]
    source = _source(49, failures, per_minute=1000)
    budget = {"runs_out_within": "7d"}
    with Running(_slos(tmp_path / "specs", budget=budget), source, tmp_path / "a.db") as running:
        running.run(START + 47 * HOUR, START + 48.35 * HOUR, every=60, backfill=False)
        assert _shown(running, Severity.TICKET, Cause.BUDGET_RUNS_OUT) is None
