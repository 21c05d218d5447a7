"""What is known of incidents without the database is what the database would answer."""

from collections.abc import Iterator
from contextvars import copy_context
from datetime import timedelta

import pytest

from app.access import Actor, IdentityKind, begin_deed
from app.alerting import TransitionKind
from app.api.tenants.logs import SeenIncidents
from app.slo import Severity, SloId
from app.status import IncidentMemory, KnownIncidents
from app.store.alerts import TransitionFilter
from app.store.incident_notes import IncidentMark
from app.store.incidents import IncidentFilter
from tests.support.incidents import MINUTE, KeptIncidents, burning, ended
from tests.support.notifications import START

HOUR = timedelta(hours=1)
INCIDENTS = [
    IncidentFilter(),
    IncidentFilter(services=frozenset({"checkout"})),
    IncidentFilter(services=frozenset({"nothing"})),
    IncidentFilter(slos=frozenset({"checkout-latency"})),
    IncidentFilter(labels=frozenset({("team", "payments")})),
    IncidentFilter(labels=frozenset({("team", "search")})),
    IncidentFilter(severities=frozenset({Severity.TICKET})),
    IncidentFilter(active=True),
    IncidentFilter(active=False),
    IncidentFilter(marks=frozenset({IncidentMark.USEFUL})),
    IncidentFilter(unmarked=True),
    IncidentFilter(since=START + HOUR),
    IncidentFilter(until=START),
    IncidentFilter(tenants=frozenset({"acme"})),
    IncidentFilter(tenants=frozenset()),
]
TRANSITIONS = [
    TransitionFilter(),
    TransitionFilter(slos=[SloId("checkout-latency")]),
    TransitionFilter(slos=[]),
    TransitionFilter(severities=frozenset({Severity.TICKET})),
    TransitionFilter(kinds=frozenset({TransitionKind.RESOLVED})),
    TransitionFilter(incident="5f2d"),
    TransitionFilter(since=START + MINUTE),
    TransitionFilter(until=START),
    TransitionFilter(tenants=frozenset({"acme"})),
]


@pytest.fixture(scope="module")
def kept() -> Iterator[KeptIncidents]:
    kept = KeptIncidents()
    page = burning()
    kept.record(page)
    kept.record(ended(page))
    kept.record(burning(incident="6a3e", slo=SloId("checkout-latency"), starts_at=START + 2 * HOUR))
    kept.record(burning(incident="7b4f", slo=SloId("acme/checkout-availability"), starts_at=START + HOUR))
    kept.log.set_mark("5f2d", IncidentMark.USEFUL)
    kept.log.add_note("5f2d", "the cache", author=None)
    kept.deliver(page, "pager", at=START + MINUTE)
    yield kept
    kept.database.close()


@pytest.fixture(scope="module")
def known(kept: KeptIncidents) -> KnownIncidents:
    memory = IncidentMemory()
    memory.read(kept.database, kept.clock)
    assert memory.known.at == kept.clock.now()
    return memory.known


@pytest.mark.parametrize("wanted", INCIDENTS)
def test_the_same_incidents_match(kept: KeptIncidents, known: KnownIncidents, wanted: IncidentFilter) -> None:
    assert [*known.listed(wanted, limit=10)] == [*kept.log.listed(wanted, limit=10)]


@pytest.mark.parametrize("wanted", TRANSITIONS)
def test_the_same_transitions_match(kept: KeptIncidents, known: KnownIncidents, wanted: TransitionFilter) -> None:
    assert [*known.transitions(wanted, limit=10)] == [*kept.log.transitions(wanted, limit=10)]


def test_pages_go_on_where_the_page_before_ended(kept: KeptIncidents, known: KnownIncidents) -> None:
    (newest,) = known.listed(IncidentFilter(), limit=1)
    before = (newest.started_at.timestamp(), newest.id)
    assert [*known.listed(IncidentFilter(), limit=9, before=before)] == [
        *kept.log.listed(IncidentFilter(), limit=9, before=before)
    ]
    ((number, _),) = known.transitions(TransitionFilter(), limit=1)
    assert [*known.transitions(TransitionFilter(), limit=9, before_id=number)] == [
        *kept.log.transitions(TransitionFilter(), limit=9, before_id=number)
    ]


def test_an_incident_is_known_with_all_that_belongs_to_it(kept: KeptIncidents, known: KnownIncidents) -> None:
    assert known.find("5f2d") == kept.log.find("5f2d")
    assert known.find("unheard-of") is None


def test_a_reader_of_a_tenant_knows_what_belongs_to_it(kept: KeptIncidents, known: KnownIncidents) -> None:
    kept.memory.known = known

    def seen() -> KnownIncidents:
        begin_deed(Actor(kind=IdentityKind.TOKEN), tenants=frozenset({"acme"}))
        return SeenIncidents(kept.log).known

    found = copy_context().run(seen)
    assert [one.incident.id for one in found.records] == ["7b4f"]
    assert {one.slo for _, one in found.changes} == {"acme/checkout-availability"}
    assert found.at == known.at
