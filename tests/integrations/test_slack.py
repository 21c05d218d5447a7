"""Slack against a scripted server: webhook and bot (N6, S6)."""

import doctest
from datetime import timedelta

import pytest

from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome, Rejected
from app.http.secrets import FixedSecret
from app.integrations.slack import notifier as slack
from app.integrations.slack.notifier import SlackBot, SlackBotOptions, SlackWebhook
from tests.support.notifications import closed, firing, resolved
from tests.support.receiver_harness import WRITER, deliver, outgoing
from tests.support.scripted_server import Reply, Scripted

OK = Reply(body=b"ok")
TOKEN = "xoxb-canary-1234"  # noqa: S105  # of no account
POSTED = Reply(body=b'{"ok":true,"channel":"C42","ts":"1700000000.000100"}')


def _webhook(server: Scripted) -> Notifier:
    url = FixedSecret(f"{server.url}/services/T0/B0/canary")
    return SlackWebhook(url, outgoing=outgoing(), writer=WRITER)


def _bot(server: Scripted) -> Notifier:
    options = SlackBotOptions(token=FixedSecret(TOKEN), channel="#slo", api=f"{server.url}/api")
    return SlackBot(options, outgoing=outgoing(), writer=WRITER)


def test_the_examples_hold() -> None:
    assert doctest.testmod(slack).failed == 0


def test_a_page_and_its_end_are_messages() -> None:
    with Scripted(otherwise=OK) as server:
        deliver(lambda: _webhook(server), [firing()], [resolved()], [closed()])
        page, end, no_recovery = server.bodies
    assert page["text"] == ":rotating_light: checkout availability is burning its error budget at 20x"
    assert end["text"].startswith(":white_check_mark: checkout availability is no longer burning")
    assert "2,000 of 100,000 events were bad" in page["attachments"][0]["text"]
    assert "<https://runbooks/slo|Runbook>" in page["attachments"][0]["text"]
    assert "closed because the SLO was removed" in no_recovery["text"]
    assert ":white_check_mark:" not in no_recovery["text"]
    assert len({message["attachments"][0]["color"] for message in server.bodies}) == len(server.bodies)


def test_an_address_may_be_a_template() -> None:
    with Scripted(otherwise=OK) as server:
        deliver(lambda: _webhook(server), [firing(annotations=(("runbook_url", "https://r/{{ slo }}"),))])
        (page,) = server.bodies
    assert "<https://r/checkout-availability|Runbook>" in page["attachments"][0]["text"]


@pytest.mark.parametrize(
    "evil", ["<!channel>", "<!here|here>", "<@U024BE7LH>", "<https://evil|click>", "&lt;!channel>"]
)
def test_nothing_in_the_data_calls_people_or_makes_links(evil: str) -> None:
    notification = firing(
        name=evil,
        annotations=(("description", evil), ("runbook_url", f"https://runbooks/{evil}"), ("dashboard", "javascript:x")),
    )
    with Scripted(otherwise=OK) as server:
        deliver(lambda: _webhook(server), [notification])
        text = server.requests[0].body.decode()
    assert evil not in text
    assert "<!" not in text
    assert "<@" not in text
    assert "javascript" not in text


def test_429_says_when_to_come_back() -> None:
    with Scripted(Reply(status=429, headers={"Retry-After": "30"})) as server:
        ((limited,),) = deliver(lambda: _webhook(server), [firing()])
    assert isinstance(limited, Failed)
    assert (limited.reason, limited.retry_after) == (FailureReason.RATE_LIMITED, timedelta(seconds=30))


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"no_service"), (410, b"channel_is_archived"), (403, b"invalid_token")]
)
def test_a_hook_that_was_revoked_is_given_up_at_once(status: int, body: bytes) -> None:
    with Scripted(Reply(status=status, body=body)) as server:
        ((refused,),) = deliver(lambda: _webhook(server), [firing()])
    assert refused == Rejected(detail=f"{status} {body.decode()}")


_HTML = {"Content-Type": "text/html; charset=utf-8"}
_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(body=b"no_team"), Rejected(detail="200 no_team")),
        (Reply(body=b'{"ok":false,"error":"invalid_auth"}', headers=_JSON), Rejected(detail="invalid_auth")),
        (
            Reply(body=b'{"ok":false,"error":"ratelimited"}', headers={"Retry-After": "3"}),
            Failed(reason=FailureReason.RATE_LIMITED, detail="ratelimited", retry_after=timedelta(seconds=3)),
        ),
        (
            Reply(body=b"delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"),
            Failed(
                reason=FailureReason.RATE_LIMITED,
                detail="200 delivery failed with error: Microsoft Teams endpoint returned HTTP error 429",
            ),
        ),
        (Reply(body=b'{"success":false}', headers=_JSON), Rejected(detail='200 {"success":false}')),
        (
            Reply(body=b"<html>please log in</html>", headers=_HTML),
            Failed(
                reason=FailureReason.REFUSED,
                detail="200 with a web page, such as a login: the service itself has not answered",
            ),
        ),
        (Reply(status=413), Rejected(detail="413")),
        (Reply(body=b"ok\n"), Delivered()),
        (Reply(status=204), Delivered()),
        (Reply(body=b'{"success":true}', headers=_JSON), Delivered()),
    ],
)
def test_a_hook_may_say_with_200_that_nothing_was_posted(reply: Reply, outcome: Outcome) -> None:
    with Scripted(reply) as server:
        assert deliver(lambda: _webhook(server), [firing()]) == [[outcome]]


def test_a_failure_of_the_first_spares_the_others_the_wait() -> None:
    with Scripted(otherwise=Reply(status=503)) as server:
        (outcomes,) = deliver(lambda: _webhook(server), [firing(f"slo-{number}") for number in range(10)])
        assert [type(outcome) for outcome in outcomes] == [Failed] * 10
        assert len(server.requests) <= 2


