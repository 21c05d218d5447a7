"""The annotations of an alert: the default texts, and those of documents and receivers over them."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.alerting import Notification
from app.wording.links import is_link
from app.wording.plain_text import shortened, visible
from app.wording.sentences import closing, description, summary, unaccepted
from app.wording.template_values import figures
from app.wording.templates import TemplateProblemError, Templates, Work, is_template, render_template

UNACCEPTED = "unaccepted"
"""The annotation that says in whose place a fallback is notified, and why."""
TEMPLATE_ERROR = "template_error"
"""The annotation that says which templates could not be used, and why."""
_OURS: Templates = Templates()
_DEFAULTS = ("summary", "description")
# A template that names either says itself how the alert ended.
_OF_END = re.compile(r"\b(end_code|reason)\b")
# Jira takes 32,767 characters, Discord 4,096 and most others more: a page with more than this is not read at night.
_LONGEST = 8_192
# What is looked at of a text to show so much of it: some of its characters are invisible.
_READ = 2 * _LONGEST


def annotations(notification: Notification, templates: Templates = _OURS) -> dict[str, str]:
    """The annotations of an alert.

    A document's annotations replace the default texts, and a receiver's templates those; figures stay. Where a
    template fails, or makes an empty summary, the words before it stay; a failure is added as `template_error`. Never
    raises for what a document or a label holds.
    """
    said, problems = _written(notification, templates)
    failed = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
    figured = {**said, **dict(_figures(notification)), **({TEMPLATE_ERROR: failed} if failed else {})}
    return {name: _presentable(text) for name, text in figured.items()}


def template_problems(notification: Notification, templates: Templates = _OURS) -> dict[str, str]:
    """Why templates of the alert cannot be used, by the name of the annotation."""
    return _written(notification, templates)[1]


def _written(notification: Notification, templates: Templates) -> tuple[dict[str, str], dict[str, str]]:
    """What is said, by name of the annotation, and what is wrong with templates."""
    said = {"summary": summary(notification), "description": description(notification)}
    problems: dict[str, str] = {}
    own = {
        name: text for name, text in (("summary", templates.summary), ("description", templates.description)) if text
    }
    texts = (*notification.annotations, *own.items())
    # Most alerts have no template, and pages of many alerts ask for all their annotations.
    work, known = Work(), _cut(figures(notification)) if any(is_template(text) for _, text in texts) else {}
    for name, text in texts:
        try:
            written = render_template(text, {**known, **_cut(_words(said))}, work) if is_template(text) else text
        except TemplateProblemError as error:
            problems[name] = str(error)
            said.setdefault(name, text)
            continue
        if name != "summary" or visible(written).strip():
            said[name] = _with_end(name, text, written, notification)
    return said, problems


def _with_end(name: str, text: str, written: str, notification: Notification) -> str:
    """What a document's or a receiver's own *text* has become, with why the alert ended where it did not recover.

    Such texts are written for alerts that fire and recover: no other end must read like a recovery.
    """
    closed = closing(notification)
    if not closed or name not in _DEFAULTS or (is_template(text) and _OF_END.search(text)):
        return written
    if name == "summary":
        usual = summary(notification)
        return written if usual in written else usual
    return written if closed in written else f"{closed} {written}"


def _cut(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of templates, no text longer than what is shown of one."""
    return {
        name: _cut(value) if isinstance(value, dict) else value[:_LONGEST] if isinstance(value, str) else value
        for name, value in values.items()
    }


def _presentable(text: str) -> str:
    shown = visible(text[:_READ])
    return shown if is_link(shown) else shortened(shown, _LONGEST)


def _words(said: dict[str, str]) -> dict[str, str]:
    return {name: said[name] for name in _DEFAULTS}


def _figures(notification: Notification) -> Iterator[tuple[str, str]]:
    texts = {
        "tier": notification.tier,
        "burn_rate_long": _figure(notification.burn_rate_long),
        "burn_rate_short": _figure(notification.burn_rate_short),
        "budget_remaining": _figure(notification.budget_remaining),
        "top_contributors": notification.top_contributors,
        "recent_change": notification.recent_change,
        "data": "stale" if notification.stale is not None else "",
        "end_code": notification.end_code or "",
        UNACCEPTED: unaccepted(notification),
    }
    return ((name, text) for name, text in texts.items() if text)


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
