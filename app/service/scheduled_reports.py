"""Reports that are sent after each period, once to each receiver (ADR-0083)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

import structlog

from app.api.objectives.documents import report_document
from app.clock import Clock
from app.delivery.outcome import Deferred, Delivered, Outcome, Rejected
from app.delivery.report_messages import ReportMessage
from app.reports import (
    LINK_LASTS,
    SHARED_PATH,
    ReportQuestion,
    ScheduledReport,
    compliance_words,
    question_query,
    read_period,
    report_html,
    report_markdown,
    report_title,
    signed_query,
)
from app.schedule import ScheduleInstruments, guarded
from app.status import Reports
from app.store import Database, StoreError
from app.store.report_deliveries import (
    ReportDelivery,
    claim_reports,
    plan_reports,
    prune_report_deliveries,
    settle_report,
)
from app.store.shards import ServiceLease

_log = structlog.get_logger(__name__)
# Schedules are given in minutes.
_LOOKED_EVERY_S = 60.0
# Longer than it takes to make a report of 10,000 SLOs and a quarter, and to send it.
_CLAIMED = timedelta(minutes=10)
_FIRST_RETRY, _LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=3)
# Two years: a period is never sent again.
_KEPT = timedelta(days=730)
# A mail with more is not read to its end; the link has all.
_MOST_SLOS = 1_000


class ReportReceivers(Protocol):
    """Who reports are sent to, and which."""

    @property
    def scheduled_reports(self) -> Sequence[ScheduledReport]:
        """The reports of the configuration."""

    async def send_report(self, receiver: str, message: ReportMessage) -> Outcome:
        """Try once to send a report to a receiver."""


class ReportLinks(NamedTuple):
    """Where people reach the service, and the secret that links are signed with; None for links without a signature."""

    external_url: str
    secret: str | None

    def of(self, question: ReportQuestion, *, at: datetime) -> str:
        """The address of a report."""
        base = self.external_url.rstrip("/")
        if self.secret is None:
            return f"{base}/api/v1/reports?{urlencode([*question_query(question), ('format', 'html')])}"
        return f"{base}{SHARED_PATH}?{signed_query(question, secret=self.secret, expires_at=at + LINK_LASTS)}"


class ReportSender:
    """Plans what is due and sends it; what fails is sent again later, also by the next process."""

    def __init__(
        self,
        database: Database,
        reports: Reports,
        receivers: ReportReceivers,
        links: ReportLinks,
        *,
        clock: Clock,
        service_lease: ServiceLease | None = None,
    ) -> None:
        self._service_lease = service_lease or ServiceLease()
        self._database = database
        self._reports = reports
        self._receivers = receivers
        self._links = links
        self._clock = clock

    async def run(self, instruments: ScheduleInstruments) -> None:
        """Look again and again, until cancelled."""
        while True:
            await guarded("sending reports", self._step_if_possible(), instruments=instruments)
            await asyncio.sleep(_LOOKED_EVERY_S)

    async def _step_if_possible(self) -> None:
        try:
            await self.step()
        except StoreError as error:
            _log.warning("reports wait for the database", error=str(error))

    async def step(self) -> None:
        """Send what is due now.

        Raises:
            StoreError: it cannot be planned, or what was sent cannot be noted: it may be sent once more.
        """
        if not self._service_lease.is_mine:
            return
        scheduled = {one.name: one for one in self._receivers.scheduled_reports}
        claimed = await asyncio.to_thread(self._claim, tuple(scheduled.values()))
        for (name, _), deliveries in groupby(sorted(claimed, key=_report_of), key=_report_of):
            await self._send(scheduled.get(name), deliveries)

    async def _send(self, report: ScheduledReport | None, deliveries: Iterable[ReportDelivery]) -> None:
        """Send the report of one period to each of its receivers."""
        message: ReportMessage | None = None
        for delivery in deliveries:
            if report is None or delivery.receiver not in report.receivers:
                outcome: Outcome = Rejected(detail="the configuration no longer has it")
            else:
                # Once for all receivers: of 10,000 SLOs it takes long to make.
                if message is None:
                    message = await asyncio.to_thread(self._message, report, delivery)
                outcome = await self._receivers.send_report(delivery.receiver, replace(message, key=delivery.key))
            await asyncio.to_thread(self._settle, delivery, outcome)

    def _claim(self, scheduled: Sequence[ScheduledReport]) -> Sequence[ReportDelivery]:
        at = self._clock.now()
        planned = [
            ReportDelivery(report=one.name, period=question.period.at, receiver=receiver, created_at=at, due_at=at)
            for one in scheduled
            if (question := one.due(at)) is not None
            for receiver in one.receivers
        ]
        with self._database.begin() as transaction:
            self._service_lease.check(transaction)
            plan_reports(transaction, planned)
            prune_report_deliveries(transaction, before=at - _KEPT)
            return claim_reports(transaction, at=at, until=at + _CLAIMED)

    def _message(self, report: ScheduledReport, delivery: ReportDelivery) -> ReportMessage:
        made = self._reports.report(report.of(read_period(report.period, delivery.period)))
        return ReportMessage(
            key=delivery.key,
            title=report_title(made),
            summary=compliance_words(made),
            text=report_markdown(made),
            page=report_html(made),
            url=self._links.of(made.question, at=self._clock.now()),
            document=report_document(made, limit=_MOST_SLOS),
        )

    def _settle(self, delivery: ReportDelivery, outcome: Outcome) -> None:
        at = self._clock.now()
        error = None if isinstance(outcome, Delivered) else getattr(outcome, "detail", "it was put off")
        retry_at = _retry_at(delivery, outcome, at)
        if error is not None:
            write = _log.warning if retry_at is not None else _log.error
            write(
                "a report was not sent" if retry_at is not None else "a report was given up",
                report=delivery.report,
                receiver=delivery.receiver,
                error=error,
            )
        with self._database.begin() as transaction:
            settle_report(transaction, delivery, error=error, retry_at=retry_at, at=at)


def _report_of(delivery: ReportDelivery) -> tuple[str, date]:
    return delivery.report, delivery.period


def _retry_at(delivery: ReportDelivery, outcome: Outcome, at: datetime) -> datetime | None:
    """When it is sent again; None if it is given up."""
    if isinstance(outcome, Rejected):
        return None
    wait = min(_FIRST_RETRY * 2 ** min(delivery.attempts, 10), _LONGEST_RETRY)
    retry = max(at + wait, outcome.until) if isinstance(outcome, Deferred) else at + wait
    return retry if retry < delivery.created_at + _GIVEN_UP_AFTER else None
