"""Reports of what the store has: definitions, days and incidents of a period (ADR-0070)."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from typing_extensions import override

from app.clock import Clock
from app.policy import BudgetPolicy, PostmortemDue, policy_for_slo, postmortems_due
from app.reports import (
    Adjust,
    DayRange,
    DaySums,
    ObjectivesReport,
    ReportQuestion,
    SloDefinition,
    make_report,
    slis_by_days,
    wanted_segments,
)
from app.slo import SloId, ungrouped_id
from app.store import Database, Transaction
from app.store.daily_totals import sum_days
from app.store.definitions import load_definitions
from app.store.incidents import incident_facts
from app.store.postmortems import past_incidents, slos_with_incidents

# As far back as incidents of one class are added up.
_CLASSES_WITHIN = timedelta(days=366)


class Reports(Protocol):
    """Reports of periods; called in a worker thread."""

    def report(self, question: ReportQuestion) -> ObjectivesReport:
        """The report that is asked for."""
        ...

    def newest(self, question: ReportQuestion) -> ObjectivesReport | None:
        """The report as it was made last, for when the database cannot be read; None if it is not known."""
        ...

    def now(self) -> datetime:
        """The present, for what is asked without a date."""
        ...


class StoredReports(Reports):
    """Reports of what the database has."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        adjust: Adjust | None = None,
        policies: Callable[[], Sequence[BudgetPolicy]] = tuple,
    ) -> None:
        self._policies = policies
        self._database = database
        self._clock = clock
        self._adjust = adjust

    @override
    def newest(self, question: ReportQuestion) -> ObjectivesReport | None:
        return None

    @override
    def now(self) -> datetime:
        return self._clock.now()

    @override
    def report(self, question: ReportQuestion) -> ObjectivesReport:
        with self._database.read() as transaction:
            known = load_definitions(transaction)
            now, before = wanted_segments(question, known)
            sums: dict[tuple[str, DayRange], list[DaySums]] = {}
            for days, slis in slis_by_days((*now, *before)).items():
                for sli, found in sum_days(transaction, days, slis).items():
                    sums[sli, days] = found
            start, end = question.period.bounds(question.timezone)
            incidents = incident_facts(transaction, since=start, until=end)
            postmortems = self._postmortems(transaction, [one.definition for one in now], start, end)
        return make_report(
            question,
            now,
            before,
            sums,
            incidents,
            at=self._clock.now(),
            adjust=self._adjust,
            postmortems=postmortems,
        )

    def _postmortems(
        self, transaction: Transaction, definitions: Sequence[SloDefinition], start: datetime, end: datetime
    ) -> list[PostmortemDue]:
        """The postmortems that policies ask for, of incidents of which the newest began in [start, end)."""
        known = {one.slo: one for one in definitions}
        policies, of_policy = self._policies(), dict[str, tuple[BudgetPolicy, list[str]]]()
        for slo in slos_with_incidents(transaction, since=end - _CLASSES_WITHIN):
            definition = known.get(ungrouped_id(SloId(slo)))
            if definition is not None:
                policy = policy_for_slo(policies, slo=slo, service=definition.service, labels=definition.labels)
                of_policy.setdefault(policy.name, (policy, []))[1].append(slo)
        found: list[PostmortemDue] = []
        for policy, slos in of_policy.values():
            rule = policy.postmortem
            stored = past_incidents(transaction, slos, since=end - _CLASSES_WITHIN, label=rule.class_label)
            past = [one for one in stored if one.started_at < end]
            began = {one.id: one.started_at for one in past}
            due = postmortems_due(rule, past, at=min(end, self._clock.now()))
            found += [one for one in due if began[one.incidents[-1]] >= start]
        return found
