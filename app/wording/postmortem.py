"""A draft of a postmortem in Markdown: what is known is filled in, the rest is left to people.

Source: https://sre.google/sre-book/example-postmortem/
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.alerting import Notification
from app.slo import format_percent
from app.wording.markdown import as_markdown
from app.wording.sentences import event_words, incident_title, share, span

_TO_FILL_IN = "_To be filled in._"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemFacts:
    """What is known of an incident: *spent* is a share of the budget, *timeline* times and what happened then."""

    url: str
    notification: Notification
    started_at: datetime
    ended_at: datetime | None
    first_bad_at: datetime | None
    last_bad_at: datetime | None
    bad_events: float | None
    spent: float | None
    timeline: Sequence[tuple[datetime, str]]


def postmortem(facts: PostmortemFacts) -> str:
    """The draft, which ends with a line break."""
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: PostmortemFacts) -> Iterator[str]:
    notification = facts.notification
    yield f"# {as_markdown(incident_title(notification))}, {facts.started_at:%Y-%m-%d}"
    yield ""
    yield "- Status: draft"
    yield "- Authors: "
    yield f"- Incident: <{facts.url}>"
    yield ""
    yield from _section("Summary", [_summary(facts)])
    yield from _section("Impact", [f"- {line}" for line in _impact(facts)])
    yield from _section("Root causes", [_TO_FILL_IN])
    yield from _section("Trigger", [_TO_FILL_IN])
    yield from _section("Top contributors", [as_markdown(notification.top_contributors) or "Not known."])
    yield from _section("Detection and resolution", [f"- {line}" for line in _times(facts)])
    yield from _section(
        "Timeline (UTC)", [f"- {at:%Y-%m-%d %H:%M:%S} {as_markdown(what)}" for at, what in facts.timeline]
    )
    yield from _section("Lessons learned", ["- What went well: ", "- What went wrong: ", "- Where we got lucky: "])
    yield "## Action items"
    yield ""
    yield "| Action item | Type | Owner | Issue |"
    yield "|---|---|---|---|"
    yield "| | prevent | | |"
    yield "| | mitigate | | |"
    yield "| | detect | | |"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from lines
    yield ""


def _summary(facts: PostmortemFacts) -> str:
    notification = facts.notification
    about = notification.slo_description.strip()
    sentences = [
        f"{as_markdown(incident_title(notification))}.",
        f"SLO: {as_markdown(about)}{'' if about.endswith('.') else '.'}" if about else "",
        f"Objective: {format_percent(notification.objective)} over {notification.window}.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _impact(facts: PostmortemFacts) -> Iterator[str]:
    bad = "not known" if facts.bad_events is None else event_words(facts.bad_events)
    yield f"Bad events: {bad}"
    spent = (
        "not known" if facts.spent is None else f"{share(facts.spent)} of the budget for {facts.notification.window}"
    )
    yield f"Error budget spent: {spent}"
    if not math.isnan(facts.notification.budget_remaining):
        yield f"Error budget left: {share(facts.notification.budget_remaining)}"
    yield "Users affected: "


def _times(facts: PostmortemFacts) -> Iterator[str]:
    if facts.first_bad_at is not None:
        yield f"Errors began: {_moment(facts.first_bad_at)}"
        detected = f", {span(facts.started_at - facts.first_bad_at)} later"
    else:
        detected = ""
    yield f"Detected (the alert fired): {_moment(facts.started_at)}{detected}"
    if facts.last_bad_at is not None and facts.ended_at is not None:
        yield f"Errors ended: {_moment(facts.last_bad_at)}"
    if facts.ended_at is None:
        yield "Resolved: not yet"
        return
    reason = f": {as_markdown(facts.notification.reason)}" if facts.notification.reason else ""
    yield f"Resolved: {_moment(facts.ended_at)}, after {span(facts.ended_at - facts.started_at)}{reason}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
