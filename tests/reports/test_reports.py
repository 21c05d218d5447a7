"""What reports say of a period, from what evaluations have left in the database."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from typing_extensions import override

from app.alerting import resolve
from app.policy import WrittenPostmortem
from app.reports import (
    Adjust,
    DaySums,
    IncidentFacts,
    ObjectivesReport,
    PeriodVerdict,
    QuestionError,
    Segment,
    SloDefinition,
    SloFigures,
    report_csv,
    report_html,
    report_markdown,
    report_question,
)
from app.slo import SloId
from app.status import StoredReports
from app.store.incident_notes import IncidentMark
from app.store.ledger import forget_rows_of
from tests.support.incidents import KeptIncidents
from tests.support.notifications import firing
from tests.support.reports import AGREED, PER_DAY, Documents, count_days

FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)
APRIL = datetime(2026, 4, 2, 12, tzinfo=UTC)
# A budget of 0.1% of 31 days.
BUDGET = 31 * PER_DAY * 0.001


@pytest.fixture
def kept() -> KeptIncidents:
    kept = KeptIncidents()
    kept.clock.at = APRIL
    return kept


def _report(
    kept: KeptIncidents, period: str = "month", at: str | None = "2026-03-15", **more: object
) -> ObjectivesReport:
    question = report_question(period=period, at=at, now=kept.clock.now(), **more)  # type: ignore[arg-type]
    return StoredReports(kept.database, kept.clock).report(question)


def _only(report: ObjectivesReport) -> SloFigures:
    (slo,) = report.slos
    return slo


def _days(share_of_budget: float, days: int = 31) -> list[float]:
    return [share_of_budget * BUDGET / days] * days


@pytest.mark.parametrize(
    ("share_of_budget", "measured", "verdict"),
    [
        (0.5, 1.0, PeriodVerdict.MET),
        (1.0, 1.0, PeriodVerdict.MET),
        (1.01, 1.0, PeriodVerdict.MISSED),
        (1.01, 0.5, PeriodVerdict.MISSED),
        (0.5, 0.89, PeriodVerdict.UNKNOWN),
    ],
)
def test_an_objective_is_met_missed_or_not_known(
    kept: KeptIncidents, share_of_budget: float, measured: float, verdict: PeriodVerdict
) -> None:
    Documents(kept.database).say(FEBRUARY)
    count_days(kept.database, MARCH, _days(share_of_budget), measured=measured)
    slo = _only(_report(kept))
    assert slo.verdict is verdict
    assert slo.coverage == pytest.approx(measured)
    assert slo.consumed == pytest.approx(share_of_budget)
    assert slo.sli == pytest.approx(1 - share_of_budget * 0.001)


def test_a_period_without_events_is_not_met(kept: KeptIncidents) -> None:
    Documents(kept.database).say(FEBRUARY)
    count_days(kept.database, MARCH, [0.0] * 31, total=0.0)
    assert _only(_report(kept)).verdict is PeriodVerdict.UNKNOWN


def test_a_closed_period_does_not_change_with_documents(kept: KeptIncidents) -> None:
    documents = Documents(kept.database)
    documents.say(FEBRUARY, labels=(("team", "payments"),))
    count_days(kept.database, MARCH, _days(0.5))
    before = _report(kept)
    documents.say(date(2026, 4, 1), objective=0.9999, service="shop", name="answers", sli="another SLI")
    assert _report(kept) == before
    assert _only(before).labels == (("team", "payments"),)
    documents.remove(date(2026, 4, 2), "checkout-availability")
    with kept.database.begin() as transaction:
        forget_rows_of(transaction, ["sli of checkout-availability"])
    # Its document is gone, and its counts but for the days.
    after = _report(kept)
    assert _only(after).removed
    assert replace(_only(after), removed=False) == _only(before)


def test_an_objective_that_changed_within_a_period_holds_from_that_day_on(kept: KeptIncidents) -> None:
    documents = Documents(kept.database)
    documents.say(FEBRUARY, objective=0.99)
    documents.say(date(2026, 3, 11), objective=0.999)
    count_days(kept.database, MARCH, [86.4 * 2] * 31)
    slo = _only(_report(kept))
    # Ten days at 1% and 21 at 0.1%, each with 0.2% of bad events.
    assert slo.consumed == pytest.approx(0.2 * 31 / (10 + 2.1))
    assert slo.objective == pytest.approx(1 - (10 * 0.01 + 21 * 0.001) / 31)
    assert (slo.objective_changed, slo.verdict) == (True, PeriodVerdict.MET)


def test_what_was_counted_before_an_slo_was_known_has_its_first_definition(kept: KeptIncidents) -> None:
    Documents(kept.database).say(date(2026, 3, 20))
    count_days(kept.database, MARCH, _days(0.5))
    assert _only(_report(kept)).consumed == pytest.approx(0.5)


def test_a_removed_slo_is_reported_up_to_its_last_day(kept: KeptIncidents) -> None:
    documents = Documents(kept.database)
    documents.say(FEBRUARY)
    count_days(kept.database, MARCH, [1.0] * 31)
    documents.remove(date(2026, 3, 10), "checkout-availability")
    slo = _only(_report(kept))
    assert (slo.total, slo.removed) == (10 * PER_DAY, True)
    assert _report(kept, at="2026-04-01").slos == []


def test_days_are_those_of_the_zone_of_each_slo(kept: KeptIncidents) -> None:
    """Two SLOs of one SLI: March has 23 hours less an hour in Berlin."""
    documents = Documents(kept.database)
    for slo, zone in (("checkout-availability", "UTC"), ("checkout-month", "Europe/Berlin")):
        documents.say(FEBRUARY, slo=slo, sli="sli of checkout-availability", timezone=zone)
    count_days(kept.database, MARCH, [10.0] * 31)
    count_days(kept.database, MARCH, [20.0] * 31, timezone="Europe/Berlin")
    assert {slo.slo: slo.bad for slo in _report(kept).slos} == {
        "checkout-availability": 310.0,
        "checkout-month": 620.0,
    }


def test_members_of_a_group_are_added_up(kept: KeptIncidents) -> None:
    Documents(kept.database).say(FEBRUARY)
    count_days(kept.database, MARCH, _days(0.5), group=(("route", "/"),))
    count_days(kept.database, MARCH, _days(1.2), group=(("route", "/pay"),))
    report = _report(kept)
    slo = _only(report)
    assert (slo.members, slo.members_met, slo.verdict) == (2, 1, PeriodVerdict.MET)
    assert f"| {slo.slo} (1 of 2 groups met) |" in report_markdown(report)
    assert slo.consumed == pytest.approx(0.85)


def test_budgets_are_spent_by_incidents_and_otherwise(kept: KeptIncidents) -> None:
    documents = Documents(kept.database)
    documents.say(FEBRUARY, labels=(("team", "payments"),), sla=AGREED)
    documents.say(FEBRUARY, slo="search-availability")
    for slo in documents.definitions:
        count_days(kept.database, FEBRUARY, [BUDGET / 31 / 2] * 28, slo=slo)
        count_days(kept.database, MARCH, _days(1.5), slo=slo)
    # On Saturday, 2026-03-14, at half past two in Berlin.
    began = datetime(2026, 3, 14, 1, 30, tzinfo=UTC)
    page = replace(
        firing("checkout-availability"),
        incident="5f2d",
        recent_change="deployed 12 minutes before: checkout v1.4.2",
        spent=0.03,
        starts_at=began,
        incident_bad=BUDGET,
        first_bad_at=began - timedelta(minutes=4),
        last_bad_at=began + timedelta(minutes=50),
    )
    kept.record(page)
    kept.record(resolve(page, at=began + timedelta(hours=1)))
    kept.log.set_mark("5f2d", IncidentMark.USEFUL)
    report = _report(kept, timezone="Europe/Berlin", by="label:team")
    checkout = next(slo for slo in report.slos if slo.slo == "checkout-availability")
    assert checkout.by_incidents == pytest.approx(1.0)
    assert checkout.background == pytest.approx(0.5)
    assert checkout.after_changes == checkout.by_incidents
    assert checkout.consumed_before == pytest.approx(0.5)
    assert checkout.sla_margin == pytest.approx(0.9985 - 0.995)
    assert [slo.slo for slo in report.worst_trends] == ["checkout-availability", "search-availability"]
    assert [(group.name, group.count(PeriodVerdict.MISSED)) for group in report.groups] == [("payments", 1), ("", 1)]
    (incident,) = report.incidents
    assert (incident.detected_after, incident.resolved_after) == (timedelta(minutes=4), timedelta(minutes=64))
    assert (incident.change, report.toil.precision_by_burn) == (page.recent_change, 1.0)
    assert f"| {page.recent_change} | useful |" in report_markdown(report)
    assert [*report.postmortems] == []
    assert (report.toil.nights, report.toil.weekend_days, report.marked, report.precision) == (1, 1, (1, 0), 1.0)
    assert _only(_report(kept, services=frozenset({"search"}))).slo == "search-availability"
    assert _only(_report(kept, labels=frozenset({("team", "payments")}))).slo == "checkout-availability"


@pytest.mark.parametrize(
    ("period", "at", "name", "bad"),
    [
        ("week", "2026-03-04", "2026-W10", 7.0),
        ("quarter", "2026-03-04", "2026-Q1", 31.0),
        ("year", "2026-03-04", "2026", 31.0),
        ("7d", "2026-03-11", "2026-03-04 to 2026-03-10", 7.0),
        # The day that is over is the last of March.
        ("month", None, "2026-04", 0.0),
    ],
)
def test_periods(kept: KeptIncidents, period: str, at: str | None, name: str, bad: float) -> None:
    Documents(kept.database).say(FEBRUARY)
    count_days(kept.database, MARCH, [1.0] * 31)
    report = _report(kept, period, at)
    assert (report.question.period.name, sum(slo.bad for slo in report.slos)) == (name, bad)
    assert report.over is (period in {"week", "quarter", "7d"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"period": "fortnight"}, "'fortnight' is not a period"),
        ({"period": "400d"}, "'400d' is not a period"),
        ({"at": "2026-02-30"}, "is not a date"),
        ({"at": "0001-01-01"}, "must be between"),
        ({"timezone": "Mars/Base"}, "is not a time zone"),
        ({"timezone": "../etc"}, "is not a time zone"),
        ({"by": "team"}, "must be service, or label:"),
        ({"by": "label:"}, "must be service, or label:"),
    ],
)
def test_what_cannot_be_asked(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(QuestionError, match=says):
        report_question(**({"period": "month", "at": None, "now": APRIL} | wrong))  # type: ignore[arg-type]


def test_an_incident_of_a_day_that_is_not_over_has_spent_nothing_of_the_days_before(kept: KeptIncidents) -> None:
    Documents(kept.database).say(FEBRUARY)
    count_days(kept.database, MARCH, [BUDGET / 31] * 13)
    began = datetime(2026, 3, 14, 1, 30, tzinfo=UTC)
    page = replace(firing("checkout-availability"), starts_at=began, incident_bad=BUDGET, first_bad_at=began)
    kept.record(page)
    kept.record(resolve(page, at=began + timedelta(hours=1)))
    slo = _only(_report(kept))
    assert (len(slo.incidents), slo.by_incidents) == (1, 0.0)
    assert slo.background == pytest.approx(slo.consumed)


def test_a_report_is_written_as_csv_markdown_and_a_page(kept: KeptIncidents) -> None:
    documents = Documents(kept.database)
    documents.say(FEBRUARY, service="=cmd()", labels=(("team", "a,b"),), sla=AGREED)
    documents.say(FEBRUARY, slo="search-<b>fast|_x_</b>")
    for slo in documents.definitions:
        count_days(kept.database, MARCH, _days(1.5), slo=slo)
    report = _report(kept)
    first, second = csv.DictReader(io.StringIO(report_csv(report)))
    wanted = {
        "period": "2026-03",
        "from": "2026-03-01",
        "to": "2026-04-01",
        # No formula of a spreadsheet.
        "service": "'=cmd()",
        "slo": "checkout-availability",
        "labels": "team=a,b",
        "objective": "0.999",
        "verdict": "missed",
        "total_events": "2678400",
        "budget_spent_ratio": "1.5",
        "budget_spent_by_incidents_ratio": "0",
        "budget_spent_before_ratio": "",
        "coverage_ratio": "1",
        "incidents": "0",
        "sla_contract": "0.995",
    }
    assert {name: first[name] for name in wanted} == wanted
    assert float(first["sla_margin"]) == pytest.approx(0.0035)
    assert second["slo"] == "search-<b>fast|_x_</b>"
    text = report_markdown(report)
    assert "| SLO | Service | Objective | SLI | Verdict | Budget spent | By incidents | After changes |" in text
    assert "0 of 2 objectives met, 2 missed." in text
    assert "Whole days are counted, until 2026-04-01 00:00 UTC." in text
    assert "| checkout-availability | =cmd() | 99.9% | 99.85% | missed | 150% |" in text
    page = report_html(report)
    assert "<td>search-&lt;b&gt;fast|_x_&lt;/b&gt;</td>" in page
    assert "<b>" not in page
    assert SloId("checkout-availability") in page


def test_postmortems_of_a_period_are_due_or_written(kept: KeptIncidents) -> None:
    """An incident that spent 30% of the budget in March; in April there is none."""
    documents = Documents(kept.database)
    documents.say(FEBRUARY)
    count_days(kept.database, MARCH, _days(1.5))
    began = datetime(2026, 3, 14, 1, 30, tzinfo=UTC)
    page = replace(
        firing("checkout-availability"), incident="5f2d", spent=0.3, starts_at=began, incident_bad=BUDGET * 0.3,
        first_bad_at=began, last_bad_at=began + timedelta(minutes=50),
    )  # fmt: skip
    kept.record(page)
    kept.record(resolve(page, at=began + timedelta(hours=1)))
    (due,) = _report(kept).postmortems
    assert (due.incidents, due.due_at, due.written) == (("5f2d",), began + timedelta(days=14, hours=1), None)
    assert "| checkout-availability | it spent 30% of the budget | 2026-03-28 |  |" in report_markdown(_report(kept))
    kept.log.set_postmortem("5f2d", WrittenPostmortem(written_at=began + timedelta(days=2), url="https://wiki/1"))
    assert "| 2026-03-28 | 2026-03-16 https://wiki/1 |" in report_markdown(_report(kept))
    assert not _report(kept, at="2026-02-15").postmortems
    assert not _report(kept, services=frozenset({"search"})).postmortems


@dataclass
class WithoutBad(Adjust):
    """One SLO without bad events."""

    slo: str

    @override
    def days(self, segment: Segment, sums: Sequence[DaySums]) -> Sequence[DaySums]:
        return [one._replace(bad=0.0) for one in sums] if segment.definition.slo == self.slo else sums

    @override
    def incidents(
        self, definition: SloDefinition, sums: Sequence[DaySums], incidents: Sequence[IncidentFacts]
    ) -> Sequence[IncidentFacts]:
        return incidents


def test_a_report_says_where_it_ends_and_that_adjustments_changed_it(kept: KeptIncidents) -> None:
    documents = Documents(kept.database)
    for slo in ("checkout-availability", "search-availability"):
        documents.say(FEBRUARY, slo=slo)
        count_days(kept.database, MARCH, _days(0.5)[:10], slo=slo)
    kept.clock.at = datetime(2026, 3, 11, 12, tzinfo=UTC)
    question = report_question(period="month", at="2026-03-01", now=kept.clock.at)

    report = StoredReports(kept.database, kept.clock, adjust=WithoutBad("checkout-availability")).report(question)
    assert {slo.slo: slo.adjusted for slo in report.slos} == {
        "checkout-availability": True,
        "search-availability": False,
    }
    text = report_markdown(report)
    assert "until 2026-03-11 00:00 UTC: budgets have nothing of what happened since then." in text
    assert "Adjustments have changed the figures of 1 SLO, marked as adjusted" in text
    assert "| checkout-availability (adjusted) |" in text
    adjusted = {row["slo"]: row["adjusted"] for row in csv.DictReader(io.StringIO(report_csv(report)))}
    assert adjusted == {"checkout-availability": "yes", "search-availability": "no"}
