"""An incident is from the first alert that fires to the end of the last, with what it cost; years later too."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.alerting import Alert, Notification, Transition, TransitionKind, resolve
from app.alerting.ends import SLO_REMOVED
from app.slo import AlertState, Severity, SloId
from app.store import Database
from app.store.alerts import TransitionFilter, append_transitions, list_transitions, recent_transitions
from app.store.deliveries import deliveries_of, prune_outbox
from app.store.incident_notes import (
    MOST_NOTES,
    IncidentMark,
    TooManyNotesError,
    add_note,
    incident_mark,
    notes_of,
    set_mark,
)
from app.store.incidents import (
    IncidentFilter,
    find_incident,
    list_incidents,
    prune_incidents,
    prune_transitions,
    record_incidents,
    with_firing,
)
from app.store.outbox import EntryState, claim, enqueue, give_up, mark_done, retry_at
from app.store.receiver_records import ReceiverRecord, receiver_records
from tests.support.incidents import record
from tests.support.notifications import START, firing, resolved

MINUTE = timedelta(minutes=1)
SLO = SloId("checkout-availability")


def _burn(*, bad: float, first: int, last: int, **changes: object) -> Notification:
    return replace(
        firing(**{"starts_at": START + first * MINUTE, **changes}),  # type: ignore[arg-type]
        incident_bad=bad,
        spent=bad / 10_000,
        first_bad_at=START + first * MINUTE,
        last_bad_at=START + last * MINUTE,
    )


def test_an_incident_lasts_from_the_first_alert_that_fires_to_the_end_of_the_last(database: Database) -> None:
    ticket = _burn(bad=200, first=0, last=9, severity=Severity.TICKET)
    page = _burn(bad=300, first=5, last=20)
    page = replace(page, first_bad_at=ticket.first_bad_at)
    with database.begin() as tx:
        record(tx, ticket)
        record(tx, page, still=(ticket,))
        begun = find_incident(tx, "5f2d")
        assert begun is not None
        assert (begun.severity, begun.started_at, begun.ended_at) == (Severity.PAGE, START, None)
        assert (begun.bad_events, begun.first_bad_at) == (None, None)
        record(tx, resolve(page, at=START + 21 * MINUTE), still=(ticket,))
        going_on = find_incident(tx, "5f2d")
        assert going_on is not None
        assert (going_on.ended_at, going_on.bad_events) == (None, 300)
        for _ in range(2):
            # A commit that failed and reached the disk all the same is written again.
            record(tx, resolve(ticket, at=START + 40 * MINUTE, end=SLO_REMOVED))
        ended = find_incident(tx, "5f2d")
    assert ended is not None
    assert (ended.severity, ended.ended_at) == (Severity.PAGE, START + 40 * MINUTE)
    assert (ended.bad_events, ended.spent) == (300, 0.03)
    assert (ended.first_bad_at, ended.last_bad_at) == (START, START + 20 * MINUTE)
    assert ended.notification == resolve(page, at=START + 21 * MINUTE)


def test_a_second_burn_of_one_incident_is_added_to_the_first(database: Database) -> None:
    first, second = _burn(bad=300, first=0, last=9), _burn(bad=50, first=30, last=35)
    with database.begin() as tx:
        for burn in (first, second):
            record(tx, burn)
            for _ in range(2):
                record(tx, resolve(burn, at=burn.starts_at + 10 * MINUTE))
        found = find_incident(tx, "5f2d")
    assert found is not None
    assert found.bad_events == 350
    assert found.spent == pytest.approx(0.035)
    assert (found.first_bad_at, found.last_bad_at) == (START, START + 35 * MINUTE)


def test_a_muted_ticket_does_not_keep_an_incident_open(database: Database) -> None:
    page = _burn(bad=300, first=5, last=20)
    ticket = _burn(bad=200, first=5, last=9, severity=Severity.TICKET)
    muted = Alert(slo=SLO, severity=Severity.TICKET, state=AlertState.FIRING, incident="5f2d", muted=True)
    over = resolve(page, at=START + 21 * MINUTE)
    silent_end = Transition(
        slo=SLO,
        severity=Severity.TICKET,
        kind=TransitionKind.RESOLVED,
        at=START + 50 * MINUTE,
        incident="5f2d",
        tier=None,
    )
    with database.begin() as tx:
        record(tx, page)
        record(tx, over, silent=(muted,))
        prune_incidents(tx, at=START)
        ended = find_incident(tx, "5f2d")
        record_incidents(tx, (), (silent_end,), {})
        assert find_incident(tx, "5f2d") == ended
        assert ended is not None
        assert ended.ended_at == over.ends_at
        record(tx, ticket)
        again = find_incident(tx, "5f2d")
        assert again is not None
        assert (again.severity, again.ended_at) == (Severity.PAGE, None)
        live = with_firing(again, [ticket])
        assert live is not None
        assert live.notification == ticket


def test_incidents_are_found_by_what_is_known_of_them(database: Database) -> None:
    page = firing("a", incident="i1")
    ticket = firing("b", incident="i2", severity=Severity.TICKET, service="search", starts_at=START + 10 * MINUTE)
    with database.begin() as tx:
        record(tx, page, replace(ticket, labels=(("team", "search"),)))
        record(tx, resolve(page, at=START + 5 * MINUTE))
        set_mark(tx, "i1", IncidentMark.NOISE, at=START)
        set_mark(tx, "i1", IncidentMark.USEFUL, at=START)
        set_mark(tx, "i2", IncidentMark.NOISE, at=START)
        set_mark(tx, "i2", None, at=START)

        def found(**wanted: object) -> list[str]:
            return [each.id for each in list_incidents(tx, IncidentFilter(**wanted), limit=9)]  # type: ignore[arg-type]

        assert found() == ["i2", "i1"]
        assert found(services=frozenset({"search"})) == ["i2"]
        assert found(slos=frozenset({"a"})) == ["i1"]
        assert found(labels=frozenset({("team", "search")})) == ["i2"]
        assert found(labels=frozenset({("team", "search"), ("tier", "1")})) == []
        assert found(severities=frozenset({Severity.PAGE})) == ["i1"]
        assert found(active=True) == ["i2"]
        assert found(active=False) == ["i1"]
        assert found(marks=frozenset({IncidentMark.USEFUL})) == ["i1"]
        assert found(unmarked=True) == ["i2"]
        assert found(unmarked=True, marks=frozenset({IncidentMark.USEFUL})) == ["i2", "i1"]
        assert found(since=START + 6 * MINUTE) == ["i2"]
        assert found(until=START + 6 * MINUTE) == ["i1"]
        first = list_incidents(tx, IncidentFilter(), limit=1)[0]
        rest = list_incidents(tx, IncidentFilter(), limit=1, before=(first.started_at.timestamp(), first.id))
        assert [(each.id, each.mark) for each in rest] == [("i1", IncidentMark.USEFUL)]


def test_an_incident_has_notes_up_to_a_bound(database: Database) -> None:
    with database.begin() as tx:
        record(tx, firing())
        add_note(tx, "5f2d", "first", author="ada", at=START)
        added = add_note(tx, "5f2d", "second", author=None, at=START + MINUTE)
        assert [note.text for note in notes_of(tx, ["5f2d"])["5f2d"]] == ["first", "second"]
        assert added == notes_of(tx, ["5f2d"])["5f2d"][1]
        for _ in range(MOST_NOTES - 2):
            add_note(tx, "5f2d", "more", author=None, at=START)
        with pytest.raises(TooManyNotesError):
            add_note(tx, "5f2d", "too many", author=None, at=START)
        assert [each.notes for each in list_incidents(tx, IncidentFilter(), limit=1)] == [MOST_NOTES]


def test_deliveries_are_known_after_the_outbox_has_forgotten_them(database: Database) -> None:
    with database.begin() as tx:
        record(tx, firing())
        enqueue(tx, [firing()], receivers=["pager", "chat", "mail"], at=START)
        for receiver in ("pager", "chat"):
            (entry,) = claim(tx, receiver, owner="a worker", at=START, lease=MINUTE)
            if receiver == "pager":
                mark_done(tx, [entry.id], at=START + MINUTE)
            else:
                give_up(tx, entry.id, at=START + MINUTE, error="404")
        before = deliveries_of(tx, ["5f2d"])["5f2d"]
        assert prune_outbox(tx, before=START + 2 * MINUTE) == 2
        assert deliveries_of(tx, ["5f2d"])["5f2d"] == before
    assert [(each.receiver, each.state, each.ended_at, each.error) for each in before] == [
        ("pager", EntryState.DONE, START + MINUTE, None),
        ("chat", EntryState.DEAD, START + MINUTE, "404"),
        ("mail", EntryState.WAITING, None, None),
    ]


def test_a_receivers_last_success_outlives_its_entry_in_the_outbox(database: Database) -> None:
    with database.begin() as tx:
        enqueue(tx, [firing()], receivers=["pager", "gone", "mail"], at=START)
        ((pager,), (gone,), (mail,)) = (
            claim(tx, receiver, owner="a worker", at=START, lease=MINUTE) for receiver in ("pager", "gone", "mail")
        )
        mark_done(tx, [pager.id], at=START + MINUTE)
        give_up(tx, gone.id, at=START + MINUTE, error="404")
        retry_at(tx, mail.id, START + 3 * MINUTE, at=START + MINUTE, error="timeout")
        records = receiver_records(tx, ["pager", "mail", "idle"])
        prune_outbox(tx, before=START + 2 * MINUTE)
        kept = receiver_records(tx, ["pager"])
    nothing = ReceiverRecord(last_success_at=None, waiting=0, failing_since=None, error=None, dead_letters=0)
    # One that is not configured any more has what was given up.
    assert records == {
        "pager": replace(nothing, last_success_at=START + MINUTE),
        "mail": replace(nothing, waiting=1, failing_since=START + MINUTE, error="timeout"),
        "idle": nothing,
        "gone": replace(nothing, dead_letters=1),
    }
    assert kept == {name: records[name] for name in ("pager", "mail")}


def test_transitions_live_as_long_as_their_incident(database: Database) -> None:
    late = START + timedelta(days=5 * 366)
    with database.begin() as tx:
        record(tx, firing())
        record(tx, resolved())
        lone = Transition(
            slo=SLO, severity=Severity.PAGE, kind=TransitionKind.SUPPRESSED, at=START, incident=None, tier="1h/5m"
        )
        append_transitions(tx, [lone])
        set_mark(tx, "5f2d", IncidentMark.USEFUL, at=START)
        add_note(tx, "5f2d", "why", author=None, at=START)
        assert prune_transitions(tx, before=late) == 1
        assert [change.kind for change in recent_transitions(tx)] == [TransitionKind.RESOLVED, TransitionKind.FIRED]
        assert prune_incidents(tx, at=late) == 1
        assert recent_transitions(tx) == ()
        assert notes_of(tx, ["5f2d"]) == {}
        assert tx.execute(select(incident_mark)).all() == []


def test_only_the_newest_incidents_are_kept(database: Database) -> None:
    with database.begin() as tx:
        for number in range(4):
            begun = firing(f"slo-{number}", incident=f"i{number}", starts_at=START + number * MINUTE)
            record(tx, begun, resolve(begun, at=begun.starts_at + MINUTE))
        assert prune_incidents(tx, at=START, most=3) == 1
        assert [each.id for each in list_incidents(tx, IncidentFilter(), limit=9)] == ["i3", "i2", "i1"]


def test_an_incident_without_an_alert_that_fires_is_over(database: Database) -> None:
    """As after a database was restored, or files of documents were changed while nothing ran."""
    with database.begin() as tx:
        record(tx, firing())
        prune_incidents(tx, at=START)
        found = find_incident(tx, "5f2d")
    assert found is not None
    assert found.ended_at == START


def test_transitions_are_listed_by_what_is_known_of_them(database: Database) -> None:
    with database.begin() as tx:
        record(tx, firing("a", incident="i1"), firing("b", incident="i2", severity=Severity.TICKET))
        record(tx, resolved("a", incident="i1"))

        def found(**wanted: object) -> list[str]:
            listed = list_transitions(tx, TransitionFilter(**wanted), limit=9)  # type: ignore[arg-type]
            return [f"{change.slo} {change.kind}" for _, change in listed]

        assert found() == ["a resolved", "b fired", "a fired"]
        assert found(incident="i1") == ["a resolved", "a fired"]
        assert found(severities=frozenset({Severity.TICKET})) == ["b fired"]
        assert found(kinds=frozenset({TransitionKind.RESOLVED})) == ["a resolved"]
        assert found(until=START) == ["b fired", "a fired"]
        newest, _ = list_transitions(tx, TransitionFilter(), limit=1)[0]
        rest = list_transitions(tx, TransitionFilter(slos=[SloId("a")]), limit=9, before_id=newest)
        assert [change.kind for _, change in rest] == [TransitionKind.FIRED]
