"""PagerDuty against a scripted server (N5, N9, N11)."""

from datetime import timedelta

import orjson

from app.delivery.message_receiver import RateLimit
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier
from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Rejected
from app.http.secrets import FixedSecret
from app.integrations.pagerduty.notifier import PagerDuty, PagerDutyOptions, dedup_key
from app.slo import Severity
from tests.support.fake_receivers import RecordingInstruments
from tests.support.notifications import closed, firing, resolved
from tests.support.receiver_harness import WRITER, deliver, outgoing
from tests.support.scripted_server import Reply, Scripted

KEY = "canary0123456789abcdef0123456789"
ACCEPTED = Reply(status=202, body=b'{"status":"success","dedup_key":"x"}')


def _pagerduty(server: Scripted) -> Notifier:
    options = PagerDutyOptions(routing_key=FixedSecret(KEY), url=f"{server.url}/v2/enqueue")
    return PagerDuty(options, outgoing=outgoing(), writer=WRITER)


def test_a_page_opens_an_incident_and_its_end_closes_the_same() -> None:
    with Scripted(otherwise=ACCEPTED) as server:
        page = firing(top_contributors='route="/pay" 82%')
        assert deliver(lambda: _pagerduty(server), [page], [resolved()]) == [[Delivered()], [Delivered()]]
        trigger, resolve = server.bodies
    assert trigger["routing_key"] == KEY
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == dedup_key(page)
    assert len(trigger["dedup_key"]) <= 255
    payload = trigger["payload"]
    assert payload["summary"] == "checkout availability is burning its error budget at 20x"
    assert (payload["severity"], payload["source"], payload["class"]) == ("critical", "checkout", "ErrorBudgetBurn")
    assert payload["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert 'Top contributors: route="/pay" 82%.' in payload["custom_details"]["description"]
    assert payload["custom_details"]["labels"]["slo"] == "checkout-availability"
    assert {"href": "https://runbooks/slo", "text": "Runbook"} in trigger["links"]
    assert trigger["client_url"] == "https://slo.example/incidents/5f2d"


def test_a_ticket_is_a_warning() -> None:
    with Scripted(otherwise=ACCEPTED) as server:
        deliver(lambda: _pagerduty(server), [firing(severity=Severity.TICKET)])
        assert server.bodies[0]["payload"]["severity"] == "warning"


def test_429_and_5xx_are_tried_again_and_400_is_not() -> None:
    script = [
        Reply(status=429, headers={"Retry-After": "7"}),
        Reply(status=503),
        Reply(status=400, body=b'{"status":"invalid event","errors":["routing_key ' + KEY.encode() + b' is wrong"]}'),
    ]
    instruments = RecordingInstruments()
    with Scripted(*script) as server:
        limited, broken, refused = (
            outcomes[0] for outcomes in deliver(lambda: _pagerduty(server), *[[firing()]] * 3, instruments=instruments)
        )
    assert isinstance(limited, Failed)
    assert (limited.reason, limited.retry_after) == (FailureReason.RATE_LIMITED, timedelta(seconds=7))
    assert isinstance(broken, Failed)
    assert broken.reason is FailureReason.SERVER_ERROR
    assert isinstance(refused, Rejected)
    assert "invalid event" in refused.detail
    assert KEY not in refused.detail
    assert instruments.failures == {FailureReason.RATE_LIMITED: 1, FailureReason.SERVER_ERROR: 1}


def test_a_login_page_in_place_of_pagerduty_has_taken_nothing() -> None:
    """As of a captive portal or a proxy, with the status 200."""
    page = Reply(headers={"Content-Type": "text/html"}, body=b"<html>please log in</html>")
    with Scripted(page, otherwise=ACCEPTED) as server:
        (refused,), (taken,) = deliver(lambda: _pagerduty(server), [firing()], [firing()])
    assert isinstance(refused, Failed)
    assert refused.reason is FailureReason.REFUSED
    assert taken == Delivered()


def test_an_answer_that_is_lost_is_tried_again_under_the_same_key() -> None:
    """N8: PagerDuty has taken the first one; the second changes nothing there."""
    with Scripted(Reply(cut=True), otherwise=ACCEPTED) as server:
        (lost,), (taken,) = deliver(lambda: _pagerduty(server), [firing()], [firing()])
        assert isinstance(lost, Failed)
        assert taken == Delivered()
        assert server.bodies[0]["dedup_key"] == server.bodies[1]["dedup_key"]


def test_an_incident_whose_answer_was_lost_ends_although_its_alert_was_sent_again_in_a_digest() -> None:
    first, others = firing("a"), [firing("b"), firing("c")]
    batches = [[first], [first, *others], [resolved("a")], [resolved("b"), resolved("c")]]
    with Scripted(Reply(cut=True), otherwise=ACCEPTED) as server:
        outcomes = deliver(lambda: _pagerduty(server), *batches, rate_limit=RateLimit(per_minute=1))
        sent = [(body["event_action"], body["dedup_key"]) for body in server.bodies]
    alone, digest = dedup_key(first), sent[1][1]
    assert sent == [("trigger", alone), ("trigger", digest), ("resolve", alone), ("resolve", digest)]
    assert outcomes[2:] == [[Delivered()], [Delivered()] * 2]


def test_long_texts_are_cut_to_what_pagerduty_takes() -> None:
    with Scripted(otherwise=ACCEPTED) as server:
        endless = firing(annotations=(("summary", "x" * 5000), ("more", "y" * 600_000)))
        assert deliver(lambda: _pagerduty(server), [endless]) == [[Delivered()]]
        assert len(server.bodies[0]["payload"]["summary"]) == 1024
        assert len(orjson.dumps(server.bodies[0])) <= 512_000


def test_what_is_too_large_loses_details_and_no_links() -> None:
    many = tuple((f"note{number:03}", "z" * 9_000) for number in range(120))
    large = firing(annotations=(("runbook_url", "https://runbooks/slo"), ("summary", "a\u202eb"), *many))
    with Scripted(otherwise=ACCEPTED) as server:
        assert deliver(lambda: _pagerduty(server), [large]) == [[Delivered()]]
        (trigger,) = server.bodies
    assert len(orjson.dumps(trigger)) <= 512_000
    assert {"href": "https://runbooks/slo", "text": "Runbook"} in trigger["links"]
    assert trigger["payload"]["summary"] == "ab"
    details = trigger["payload"]["custom_details"]
    assert "2,000 of 100,000 events were bad" in details["description"]
    assert (len(details), max(map(len, details.values()))) == (100, 1_000)


def test_hundreds_at_once_are_one_incident_that_closes_with_the_last() -> None:
    many = [firing(f"slo-{number}") for number in range(300)]
    over = [resolved(f"slo-{number}") for number in range(300)]
    book = MemoryMessageRefs()
    with Scripted(otherwise=ACCEPTED) as server:
        fired, some, rest = deliver(lambda: _pagerduty(server), many, over[:299], over[299:], book=book)
        assert fired == [Delivered()] * 300
        assert some == [Delivered()] * 299
        assert rest == [Delivered()]
        trigger, resolve = server.bodies
    assert trigger["payload"]["summary"] == "300 alerts of checkout are firing"
    assert len(trigger["payload"]["custom_details"]["alerts"]) == 21
    assert resolve["event_action"] == "resolve"
    assert resolve["dedup_key"] == trigger["dedup_key"]
    assert book.recall("team", many) == {}


def test_ends_wait_for_their_turn_since_each_closes_its_own_incident() -> None:
    over = [resolved(f"slo-{number}") for number in range(5)]
    with Scripted(otherwise=ACCEPTED) as server:
        (outcomes,) = deliver(lambda: _pagerduty(server), over, rate_limit=RateLimit(per_minute=3))
        assert outcomes[:3] == [Delivered()] * 3
        assert [type(outcome) for outcome in outcomes[3:]] == [Deferred] * 2
        assert len(server.requests) == 3


def test_an_end_that_is_no_recovery_says_so_in_the_log_of_the_incident() -> None:
    with Scripted(otherwise=ACCEPTED) as server:
        deliver(lambda: _pagerduty(server), [firing()], [closed()])
        _, end = server.bodies
    assert (end["event_action"], end["dedup_key"]) == ("resolve", dedup_key(firing()))
    assert "closed because the SLO was removed" in end["payload"]["summary"]
