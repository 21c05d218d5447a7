from dataclasses import replace

from app.alerting import Notified, Route, Routing
from app.slo import Severity, SloId
from tests.support.notifications import firing, resolved

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
    assert replace(routing, always=("am",)).receivers(firing()) == ("am", "mail")


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


ROUTES = Routing(
    routes=(Route(receivers=("chat", "pager"), severities=frozenset({Severity.PAGE})),), fallbacks={"chat": "mail"}
)


def test_the_end_goes_to_those_that_were_notified_of_the_beginning_whatever_the_routes_say_now() -> None:
    assert ROUTES.recipients(resolved(), Notified(firing=("mail", "old"))) == ("mail", "old")
    assert ROUTES.recipients_instead(resolved(), Notified(firing=("mail",))) == ("mail",)


def test_only_a_decision_of_an_evaluation_follows_the_routes_where_no_notification_is_known() -> None:
    """An entry of a receiver that is gone would tell others of the end of what they never knew."""
    assert ROUTES.recipients(resolved(), Notified()) == ("chat", "pager")
    assert ROUTES.recipients_instead(resolved(), Notified()) == ()


def test_no_beginning_follows_its_end() -> None:
    notified = Notified(firing=("chat", "pager"), resolved=("pager",))
    assert ROUTES.recipients(firing(), notified) == ("chat",)
    assert ROUTES.recipients_instead(firing(), notified) == ("chat",)


def test_other_routes_begin_an_alert_where_they_lead_and_end_it_where_it_was_known() -> None:
    change = ROUTES.rerouted(firing(), Notified(firing=("old", "chat", "mail", "gone"), resolved=("gone",)))
    assert (change.begins, change.ends) == (("pager",), ("old",))


def test_a_fallback_may_have_been_notified() -> None:
    assert ROUTES.known == {"chat", "pager", "mail"}


TENANTS = Routing(
    routes=(Route(receivers=("pager", "acme"), severities=frozenset({Severity.PAGE})),),
    default=("mail", "acme"),
    always=("am",),
    tenants={"acme": ("acme", "acme-mail"), "globex": ()},
)


def test_alerts_of_a_tenant_go_to_its_receivers_only_and_those_of_others_never_there() -> None:
    """Of its receivers routes choose; where they name none of them, all get the alert: it must not be lost."""
    routed = {
        (slo, severity): TENANTS.receivers(replace(firing(severity=severity), slo=SloId(slo)))
        for slo in ("acme/web-errors", "globex/web-errors", "web-errors")
        for severity in Severity
    }
    others = {Severity.PAGE: ("am", "pager"), Severity.TICKET: ("am", "mail")}
    for severity in Severity:
        assert routed["acme/web-errors", severity] == ("acme",)
        assert routed["globex/web-errors", severity] == routed["web-errors", severity] == others[severity]
    elsewhere = replace(TENANTS, routes=(), default=("mail",))
    assert elsewhere.receivers(replace(firing(), slo=SloId("acme/web-errors:route=/pay"))) == ("acme", "acme-mail")
    assert elsewhere.known >= {"acme", "acme-mail"}
