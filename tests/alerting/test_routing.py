from app.alerting import Route, Routing
from app.slo import Severity
from tests.store.notices import firing

PAGES = Route(receivers=("pager",), severities=frozenset({Severity.PAGE}))


def test_the_first_route_that_matches_decides() -> None:
    routing = Routing(routes=(PAGES, Route(receivers=("chat",))), default=("mail",))
    assert routing.receivers(firing()) == ("pager",)
    assert routing.receivers(firing(severity=Severity.TICKET)) == ("chat",)


def test_a_route_may_let_others_follow_and_nobody_is_told_twice() -> None:
    on = Route(receivers=("pager", "chat"), goes_on=True)
    routing = Routing(routes=(on, Route(receivers=("chat", "hook"))), default=("mail",), always=("am",))
    assert routing.receivers(firing()) == ("am", "pager", "chat", "hook")


def test_what_no_route_matches_goes_to_the_default() -> None:
    routing = Routing(routes=(Route(receivers=("x",), services=("shop", "pay*")),), default=("mail",))
    assert routing.receivers(firing()) == ("mail",)
    assert routing.receivers(firing(service="payments")) == ("x",)


def test_labels_match_by_value_and_an_absent_one_is_empty() -> None:
    route = Route(receivers=("x",), labels=(("team", ("payments", "sre")), ("tier", ("",))))
    assert route.matches(firing())
    assert not route.matches(firing(labels=(("team", "other"),)))
    assert not route.matches(firing(labels=(("team", "sre"), ("tier", "gold"))))
    assert Route(receivers=("x",), labels=(("slo", ("checkout-*",)),)).matches(firing())


def test_everybody_who_can_be_told_is_known() -> None:
    assert Routing(routes=(PAGES,), default=("mail",), always=("am",)).known == {"pager", "mail", "am"}


def test_receivers_that_no_route_names_are_known_but_get_nothing_by_routes() -> None:
    routing = Routing(routes=(PAGES,), unrouted=("fallback",))
    assert routing.known == {"pager", "fallback"}
    assert routing.receivers(firing(severity=Severity.TICKET)) == ()
