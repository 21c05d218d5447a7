"""A service of two tenants that have the same of everything, each with a word of its own in all that it says."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from app.adjustments import Adjustment, AdjustmentCategory, AdjustmentEffect, AdjustmentSelector
from app.alerting import Notification, Routing, Transition, TransitionKind
from app.gate import ExceptionRequest, GateCaller
from app.policy import DEFAULT_POLICY, GateQuestion, WrittenPostmortem
from app.replay import BacktestJobs, plan_of
from app.slo import AlertState, Severity, SloId, Tenant
from app.status import AlertView, ReceiverStatus, Snapshot, SourceStatus
from app.store import Database
from app.store.dead_letters import dead_letters
from app.store.receiver_records import ReceiverRecord
from tests.support.api import Served
from tests.support.changes import a_change
from tests.support.incidents import burning, ended
from tests.support.reports import Documents, count_days
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

ASKS, OTHER = "acme", "globex"
"""The tenant that asks, and the other one."""
WORDS = {ASKS: "sesame", OTHER: "xyzzy"}
"""What is in all texts of a tenant, but not in its name."""
INCIDENTS = {ASKS: "aaaa1111", OTHER: "bbbb2222"}
PASSED = {ASKS: "aaaa3333", OTHER: "bbbb4444"}
ADJUSTMENTS = {ASKS: "aaaa5555", OTHER: "bbbb6666"}
TENANTS = [
    Tenant(
        name=name,
        documents=Path(f"slos/{name}"),
        sources=(f"{name}-{word}",),
        receivers=(f"{name}-{word}",),
        groups=(f"team-{name}",),
    )
    for name, word in WORDS.items()
]
PAGE = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF - timedelta(minutes=5), tier="1h/5m")


def two_tenants(database: Database | None = None) -> Served:
    """An application of both, on the day of the snapshots, over a *database* that has nothing yet."""
    served = Served(tenants=TENANTS, report_link_secret="of links", token="for all")  # noqa: S106  of no service
    if database is not None:
        served.incidents.database = database
    served.incidents.clock.at = AS_OF
    documents = Documents(served.incidents.database)
    snapshots: list[Snapshot] = []
    firing: dict[str, Notification] = {}
    for tenant, word in WORDS.items():
        some, page = _slos(tenant, word)
        snapshots += some
        firing[page.key] = page
    served.board.publish(snapshots, firing)
    served.policies = [
        replace(DEFAULT_POLICY, name=f"{name}/strict", services=(f"{name}/*",), description=word)
        for name, word in WORDS.items()
    ]
    for tenant, word in WORDS.items():
        _keep(served, documents, tenant, word)
    served.gate.states.step(served.board.snapshots, served.policies, Routing(), at=AS_OF)
    served.gate.write_decisions()
    with served.incidents.database.read() as transaction:
        served.deliveries.given = [*dead_letters(transaction)]
    served.alerts.transitions = [_fired(tenant, word) for tenant, word in WORDS.items()]
    served.config.errors = tuple(f"slos/{tenant}: {word}" for tenant, word in WORDS.items())
    served.sources = [_source(tenant.sources[0]) for tenant in TENANTS]
    served.deliveries.listed = [_receiver(tenant.receivers[0]) for tenant in TENANTS]
    served.readiness.unhealthy = [f"{OTHER}-{WORDS[OTHER]} does not answer"]
    return served


def _slos(tenant: str, word: str) -> tuple[list[Snapshot], Notification]:
    labels = (("team", word), ("tenant", tenant))
    slo = an_slo(f"{tenant}/checkout", labels=labels)
    grouped = an_slo(f"{tenant}/search", "speed", labels=labels, by=("route",))
    slo, grouped = (replace(one, tenant=tenant, description=word, name=f"{one.name} {word}") for one in (slo, grouped))
    page = _page(tenant, word)
    return [
        a_snapshot(slo, alerts=[PAGE], problem=word),
        a_snapshot(grouped, group=(("route", word),)),
        a_snapshot(grouped, group=(("route", "/"),)),
    ], page


def _page(tenant: str, word: str) -> Notification:
    return burning(
        f"{tenant}/checkout-availability",
        incident=INCIDENTS[tenant],
        service=f"{tenant}/checkout",
        starts_at=AS_OF - timedelta(minutes=5),
        labels=(("team", word), ("tenant", tenant)),
        annotations=(("runbook_url", f"https://{word}.example.org"),),
    )


def _keep(served: Served, documents: Documents, tenant: str, word: str) -> None:
    """Write incidents, changes, adjustments, exceptions, decisions, days and a backtest of a tenant."""
    kept, slo = served.incidents, f"{tenant}/checkout-availability"
    page = _page(tenant, word)
    over = replace(page, incident=PASSED[tenant], starts_at=AS_OF - timedelta(days=3), at=AS_OF - timedelta(days=3))
    kept.record(over, still=[page])
    kept.record(ended(over), still=[page])
    kept.record(page)
    kept.deliver(page, f"{tenant}-{word}", at=AS_OF, error=word)
    for incident in (INCIDENTS[tenant], PASSED[tenant]):
        kept.log.add_note(incident, word, author=word)
    written = WrittenPostmortem(written_at=AS_OF, author=word, url=f"https://{word}.example.org")
    kept.log.set_postmortem(PASSED[tenant], written)
    kept.changes.add(a_change(f"{tenant}/checkout", version=word, started_at=AS_OF - timedelta(minutes=20)))
    adjustment = Adjustment(
        id=ADJUSTMENTS[tenant],
        effect=AdjustmentEffect.EXCLUDE,
        category=AdjustmentCategory.MAINTENANCE,
        reason=word,
        author=word,
        start=datetime(2026, 3, 1, 2, 0),  # noqa: DTZ001  wall-clock time
        duration=timedelta(hours=1),
        selector=AdjustmentSelector(slos=frozenset({SloId(slo)})),
    )
    kept.adjustments.save([adjustment], action="created", author=word)
    exception = ExceptionRequest(
        reason=word, owner=word, starts_at=AS_OF, ends_at=AS_OF + timedelta(days=1), tenant=tenant
    )
    served.gate.add_exception(exception)
    served.gate.ask(GateQuestion(service=f"{tenant}/checkout"), caller=GateCaller(name=word, address="192.0.2.7"))
    documents.say(
        date(2026, 1, 1), slo=slo, labels=(("team", word), ("tenant", tenant)), service=f"{tenant}/checkout", name=word
    )
    count_days(kept.database, date(2026, 2, 1), [43.2] * 27, slo=slo)
    jobs: BacktestJobs = served.backtests.jobs
    jobs.add(plan_of({"slos": [slo], "to": AS_OF.astimezone(UTC)}, served.backtests))


def _fired(tenant: str, word: str) -> Transition:
    return Transition(
        slo=SloId(f"{tenant}/checkout-availability"),
        severity=Severity.PAGE,
        kind=TransitionKind.FIRED,
        at=AS_OF,
        incident=INCIDENTS[tenant],
        tier="1h/5m",
        reason=word,
    )


def _source(name: str) -> SourceStatus:
    return SourceStatus(
        name=name, answered_at=AS_OF, seconds=0.1, slis=1, failing=0, answers=False, problem=f"{name} is away"
    )


def _receiver(name: str) -> ReceiverStatus:
    record = ReceiverRecord(last_success_at=AS_OF, waiting=1, failing_since=AS_OF, error=name, dead_letters=1)
    return ReceiverStatus(name=name, is_configured=True, record=record, accepted=1, failures={})
