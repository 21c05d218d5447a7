from app.slo import AlertState, Cause, Severity
from app.status import AlertView, Board
from tests.support.notifications import firing
from tests.support.snapshots import AS_OF, a_snapshot

PAGING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
BLIND = AlertView(severity=Severity.TICKET, state=AlertState.FIRING, since=AS_OF, tier="no data", cause=Cause.NO_DATA)


def test_each_alert_finds_what_is_told_of_it_and_of_no_other() -> None:
    page = firing()
    blind = firing(severity=Severity.TICKET, cause=Cause.NO_DATA)
    board = Board()
    board.set_notifications({told.key: told for told in (page, blind)})

    assert board.current.notifications == (page, blind)
    assert board.current.notification_of(a_snapshot(), PAGING) == page
    assert board.current.notification_of(a_snapshot(), BLIND) == blind
    ticket = AlertView(severity=Severity.TICKET, state=AlertState.FIRING, since=AS_OF, tier="1d/2h")
    assert board.current.notification_of(a_snapshot(), ticket) is None


def test_a_member_of_a_group_has_alerts_of_its_own_and_those_of_the_whole() -> None:
    pay, cart = (a_snapshot(group=(("route", route),)) for route in ("/pay", "/cart"))
    page = firing(pay.id)
    blind = firing(severity=Severity.TICKET, cause=Cause.NO_DATA)
    board = Board()
    board.set_notifications({told.key: told for told in (page, blind)})

    assert (board.current.notification_of(pay, PAGING), board.current.notification_of(cart, PAGING)) == (page, None)
    assert board.current.notification_of(cart, BLIND) == blind


def test_what_a_reader_has_got_stays_of_one_evaluation() -> None:
    page = firing()
    board = Board()
    board.publish([a_snapshot(alerts=[PAGING])], {page.key: page})
    known = board.current
    board.publish([], {})

    ((snapshot, alert),) = known.active
    assert known.notification_of(snapshot, alert) == page
    assert (board.current.active, board.current.notifications) == ((), ())
