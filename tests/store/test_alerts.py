"""What alerts remember survives; what changed is listed and in time forgotten."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.alerting import Alert, Notification, Transition, TransitionKind
from app.slo import AlertState, Cause, Severity, SloId
from app.store import Database
from app.store.alerts import (
    append_transitions,
    forget_alerts,
    load_active_alerts,
    load_alerts,
    recent_transitions,
    save_alerts,
)
from app.store.incidents import prune_transitions
from app.store.json_text import deserialize, serialize
from app.store.notification_documents import decode_notification
from tests.support.notifications import START, firing, resolved

SLO = SloId("checkout-availability")
PAGE = Alert(
    slo=SLO,
    severity=Severity.PAGE,
    state=AlertState.FIRING,
    since=START,
    tier="1h/5m",
    incident="5f2d",
    quiet_since=START + timedelta(seconds=30, microseconds=1),
    frozen="the newest data is too old to judge by",
    muted=False,
    announced=True,
    resolved_at=START - timedelta(days=1),
    waiting=(("6h/30m 6", START), ("1d/2h 3", START + timedelta(seconds=30))),
)
TICKET = Alert(slo=SLO, severity=Severity.TICKET)


def test_conditions_live_beside_the_ticket_of_the_same_slo(database: Database) -> None:
    conditions = tuple(
        replace(TICKET, cause=cause, state=AlertState.FIRING, since=START, announced=True, incident=cause.value)
        for cause in (Cause.NO_DATA, Cause.BUDGET_EXHAUSTED)
    )
    notification = replace(firing(), severity=Severity.TICKET, cause=Cause.NO_DATA)
    with database.begin() as tx:
        save_alerts(tx, [TICKET, *conditions], {notification.key: notification})
        save_alerts(tx, [TICKET, *conditions], {notification.key: notification})
    with database.read() as tx:
        stored = load_alerts(tx)
        assert load_active_alerts(tx) == (notification,)
    assert set(stored.alerts[SLO]) == {TICKET, *conditions}
    assert stored.notifications == {notification.key: notification}
    with database.begin() as tx:
        forget_alerts(tx, conditions[:1])
        assert set(load_alerts(tx).alerts[SLO]) == {TICKET, conditions[1]}


def test_alerts_come_back_as_they_were_saved(database: Database) -> None:
    notification = firing()
    with database.begin() as tx:
        save_alerts(tx, [TICKET, PAGE], {notification.key: notification})
    with database.read() as tx:
        stored = load_alerts(tx)
        assert load_active_alerts(tx) == (notification,)
    assert stored.alerts == {SLO: (PAGE, TICKET)}
    assert stored.notifications == {notification.key: notification}


def test_an_alert_that_ended_has_no_notification_any_more(database: Database) -> None:
    notification = firing()
    with database.begin() as tx:
        save_alerts(tx, [PAGE], {notification.key: notification})
        save_alerts(tx, [replace(PAGE, state=AlertState.INACTIVE, announced=False)], {notification.key: notification})
        assert load_active_alerts(tx) == ()
        assert load_alerts(tx).notifications == {}


def test_a_forgotten_alert_is_gone(database: Database) -> None:
    with database.begin() as tx:
        save_alerts(tx, [PAGE, TICKET], {})
        forget_alerts(tx, [PAGE])
        assert load_alerts(tx).alerts == {SLO: (TICKET,)}


def _change(minute: int, slo: str = SLO) -> Transition:
    return Transition(
        slo=SloId(slo),
        severity=Severity.PAGE,
        kind=TransitionKind.FROZEN,
        at=START + timedelta(minutes=minute),
        incident=None,
        tier="1h/5m",
        reason="less than 90% of the last 5m is measured",
        notify=False,
    )


def test_transitions_are_listed_newest_first(database: Database) -> None:
    changes = [_change(0), _change(1, "other"), _change(2)]
    with database.begin() as tx:
        append_transitions(tx, changes)
        assert recent_transitions(tx) == tuple(reversed(changes))
        assert recent_transitions(tx, limit=1) == (changes[2],)
        assert recent_transitions(tx, slos=[SloId("other")]) == (changes[1],)
        assert recent_transitions(tx, since=START + timedelta(minutes=2)) == (changes[2],)


def test_a_transition_is_recorded_with_its_cause(database: Database) -> None:
    """A ticket about the budget and one about a burn differ in their cause alone, and both are recorded, once."""
    burn, budget = _change(0), replace(_change(0), cause=Cause.BUDGET_EXHAUSTED)
    with database.begin() as tx:
        append_transitions(tx, [burn, budget])
        append_transitions(tx, [burn, budget])
        assert recent_transitions(tx) == (budget, burn)


def test_old_transitions_are_pruned(database: Database) -> None:
    with database.begin() as tx:
        append_transitions(tx, [_change(0), _change(5)])
        assert prune_transitions(tx, before=START + timedelta(minutes=5)) == 1
        assert recent_transitions(tx) == (_change(5),)


numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        firing,
        texts,
        budget_remaining=numbers,
        good=numbers,
        labels=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
        stale=st.none() | texts,
    )
    | st.builds(resolved, texts)
)
def test_a_notification_survives_its_encoding(notification: Notification) -> None:
    assert decode_notification(deserialize(serialize(notification))) == notification


def test_what_is_not_known_stays_unknown() -> None:
    notification = decode_notification(deserialize(serialize(firing(budget_remaining=float("nan")))))
    assert notification.budget_remaining != notification.budget_remaining
