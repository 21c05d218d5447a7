"""Every default text of an alert and of a digest, as it was reviewed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from app.alerting import SLO_REMOVED, Definition, End, Notification, resolve
from app.alerting.definition import end_of
from app.slo import Cause, FrozenCause, Severity
from app.wording.messages import MessageWriter
from tests.support.golden import assert_golden
from tests.support.notifications import firing

WRITER = MessageWriter(external_url="https://slo.example")
NAN = float("nan")


def _alerts() -> Iterator[tuple[str, Notification]]:
    page = firing(
        slo_description="Checkout requests succeed.",
        group=(("route", "/pay"),),
        top_contributors='route="/pay": 82% of the errors, 9% of the traffic',
        first_bad_at=firing().starts_at - timedelta(minutes=4),
        last_bad_at=firing().starts_at + timedelta(minutes=20),
        spent=0.028,
    )
    blind = replace(
        firing(severity=Severity.TICKET, cause=Cause.NO_DATA, condition="no data since 2025-12-31 23:50 UTC"),
        burn_rate_long=NAN, burn_rate_short=NAN, budget_remaining=NAN, good=NAN, bad=NAN, tier="",
    )  # fmt: skip
    ends_at = page.starts_at + timedelta(minutes=25)
    yield "a firing page", page
    yield "a firing page, exhausted", replace(page, budget_remaining=-0.12, exhausted_at=None)
    yield "a firing page without new data", replace(page, stale="no data since 23:58 UTC")
    yield "a firing page without traffic", _stale(page, FrozenCause.NO_TRAFFIC, "no events in the last 5m")
    doubt = "its SLI was changed, and the new one cannot be trusted yet: it has counted no bad events so far"
    yield "a firing page of a changed SLI that is not trusted yet", _stale(page, FrozenCause.SLI_CHANGED, doubt)
    yield "a resolved page", resolve(page, at=ends_at)
    yield "a page that ended otherwise", resolve(page, at=ends_at, end=SLO_REMOVED)
    yield "a page whose SLI was changed", resolve(page, at=ends_at, end=_changed(sli="other"))
    changed = _changed(objective=0.99, window="7d")
    yield "a page whose objective and window were changed", resolve(page, at=ends_at, end=changed)
    yield "a ticket for missing data", blind
    yield "data that is back", resolve(blind, at=ends_at)


def _stale(page: Notification, cause: FrozenCause, why: str) -> Notification:
    return replace(page, stale=why, stale_cause=cause)


def _changed(**changes: object) -> End:
    before = Definition(sli="sli", objective=0.999, window="30d", rules="rules")
    return end_of(before, replace(before, **changes), Cause.BURN)  # type: ignore[arg-type]


def _digests() -> Iterator[tuple[str, list[Notification]]]:
    many = [firing(f"slo-{number}", name=f"slo{number}", service=f"s{number % 3}") for number in range(25)]
    blind = [
        replace(one, severity=Severity.TICKET, cause=Cause.NO_DATA, condition="no data: Prometheus does not answer")
        for one in many[:4]
    ]
    yield "a digest", many
    yield "a digest that is resolved", [resolve(one, at=one.starts_at + timedelta(minutes=9)) for one in many[:3]]
    yield (
        "a digest of which some did not recover",
        [
            resolve(one, at=one.starts_at + timedelta(minutes=9), end=SLO_REMOVED if place else None)
            for place, one in enumerate(many[:3])
        ],
    )
    yield (
        "a digest of which none recovered",
        [resolve(one, at=one.starts_at + timedelta(minutes=9), end=SLO_REMOVED) for one in many[:3]],
    )
    yield "a digest of missing data", blind


def test_the_texts_are_those_that_were_reviewed() -> None:
    """`UPDATE_GOLDEN=1 pytest tests/wording` writes them anew; review the difference as a reader at night would."""
    parts = []
    for kind, notifications in (*((kind, [alert]) for kind, alert in _alerts()), *_digests()):
        message = WRITER.words(notifications)
        links = "\n".join(f"  {text}: {url}" for text, url in message.links)
        parts.append(f"## {kind}\n{message.headline}\n\n{message.text}\n{links}\n")
    assert_golden("wording.txt", "\n".join(parts))