def test_a_bot_turns_the_message_of_a_page_into_its_end() -> None:
    book = MemoryMessageRefs()
    with Scripted(otherwise=POSTED) as server:
        deliver(lambda: _bot(server), [firing()], [resolved()], book=book)
        post, update = server.requests
    assert (post.path, update.path) == ("/api/chat.postMessage", "/api/chat.update")
    assert post.headers["authorization"] == f"Bearer {TOKEN}"
    assert post.json["channel"] == "#slo"
    assert (update.json["channel"], update.json["ts"]) == ("C42", "1700000000.000100")
    assert "no longer burning" in update.json["text"]
    assert book.recall("team", [firing()]) == {}


def test_a_message_that_is_gone_is_written_anew() -> None:
    book = MemoryMessageRefs()
    book.remember("team", [firing()], handle="C42:1.0", at=firing().at)
    with Scripted(Reply(body=b'{"ok":false,"error":"message_not_found"}'), otherwise=POSTED) as server:
        assert deliver(lambda: _bot(server), [resolved()], book=book) == [[Delivered()]]
        assert [request.path for request in server.requests] == ["/api/chat.update", "/api/chat.postMessage"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(body=b'{"ok":false,"error":"ratelimited"}', headers={"Retry-After": "3"}), FailureReason.RATE_LIMITED),
        (Reply(body=b'{"ok":false,"error":"internal_error"}'), FailureReason.SERVER_ERROR),
        (Reply(status=429), FailureReason.RATE_LIMITED),
        (Reply(body=b"<html>captive portal</html>"), FailureReason.REFUSED),
    ],
)
def test_what_may_pass_is_tried_again(reply: Reply, reason: FailureReason) -> None:
    with Scripted(reply) as server:
        ((outcome,),) = deliver(lambda: _bot(server), [firing()])
    assert isinstance(outcome, Failed)
    assert outcome.reason is reason


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "channel_not_found", "is_archived"])
def test_what_cannot_pass_is_given_up_at_once(error: str) -> None:
    with Scripted(Reply(body=f'{{"ok":false,"error":"{error}"}}'.encode())) as server:
        ((outcome,),) = deliver(lambda: _bot(server), [firing()])
    assert outcome == Rejected(detail=error)


def test_hundreds_at_once_are_one_message_that_changes_with_the_last() -> None:
    many = [firing(f"slo-{number}", service=f"s{number % 3}") for number in range(200)]
    over = [resolved(f"slo-{number}", service=f"s{number % 3}") for number in range(200)]
    with Scripted(otherwise=POSTED) as server:
        deliver(lambda: _bot(server), many, over[:100], over[100:], book=MemoryMessageRefs())
        assert [request.path for request in server.requests] == ["/api/chat.postMessage", "/api/chat.update"]
        assert "200 alerts of 3 services are firing" in server.bodies[0]["text"]
        assert "and 180 more" in server.bodies[0]["attachments"][0]["text"]


def test_values_of_labels_are_no_links() -> None:
    """Slack links bare addresses too, so it is told not to, and those of labels are written so that none is one."""
    url = "https://evil.example/login"
    notification = firing(
        group=(("route", url),),
        top_contributors=f'url="{url}" 82%',
        annotations=(
            ("runbook_url", "https://runbooks/slo"),
            ("description", "{{ top_contributors }} {{ group.route }}"),
        ),
    )
    with Scripted(otherwise=OK) as server:
        deliver(lambda: _webhook(server), [notification])
        (page,) = server.bodies
    attachment = page["attachments"][0]
    assert page["parse"] == "none"
    assert "https[:]//evil.example/login" in page["text"]
    assert "evil.example" in attachment["text"]
    assert url not in page["text"] + attachment["text"] + attachment["fallback"]
    assert "<https://runbooks/slo|Runbook>" in attachment["text"]


def test_addresses_that_a_document_writes_are_links() -> None:
    wiki = "https://wiki.example/pay?a=1&b=2"
    notification = firing(
        labels=(("team", "https://evil.example/x"),),
        annotations=(("description", f"See {wiki}. Not {{{{ labels.team }}}} or {wiki}/more"),),
    )
    with Scripted(otherwise=OK) as server:
        deliver(lambda: _webhook(server), [notification])
        (page,) = server.bodies
    text = page["attachments"][0]["text"]
    assert text.startswith(
        "See <https://wiki.example/pay?a=1&amp;b=2>. Not https://evil.example/x "
        "or <https://wiki.example/pay?a=1&amp;b=2/more>\n"
    )


def test_no_direction_mark_and_long_texts_keep_their_links() -> None:
    notification = firing(
        group=(("route", "a\u202eb\u200b"),),
        annotations=(("runbook_url", "https://runbooks/slo"), ("description", "x" * 100_000), ("summary", "y" * 9_000)),
    )
    with Scripted(otherwise=OK) as server:
        deliver(lambda: _webhook(server), [notification])
        (page,) = server.bodies
    assert "\u202e" not in str(page)
    assert page["text"].count("y") in {999, 1_000}
    text = page["attachments"][0]["text"]
    assert text.partition("<https")[0].count("x") in {2_999, 3_000}
    assert text.endswith("<https://runbooks/slo|Runbook>")


def test_a_template_that_fails_is_said_below_the_default_text() -> None:
    with Scripted(otherwise=OK) as server:
        deliver(lambda: _webhook(server), [firing(annotations=(("summary", "{{ summary | truncate(2) }}"),))])
        (page,) = server.bodies
    assert page["text"].endswith("checkout availability is burning its error budget at 20x")
    assert "summary: AssertionError" in page["attachments"][0]["text"]
