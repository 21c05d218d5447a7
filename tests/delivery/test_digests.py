"""Many alerts at once are one message, and those of one cause are so however few they are (N11)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from app.alerting import Notification, resolve
from app.delivery.message_receiver import RateLimit
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier
from app.delivery.outcome import Delivered
from app.http.secrets import FixedSecret
from app.integrations.pagerduty.notifier import PagerDuty, PagerDutyOptions
from app.integrations.slack.notifier import SlackWebhook
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from app.slo import Cause, Severity
from app.wording.messages import MessageText, digest_headline
from tests.support.fake_receivers import SkewedClock
from tests.support.notifications import START, firing, resolved
from tests.support.receiver_harness import WRITER, deliver, outgoing
from tests.support.scripted_server import Reply, Scripted

AWAY = "no data since 2026-01-01 00:00 UTC, so alerts cannot be judged: Prometheus gives none (refused)"


def blind(number: int, condition: str = AWAY) -> Notification:
    """An SLO has no data."""
    return firing(
        f"slo-{number}",
        name=f"slo{number}",
        service=f"service-{number % 3}",
        severity=Severity.TICKET,
        cause=Cause.NO_DATA,
        condition=condition,
        incident=f"i{number}",
    )


def seeing(number: int) -> Notification:
    """It has data again."""
    return resolve(blind(number), at=START.replace(hour=1))


def _pagerduty(server: Scripted) -> Notifier:
    options = PagerDutyOptions(routing_key=FixedSecret("key"), url=server.url)
    return PagerDuty(options, outgoing=outgoing(), writer=WRITER)


def _slack(server: Scripted) -> Notifier:
    return SlackWebhook(FixedSecret(server.url), outgoing=outgoing(), writer=WRITER)


def _webhook(server: Scripted) -> Notifier:
    return Webhook(
        "hook", WebhookOptions(url=FixedSecret(server.url)), outgoing=outgoing(), writer=WRITER, clock=SkewedClock()
    )


@pytest.mark.parametrize("make", [_pagerduty, _slack, _webhook])
@pytest.mark.parametrize("count", [2, 5, 400])
def test_a_prometheus_that_is_away_is_one_message_and_so_is_its_return(
    make: Callable[[Scripted], Notifier], count: int
) -> None:
    with Scripted(otherwise=Reply(status=202, body=b"ok")) as server:
        outcomes = deliver(
            lambda: make(server),
            [blind(number) for number in range(count)],
            [seeing(number) for number in range(count)],
            book=MemoryMessageRefs(),
        )
        assert outcomes == [[Delivered()] * count] * 2
        assert len(server.requests) == 2


def test_a_page_is_not_hidden_among_the_many_that_have_no_data() -> None:
    with Scripted(otherwise=Reply(status=202)) as server:
        deliver(lambda: _pagerduty(server), [*(blind(number) for number in range(300)), firing()])
        said = {body["payload"]["summary"]: body["payload"]["severity"] for body in server.bodies}
    assert said == {
        "No data for 300 SLOs of 3 services": "warning",
        "checkout availability is burning its error budget at 20x": "critical",
    }


def test_one_slo_without_data_is_told_like_any_other() -> None:
    with Scripted(otherwise=Reply(status=202)) as server:
        deliver(lambda: _pagerduty(server), [blind(1)])
        assert server.bodies[0]["payload"]["summary"].startswith("service-1 slo1: no data since")


def test_one_slo_without_data_among_many_tickets_is_in_their_digest() -> None:
    with Scripted(otherwise=Reply(status=202)) as server:
        tickets = [firing(f"slo-{number}", severity=Severity.TICKET) for number in range(10, 14)]
        deliver(lambda: _slack(server), [blind(1), *tickets], rate_limit=RateLimit(per_minute=2))
        assert len(server.requests) == 1


def test_the_cause_is_named_once_and_what_differs_beside_its_slo() -> None:
    other = "no data since 2026-01-01 00:00 UTC, so alerts cannot be judged: up has no new samples"
    words = _words([blind(1), blind(2), blind(3, other)])
    assert words.headline == "No data for 3 SLOs of 3 services"
    assert words.text.splitlines() == [
        f"N{AWAY[1:]}.",
        "ticket: service-0 slo3: " + other,
        "ticket: service-1 slo1",
        "ticket: service-2 slo2",
    ]
    assert _words([seeing(1), seeing(4)]).text.splitlines() == ["ticket: service-1 slo1", "ticket: service-1 slo4"]


def test_headlines_count_alerts_and_services() -> None:
    burning = [firing(f"slo-{number}", service=f"s{number % 40}") for number in range(1_200)]
    assert digest_headline(burning, firing=True) == "1,200 alerts of 40 services are firing"
    assert digest_headline([resolved(service="s0")], firing=False) == "1 alerts of s0 are resolved"
    assert digest_headline([seeing(1), seeing(4)], firing=False) == "Data is back for 2 SLOs of service-1"
    assert digest_headline([blind(1), replace(firing(), service="service-1")], firing=True) == (
        "2 alerts of service-1 are firing"
    )


def test_a_cause_counts_as_one_of_the_messages_of_a_minute() -> None:
    rate_limit = RateLimit(per_minute=2)
    with Scripted(otherwise=Reply(status=202)) as server:
        few = [firing(f"slo-{number}") for number in (10, 11)]
        deliver(lambda: _slack(server), [blind(1), blind(2), *few], rate_limit=rate_limit)
        assert len(server.requests) == 2


def _words(notifications: Sequence[Notification]) -> MessageText:
    return WRITER.words(notifications)
