"""Whatever becomes of attempts, nobody is told the end of an alert before its beginning (N9)."""

import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from typing_extensions import override

from app.alerting import Notification
from app.store import open_database
from app.store.outbox import OutboxEntry, claim, defer_until, enqueue, give_up, mark_done, retry_at
from tests.support.notifications import firing, resolved

RECEIVERS, ALERTS = ("pager", "chat"), ("a", "b", "c")
LEASE = timedelta(seconds=30)


class Outbox(RuleBasedStateMachine):
    """Two receivers, three alerts that come and go, and workers that succeed, fail, hold, give up or die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = open_database(f"sqlite:///{Path(self.folder.name)}/sloburn.db")
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self.incidents: dict[str, int] = defaultdict(int)
        self.put: dict[tuple[str, str], list[Notification]] = defaultdict(list)
        self.ended: dict[tuple[str, str], list[Notification]] = defaultdict(list)
        self.claimed: list[OutboxEntry] = []

    @override
    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    @rule(alert=st.sampled_from(ALERTS))
    def changes(self, alert: str) -> None:
        """The alert begins, or ends if it has begun."""
        number = self.incidents[alert]
        self.incidents[alert] += 1
        make = resolved if number % 2 else firing
        notification = make(alert, incident=f"{number // 2}", starts_at=self.at.replace(year=2025))
        with self.database.begin() as tx:
            enqueue(tx, [notification], receivers=RECEIVERS, at=self.at)
        for receiver in RECEIVERS:
            self.put[receiver, alert].append(notification)

    @rule(receiver=st.sampled_from(RECEIVERS))
    def takes(self, receiver: str) -> None:
        """A worker leases what is due."""
        with self.database.begin() as tx:
            self.claimed += claim(tx, receiver, owner="a worker", at=self.at, lease=LEASE)

    @rule(data=st.data(), outcome=st.sampled_from(["done", "dead", "retry", "hold"]))
    def settles(self, data: st.DataObject, outcome: str) -> None:
        """A worker, perhaps one whose lease is long over, says what became of an entry."""
        if not self.claimed:
            return
        entry = self.claimed.pop(data.draw(st.integers(0, len(self.claimed) - 1)))
        with self.database.begin() as tx:
            match outcome:
                case "done":
                    mark_done(tx, [entry.id], at=self.at)
                case "dead":
                    give_up(tx, entry.id, at=self.at, error="never")
                case "retry":
                    retry_at(tx, entry.id, self.at + timedelta(seconds=20), at=self.at, error="later")
                case _:
                    defer_until(tx, entry.id, self.at + timedelta(seconds=5), at=self.at)
        told = self.ended[entry.receiver, entry.notification.slo]
        if outcome in {"done", "dead"} and entry.notification not in told:
            told.append(entry.notification)

    @rule(seconds=st.sampled_from([1, 10, 31]))
    def passes(self, seconds: int) -> None:
        """Time goes on, and with it leases and pauses."""
        self.at += timedelta(seconds=seconds)

    @rule()
    def dies(self) -> None:
        """All workers forget what they have under way."""
        self.claimed.clear()

    @invariant()
    def in_order(self) -> None:
        for key, told in self.ended.items():
            assert told == self.put[key][: len(told)]

    @invariant()
    def one_of_an_alert_at_a_time(self) -> None:
        heads = {
            (one.receiver, one.notification.slo): len(self.ended[one.receiver, one.notification.slo])
            for one in self.claimed
        }
        for entry in self.claimed:
            place = self.put[entry.receiver, entry.notification.slo].index(entry.notification)
            assert place <= heads[entry.receiver, entry.notification.slo]


Outbox.TestCase.settings = settings(stateful_step_count=40)
TestOrder = Outbox.TestCase
