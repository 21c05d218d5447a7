"""What was counted since alerts ended: all that came after, and nothing of what came before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.alerting import Alert, default_policies
from app.evaluation.figures.members import Member, members_of
from app.evaluation.judging.since_resolved import since_resolved
from app.ingest.series.tracked_slis import tracked_slis_of
from app.ledger import Increments, Ledger, RowKey, Stage
from app.promql.selector_text import parse_selector
from app.sli import sli_of_bad
from app.slo import Alerting, Cause, RollingWindow, Severity, Slo, SloId

INTERVAL_S = 30
NOW_S = 1_800_000_000
AT = datetime.fromtimestamp(NOW_S, UTC)
DAY = timedelta(days=1)
DAYS = 4
MONTH = RollingWindow(30 * DAY)
SLO = Slo(
    id=SloId("web-availability"),
    service="web",
    name="availability",
    objective=0.999,
    window=MONTH,
    sli=sli_of_bad(total=parse_selector("http_requests_total"), bad=parse_selector('http_requests_total{code="500"}')),
    alerting=Alerting(policies=default_policies(MONTH, 0.999)),
)
PAGE = Alert(slo=SLO.id, severity=Severity.PAGE)
TICKET = Alert(slo=SLO.id, severity=Severity.TICKET)


def a_ledger(*bad_s: int) -> Ledger:
    """Ten requests in every slot of four days; one of them failed in the slots that end at *bad_s*, before now."""
    ledger = Ledger(INTERVAL_S)
    start_s = NOW_S - DAYS * 86_400
    ledger.add_row(RowKey("sli", ()), horizon_s=30 * 86_400.0, from_s=float(start_s))
    ledger.advance(float(NOW_S))
    rows = np.array([0])
    ledger.note_first_samples(rows, np.array([float(start_s)]))
    ledger.set_progress(rows, settled_s=float(NOW_S), counted_s=float(NOW_S), complete_from_s=float(start_s))
    ends = range(start_s + INTERVAL_S, NOW_S + 1, INTERVAL_S)
    events = [(0, float(end - INTERVAL_S), float(end), 10.0, float(NOW_S - end in bad_s)) for end in ends]
    ledger.record(Increments.of(events), Stage.FINAL)
    ledger.extend(rows, np.array([float(NOW_S)]))
    return ledger


def a_member(slo: Slo = SLO) -> Member:
    (tracked,) = tracked_slis_of([slo])
    tracked.rows[()] = 0
    return members_of([slo], [tracked], np.zeros(1))[0]


def counted(ledger: Ledger, alert: Alert, *, ago_s: int, slo: Slo = SLO) -> tuple[float, float] | None:
    ended = replace(alert, resolved_at=AT - timedelta(seconds=ago_s))
    found = since_resolved([a_member(slo)], ledger, {slo.id: (ended,)}, at=AT).get(alert.key)
    return None if found is None else (found.total, found.bad)


@pytest.mark.parametrize("ago_s", [30, 60, 90, 1800, 3570])
def test_the_slot_of_the_end_is_the_incident_and_the_next_one_is_not(ago_s: int) -> None:
    events = ago_s / INTERVAL_S * 10
    assert counted(a_ledger(ago_s, ago_s + INTERVAL_S), PAGE, ago_s=ago_s) == (events, 0)
    assert counted(a_ledger(ago_s - INTERVAL_S, ago_s), PAGE, ago_s=ago_s) == (events, 1)


def test_at_the_end_itself_nothing_has_come_after_it() -> None:
    assert counted(a_ledger(0, 30), PAGE, ago_s=0) == (0, 0)


def test_an_end_off_the_grid_lets_no_part_of_the_incident_in() -> None:
    """The interval was another one when the alert ended."""
    assert counted(a_ledger(60, 90), PAGE, ago_s=75) == (20, 0)


@pytest.mark.parametrize("ago_s", [26 * 3600 + 90, 70 * 3600 + 150])
def test_far_back_where_cells_are_coarse_the_incident_stays_out(ago_s: int) -> None:
    found = counted(a_ledger(*range(ago_s, ago_s + 3600, INTERVAL_S), 600), TICKET, ago_s=ago_s)
    assert found is not None
    assert found[0] == pytest.approx(ago_s / INTERVAL_S * 10, abs=100)
    assert found[1] == 1


def test_what_no_window_reaches_back_to_is_not_asked_for() -> None:
    ledger = a_ledger()
    assert counted(ledger, PAGE, ago_s=6 * 3600) is None
    assert counted(ledger, TICKET, ago_s=6 * 3600) is not None
    assert counted(ledger, replace(TICKET, cause=Cause.NO_DATA), ago_s=60) is None
    plain = tuple(replace(policy, evidence=None) for policy in SLO.alerting.policies)
    assert counted(ledger, PAGE, ago_s=60, slo=replace(SLO, alerting=Alerting(policies=plain))) is None
