"""What a tired person reads."""

import doctest
from datetime import timedelta

import pytest

from app.alerting import SLO_REMOVED, Notification, resolve
from app.slo import Cause
from app.wording import sentences
from app.wording.annotations import annotations
from app.wording.messages import MessageWriter
from app.wording.sentences import description, summary, time_left
from tests.support.notifications import START, firing, resolved

NAN = float("nan")


def test_the_examples_hold() -> None:
    assert doctest.testmod(sentences).failed == 0


def test_a_page_says_what_burns_how_much_is_gone_and_how_long_it_lasts() -> None:
    assert summary(firing()) == "checkout availability is burning its error budget at 20x"
    assert description(firing()) == (
        "2,000 of 100,000 events were bad in the last 1h, 2%; the objective of 99.9% allows 0.1%. "
        "The error budget for 30d is burning at 20x in the last 1h and 36x in the last 5m "
        "(threshold 14.4x, rule 1h/5m). Firing since 2026-01-01 00:00 UTC. "
        "60% of the error budget for 30d is spent; at this rate it is exhausted in 14h 24m."
    )


def test_when_the_burn_has_stopped_no_end_of_the_budget_is_said() -> None:
    """An alert fires on for a while after its errors, and its long window still holds them."""
    notification = firing(exhausted_at=None)
    assert time_left(notification) is None
    assert description(notification).endswith("60% of the error budget for 30d is spent.")


def test_the_end_says_how_long_it_took() -> None:
    notification = resolved(after=timedelta(minutes=25))
    assert summary(notification) == "checkout availability is no longer burning its error budget"
    assert description(notification) == (
        "The alert fired for 25m, from 2026-01-01 00:00 to 00:25 UTC. 60% of the error budget for 30d is spent."
    )


def test_the_end_says_how_long_the_errors_lasted_and_not_only_the_alert() -> None:
    notification = resolved(
        after=timedelta(minutes=25),
        first_bad_at=START - timedelta(minutes=4),
        last_bad_at=START + timedelta(minutes=8),
    )
    assert description(notification).startswith(
        "The errors lasted 12m, from 2025-12-31 23:56 to 2026-01-01 00:08 UTC; "
        "the alert fired for 25m, from 2026-01-01 00:00 to 00:25 UTC."
    )


def test_the_end_of_another_day_is_said_with_its_date() -> None:
    text = description(resolved(after=timedelta(hours=26)))
    assert text.startswith("The alert fired for 1d 2h, from 2026-01-01 00:00 to 2026-01-02 02:00 UTC.")


def test_what_was_promised_and_what_the_incident_has_spent_is_said() -> None:
    text = description(firing(slo_description="Checkout requests succeed", spent=0.028))
    assert text.startswith("SLO: Checkout requests succeed. 2,000 of")
    assert "60% of the error budget for 30d is spent, 2.8% in this incident; at this rate" in text
    assert "in this incident" not in description(firing(spent=0.0))


def test_a_group_is_named() -> None:
    notification = firing(group=(("method", "GET"), ("route", "/pay")))
    assert summary(notification).startswith("checkout availability (method=GET, route=/pay) is burning")


@pytest.mark.parametrize(("remaining", "text"), [(0.0, "100%"), (-0.12, "112%")])
def test_a_used_up_budget_is_called_so(remaining: float, text: str) -> None:
    assert description(firing(budget_remaining=remaining)).endswith(
        f"{text} of the error budget for 30d is spent: it is exhausted."
    )


def test_the_overspent_budget_of_a_window_that_has_only_begun_is_not_called_exhausted() -> None:
    """Its status is at_risk, and it may be so to the end of the window (ADR-0045)."""
    assert description(firing(budget_remaining=-999.0, budget_estimated=True)).endswith(
        "100,000% of the error budget of the events so far is spent; the window (30d) has only begun."
    )
    assert description(firing(budget_estimated=True)).endswith("it is exhausted in 14h 24m.")


def test_what_is_not_known_is_not_said() -> None:
    notification = firing(burn_rate_long=NAN, burn_rate_short=NAN, budget_remaining=NAN, good=NAN, bad=NAN)
    assert summary(notification) == "checkout availability is burning its error budget"
    assert description(notification) == ""
    assert "nan" not in str(annotations(notification)).lower()


def test_missing_data_is_said_aloud() -> None:
    notification = firing(stale="less than 90% of the last 5m is measured")
    assert description(notification).startswith(
        "Data is missing: less than 90% of the last 5m is measured. The figures are from 2026-01-01 00:00 UTC; "
        "the alert keeps firing until newer data resolves it."
    )
    assert annotations(notification)["data"] == "stale"
    assert "data" not in annotations(firing())


def test_figures_are_annotations() -> None:
    said = annotations(firing(burn_rate_long=14.4))
    assert {name: said[name] for name in sorted(said) if name not in ("summary", "description")} == {
        "budget_remaining": "0.4",
        "burn_rate_long": "14.4",
        "burn_rate_short": "36",
        "runbook_url": "https://runbooks/slo",
        "tier": "1h/5m",
    }


def test_a_document_may_use_words_of_its_own_but_not_figures() -> None:
    said = annotations(firing(annotations=(("summary", "Shop is down"), ("tier", "gold"))))
    assert (said["summary"], said["tier"]) == ("Shop is down", "1h/5m")


def test_the_reason_of_an_early_end_is_given() -> None:
    notification = resolve(firing(), at=START, end=SLO_REMOVED)
    assert summary(notification) == "checkout availability: this alert is closed because the SLO was removed"
    assert "This alert is closed because the SLO was removed. This is not a recovery." in description(notification)
    assert notification.exhausted_at is None


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (Cause.NO_DATA, "checkout availability: data is back"),
        (Cause.BUDGET_EXHAUSTED, "checkout availability: the error budget is no longer exhausted"),
    ],
)
def test_the_end_of_a_condition_is_said(cause: Cause, said: str) -> None:
    condition = firing(cause=cause, condition="the error budget is exhausted")
    assert summary(condition) == "checkout availability: the error budget is exhausted"
    assert summary(resolve(condition, at=START)) == said


def test_a_digest_for_a_fallback_begins_with_who_has_not_accepted_these_pages_each_once() -> None:
    """Texts are cut at their end."""

    def unaccepted(slo: str, receiver: str) -> Notification:
        error = "unauthorized: 401"
        return firing(slo, unaccepted_by=receiver, unaccepted_since=START, unaccepted_error=error)

    pages = [*(unaccepted(f"slo-{number}", "oncall") for number in range(25)), unaccepted("last", "chat")]
    text = MessageWriter(external_url="https://slo.example").words(pages).text
    assert text.splitlines()[:3] == [
        f"{name} has not accepted this page since 2026-01-01 00:00 UTC (unauthorized: 401), so its fallback is "
        "notified; attempts go on."
        if name
        else "page: checkout availability is burning its error budget at 20x"
        for name in ("oncall", "chat", "")
    ]
