"""What a service has decided, by its own book, and what of it a webhook has heard."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.alerting import Alert, Transition, TransitionKind
from app.store import open_database
from app.store.alerts import load_alerts, recent_transitions
from app.store.outbox import outbox
from testbed.sink import Received

_ALL = 10_000_000
Key = tuple[str, str]
"""An SLO and a severity."""
FIRES_AFTER = {TransitionKind.FIRED: True, TransitionKind.RESOLVED: False}
"""Whether an alert fires after a transition, of those that change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One message about an alert: it fires since a time, or has ended at one."""

    status: str
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What a database holds of alerts: all changes, oldest first, how they are now, and what became of messages."""

    transitions: tuple[Transition, ...]
    alerts: tuple[Alert, ...]
    sent: Mapping[str, int]

    def of(self, key: Key) -> list[Transition]:
        """What one alert has done, oldest first."""
        return [one for one in self.transitions if (one.slo, one.severity.value) == key]

    @property
    def keys(self) -> set[Key]:
        """Every alert that ever did something."""
        return {(one.slo, one.severity.value) for one in self.transitions}

    @property
    def firing(self) -> set[Key]:
        """The alerts that fire."""
        return {(one.slo, one.severity.value) for one in self.alerts if one.firing}

    @property
    def in_force(self) -> set[tuple[Key, datetime | None]]:
        """The alerts that receivers are told of, each with the time since when."""
        return {((one.slo, one.severity.value), one.since) for one in self.alerts if one.is_notified}

    def told(self, key: Key) -> list[News]:
        """The news of one alert that receivers must hear, in order."""
        news: list[News] = []
        since: datetime | None = None
        for one in self.of(key):
            since = one.at if one.kind is TransitionKind.FIRED else since
            if one.notify and since is not None:
                over = one.kind is TransitionKind.RESOLVED
                status = "resolved" if over else "firing"
                news.append(News(status=status, starts_at=since, ends_at=one.at if over else None))
        return news

    def fires(self, key: Key, at: datetime) -> bool:
        """Whether an alert fired after a slot."""
        past = [FIRES_AFTER[one.kind] for one in self.of(key) if one.at <= at and one.kind in FIRES_AFTER]
        return bool(past) and past[-1]


def read_book(url: str) -> Book:
    """The book of a service that has been stopped, by the URL of its database."""
    database = open_database(url)
    try:
        with database.read() as transaction:
            transitions = recent_transitions(transaction, limit=_ALL)[::-1]
            alerts = load_alerts(transaction).alerts
            states = transaction.execute(select(outbox.c.state)).scalars().all()
    finally:
        database.close()
    return Book(
        transitions=transitions,
        alerts=tuple(alert for mine in alerts.values() for alert in mine),
        sent={state: states.count(state) for state in set(states)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message that came, about one alert, under one key."""

    key: str
    alert: Key
    news: News


def heard(received: Iterable[Received]) -> list[Heard]:
    """What came, in order, repeats included."""
    messages = []
    for one in received:
        (alert,) = one.body["alerts"]
        over = alert["status"] == "resolved"
        news = News(
            status=alert["status"],
            starts_at=datetime.fromisoformat(alert["startsAt"]),
            ends_at=datetime.fromisoformat(alert["endsAt"]) if over else None,
        )
        labels = alert["labels"]
        key = one.headers["Idempotency-Key"]
        messages.append(Heard(key=key, alert=(labels["slo"], labels["severity"]), news=news))
    return messages


def in_order(messages: Sequence[Heard]) -> dict[Key, list[News]]:
    """By alert what came, where a message that came again at once counts once."""
    by_alert: dict[Key, list[Heard]] = defaultdict(list)
    for message in messages:
        mine = by_alert[message.alert]
        if not mine or mine[-1].key != message.key:
            mine.append(message)
    return {alert: [message.news for message in mine] for alert, mine in by_alert.items()}


def keys_of_several(messages: Sequence[Heard]) -> dict[str, set[object]]:
    """Idempotency keys under which different news came, and news that came under different keys."""
    meant: dict[str, set[object]] = {}
    for message in messages:
        meant.setdefault(message.key, set()).add((message.alert, message.news))
        meant.setdefault(repr((message.alert, message.news)), set()).add(message.key)
    return {key: several for key, several in meant.items() if len(several) > 1}
