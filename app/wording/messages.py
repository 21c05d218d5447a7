"""The texts of a message: a headline, a body, links; for one alert or a digest of many."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.alerting import Notification, NotificationStatus
from app.slo import Cause
from app.wording.annotations import TEMPLATE_ERROR, UNACCEPTED, annotations
from app.wording.links import links
from app.wording.plain_text import one_line, shortened, visible
from app.wording.sentences import subject
from app.wording.templates import Templates

_ADDRESS = re.compile(r"https?://[^\s<>{}|\"'`]*[^\s<>{}|\"'`.,;:!?)]")
# More lines are not read in a chat or on a phone; the page of all SLOs is linked.
_MOST_NAMED = 20
# Of one alert in a digest: twenty of them with links fit into every receiver's message.
_LINE_CHARS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageText:
    """The texts of a message before a service's own markup; *links* are names and addresses."""

    headline: str
    text: str
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageWriter:
    """Writes the texts of messages.

    Attributes:
        external_url: our address for people.
        templates: the receiver's own texts.
        report: is called with each alert of which a template could not be used, and why.
    """

    external_url: str
    templates: Templates = field(default_factory=Templates)
    report: Callable[[Notification, str], None] = lambda _notification, _error: None

    def words(self, notifications: Sequence[Notification]) -> MessageText:
        """The texts of one message about alerts of one status; several are a digest."""
        if len(notifications) > 1:
            return self._digest(notifications)
        (notification,) = notifications
        said = self.annotations(notification)
        return MessageText(
            headline=one_line(said["summary"]),
            # Receivers cut long texts at their end.
            text="\n".join(filter(None, (_unaccepted(said), said["description"], _failed_templates(said)))),
            links=tuple(links(self.external_url, notification, said)),
        )

    def annotations(self, notification: Notification) -> dict[str, str]:
        """The annotations of one alert."""
        said = annotations(notification, self.templates)
        if TEMPLATE_ERROR in said:
            self.report(notification, said[TEMPLATE_ERROR])
        return said

    def written_addresses(self, notifications: Sequence[Notification]) -> frozenset[str]:
        """The addresses that documents and the receiver's templates themselves write into their texts."""
        own = (self.templates.summary or "", self.templates.description or "")
        texts = (text for notification in notifications for _, text in notification.annotations)
        return frozenset(found for text in (*own, *texts) for found in _ADDRESS.findall(text))

    def _digest(self, notifications: Sequence[Notification]) -> MessageText:
        firing = notifications[0].status is NotificationStatus.FIRING
        worst = sorted(notifications, key=_urgency)
        cause = shared_cause(notifications) if firing else ""
        named = [self._line(notification, cause, firing=firing) for notification in worst[:_MOST_NAMED]]
        more = len(worst) - len(named)
        rest = [f"and {more:,} more"] if more else []
        # Each receiver once: its pages fail for one reason, nearly always.
        in_place_of = {notification.unaccepted_by: notification for notification in notifications}
        first = [_unaccepted(self.annotations(one)) for receiver, one in in_place_of.items() if receiver]
        first += [visible(one_sentence(cause))] if cause else []
        return MessageText(
            headline=one_line(digest_headline(notifications, firing=firing)),
            text="\n".join((*first, *named, *rest)),
            links=(("All SLOs", self.external_url),),
        )

    def _line(self, notification: Notification, cause: str, *, firing: bool) -> str:
        said = (not firing and _is_blind(notification) and notification.recovered) or (
            cause and notification.condition == cause
        )
        about = subject(notification) if said else self.annotations(notification)["summary"]
        return shortened(one_line(f"{notification.severity}: {about}"), _LINE_CHARS)


def digest_headline(notifications: Sequence[Notification], *, firing: bool) -> str:
    """Many alerts in one line."""
    services = len({notification.service for notification in notifications})
    whose = f"of {services:,} services" if services > 1 else f"of {notifications[0].service}"
    if all(map(_is_blind, notifications)) and all(firing or one.recovered for one in notifications):
        return (
            f"No data for {len(notifications):,} SLOs {whose}"
            if firing
            else f"Data is back for {len(notifications):,} SLOs {whose}"
        )
    if firing:
        return f"{len(notifications):,} alerts {whose} are firing"
    closed = sum(not notification.recovered for notification in notifications)
    if closed == len(notifications):
        return f"{closed:,} alerts {whose} are closed without a recovery"
    rest = f", {closed:,} of them without a recovery" if closed else ""
    return f"{len(notifications):,} alerts {whose} are resolved{rest}"


def shared_cause(notifications: Sequence[Notification]) -> str:
    """The cause that most SLOs without data share, such as an unreachable Prometheus; empty if there is none."""
    causes = Counter(notification.condition for notification in notifications if _is_blind(notification))
    cause, count = causes.most_common(1)[0] if causes else ("", 0)
    return cause if count > 1 else ""


def one_sentence(text: str) -> str:
    """The text as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}."


def _failed_templates(said: Mapping[str, str]) -> str:
    problem = said.get(TEMPLATE_ERROR)
    return f"A template could not be used, so the default text is shown: {problem}." if problem else ""


def _unaccepted(said: Mapping[str, str]) -> str:
    return f"{said[UNACCEPTED]}." if UNACCEPTED in said else ""


def _is_blind(notification: Notification) -> bool:
    return notification.cause is Cause.NO_DATA


def _urgency(notification: Notification) -> tuple[str, str]:
    return notification.severity.value, subject(notification)
