"""Which form a report of a change has, who sends it, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.changes.argocd import is_argocd, read_argocd
from app.changes.cdevents import is_cdevent, read_cdevent
from app.changes.fields import Fields, MalformedChangeError
from app.changes.github import read_github
from app.changes.gitlab import read_gitlab
from app.changes.model import Change, change_id
from app.changes.pagerduty import is_pagerduty, read_pagerduty
from app.changes.plain import read_plain
from app.wording.plain_text import one_line

# A clock that is ahead by more is wrong, and its marks would lie beyond every chart.
_AHEAD = timedelta(days=1)


class Reporter(StrEnum):
    """Whose way of proving who it is a request has to be checked by."""

    GITHUB = "github"
    GITLAB = "gitlab"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request with a report: its headers by lower-case name, and its decoded body."""

    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class IgnoredChange:
    """What was sent is no change; *reason* says so in words."""

    reason: str


def reporter_of(headers: Mapping[str, str]) -> Reporter:
    """Who sends a request, by its headers."""
    if "x-github-event" in headers:
        return Reporter.GITHUB
    return Reporter.GITLAB if "x-gitlab-event" in headers else Reporter.ANY


def read_change(
    received: Received, *, at: datetime, service: str | None = None, environment: str | None = None
) -> Change | IgnoredChange:
    """The change that a request reports *at* a time; *service* and *environment* replace those of the report.

    Raises:
        MalformedChangeError: it cannot be read.
    """
    found = _read(received, at)
    if isinstance(found, str):
        return IgnoredChange(found)
    if found.started_at > at + _AHEAD or found.ended_at > at + _AHEAD:
        raise MalformedChangeError("started_at and finished_at must not be in the future")
    return replace(
        found,
        service=one_line(service or "") or found.service,
        environment=one_line(environment or "") or found.environment,
    )


def _read(received: Received, at: datetime) -> Change | str:  # noqa: PLR0911  one for each form
    headers, fields = received.headers, Fields(received.body)
    match reporter_of(headers):
        case Reporter.GITHUB:
            return read_github(headers["x-github-event"], fields, at=at)
        case Reporter.GITLAB:
            return read_gitlab(fields, at=at)
        case Reporter.ANY if is_cdevent(fields):
            return read_cdevent(fields, at=at)
        case Reporter.ANY if "specversion" in fields and "type" in fields:
            return _in_cloudevent(fields, at)
        case Reporter.ANY if is_pagerduty(fields):
            return read_pagerduty(fields, received.body.get("links"), at=at)
    if is_argocd(fields):
        return read_argocd(fields, at=at)
    is_cloudevent = "ce-type" in headers
    change = read_plain(fields, at=at, source="cloudevents" if is_cloudevent else "api")
    return _identified(change, fields, headers) if is_cloudevent else change


def _in_cloudevent(fields: Fields, at: datetime) -> Change | str:
    """What a structured CloudEvent carries: a CDEvent, or our own form.

    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
    """
    data = fields.child("data")
    if is_cdevent(data):
        return read_cdevent(data, at=at)
    envelope = {"ce-source": fields.text("source"), "ce-id": fields.text("id")}
    return _identified(read_plain(data, at=fields.time("time") or at, source="cloudevents"), data, envelope)


def _identified(change: Change, data: Fields, envelope: Mapping[str, str]) -> Change:
    """A change with the id of its CloudEvent, where its data has none."""
    if "id" in data or not envelope.get("ce-id"):
        return change
    return replace(change, id=change_id(envelope.get("ce-source", ""), envelope["ce-id"]))
