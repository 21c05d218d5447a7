"""What all messages to people have in common: a headline, a text, and digests of many alerts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.alerting import Notice
from app.delivery.annotations import annotations
from app.delivery.direct import Telling
from app.delivery.links import links
from app.delivery.message import subject
from app.delivery.templates import Templates

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A message before it is dressed up for a receiver; *links* are names and addresses."""

    headline: str
    text: str
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Puts messages into words; *external_url* is where people reach us, *templates* the receiver's own words."""

    external_url: str
    templates: Templates = field(default_factory=Templates)

    def words(self, telling: Telling) -> Words:
        """The words of one message."""
        if telling.only is None:
            return self._digest(telling)
        said = self.annotations(telling.only)
        return Words(
            headline=said["summary"],
            text=said["description"],
            links=tuple(links(self.external_url, telling.only)),
        )

    def annotations(self, notice: Notice) -> dict[str, str]:
        """Everything that is said of one alert."""
        return annotations(notice, self.templates)

    def _digest(self, telling: Telling) -> Words:
        worst = sorted(telling.notices, key=_urgency)
        named = [f"{notice.severity}: {self.annotations(notice)['summary']}" for notice in worst[:_MOST_NAMED]]
        more = len(worst) - len(named)
        rest = [f"and {more} more"] if more else []
        return Words(
            headline=digest_headline(telling.notices, firing=telling.firing),
            text="\n".join((*named, *rest)),
            links=(("All SLOs", self.external_url),),
        )


def digest_headline(notices: Sequence[Notice], *, firing: bool) -> str:
    """Many alerts in one line."""
    services = len({notice.service for notice in notices})
    whose = f"of {services} services" if services > 1 else f"of {notices[0].service}"
    if firing:
        return f"{len(notices)} alerts {whose} fire at once"
    return f"{len(notices)} alerts {whose} are over"


def _urgency(notice: Notice) -> tuple[str, str]:
    return notice.severity.value, subject(notice)
