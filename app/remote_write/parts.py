"""What of the past is still to be sent to a receiver, and in which order; in the database, as a restart goes on."""

from collections import deque
from collections.abc import Mapping
from itertools import islice

from app.evaluation import MemberHistory
from app.slo import SloId
from app.store import Database
from app.store.remote_write import RemoteWritePart, delete_gaps, load_live, load_parts, save_live, save_parts


class PartsToSend:
    """The parts of one receiver.

    Attributes:
        live_s: the newest slot (Unix seconds) whose live figures were stored there; None before the first.
    """

    def __init__(self, receiver: str) -> None:
        self._receiver = receiver
        self.live_s: float | None = None
        self._newest: dict[SloId, RemoteWritePart] = {}
        self._gaps: deque[RemoteWritePart] = deque()
        self._history: deque[RemoteWritePart] = deque()
        self._aside: list[RemoteWritePart] = []
        self._recounts: dict[SloId, int] = {}
        self._members: Mapping[SloId, MemberHistory] = {}
        self._unsaved: dict[tuple[SloId, float], RemoteWritePart] = {}
        self._unsaved_live = False

    def load(self, database: Database) -> None:
        """Go on from what the database has; for a worker thread.

        Raises:
            StoreError: it cannot be read.
        """
        with database.read() as transaction:
            self.live_s = load_live(transaction, self._receiver)
            stored = load_parts(transaction, self._receiver)
        for part in stored:
            if not part.is_gap:
                known = self._newest.get(part.slo)
                if known is None or known.revision < part.revision:
                    self._newest[part.slo] = part
            if not part.is_sent:
                self._queue(part).append(part)

    def save(self, database: Database) -> None:
        """Write what has changed; for a worker thread.

        Raises:
            StoreError: it cannot be written; it is written by a later call.
        """
        parts, live_s = dict(self._unsaved), self.live_s if self._unsaved_live else None
        if not parts and live_s is None:
            return
        with database.begin() as transaction:
            save_parts(transaction, list(parts.values()))
            delete_gaps(transaction, self._receiver)
            if live_s is not None:
                save_live(transaction, self._receiver, live_s)
        # What was sent while the transaction ran is still to be written.
        self._unsaved_live = self._unsaved_live and self.live_s != live_s
        for key, part in parts.items():
            if self._unsaved.get(key) is part:
                del self._unsaved[key]

    def note_members(self, members: Mapping[SloId, MemberHistory], at_s: float) -> None:
        """Add the past of SLOs and group members that are new, or are counted otherwise than before."""
        if members.keys() != self._members.keys():
            self._set_aside(members)
        self._members = members
        for slo, member in members.items():
            newest, recounts = self._newest.get(slo), self._recounts.get(slo, member.recounts)
            # Fewer than before: another evaluator, as after a reload, counts them from zero.
            self._recounts[slo] = member.recounts
            if newest is not None and newest.sli == member.sli_key and recounts >= member.recounts:
                continue
            revision = 1 if newest is None else newest.revision + 1
            part = RemoteWritePart(self._receiver, slo, at_s, member.sli_key, revision, 0.0, is_gap=False)
            self._newest[slo] = part
            self._add(part)

    def note_gap(self, until_s: float) -> None:
        """Between the last live figures and *until_s* nothing could be sent: it is sent from the ledger."""
        if self.live_s is None:
            return
        # A receiver that is away for days leaves one gap for each SLO, not one for each five minutes.
        growing = {part.slo: part for part in self._gaps if part.until_s >= self.live_s}
        for slo, newest in self._newest.items():
            if slo in self._members and newest.until_s <= self.live_s and slo not in growing:
                # Live figures are the same series in all revisions.
                self._add(RemoteWritePart(self._receiver, slo, until_s, newest.sli, 1, self.live_s, is_gap=True))
        self._gaps = deque(self._grown(part, until_s) if growing.get(part.slo) is part else part for part in self._gaps)
        self.note_live(until_s)

    def _grown(self, part: RemoteWritePart, until_s: float) -> RemoteWritePart:
        """The part with a later end, under which it has another row."""
        self._unsaved[part.slo, part.until_s] = part._replace(sent_s=part.until_s)
        grown = self._unsaved[part.slo, until_s] = part._replace(until_s=until_s)
        return grown

    def note_live(self, at_s: float) -> None:
        """The live figures of a slot were sent."""
        self.live_s, self._unsaved_live = at_s, True

    @property
    def has_gaps(self) -> bool:
        """Whether something that was missed is still to be sent."""
        return bool(self._gaps)

    def next_gaps(self, most: int) -> list[RemoteWritePart]:
        """Parts that were missed while nothing could be sent, of SLOs whose history has been read whole."""
        first = self._next(self._gaps)
        if first is None:
            return []
        return [part for part in islice(self._gaps, most) if self._is_ready(part)]

    def next_history(self) -> RemoteWritePart | None:
        """A part of history that has been read whole."""
        return self._next(self._history)

    def note_sent(self, part: RemoteWritePart, until_s: float) -> RemoteWritePart:
        """A part was sent up to a time; what is left of it comes next."""
        queue = self._queue(part)
        moved = part._replace(sent_s=until_s)
        # It is at the head, or near it.
        queue.remove(part)
        if not moved.is_sent:
            queue.appendleft(moved)
        if not moved.is_gap and self._newest.get(moved.slo) is part:
            self._newest[moved.slo] = moved
        self._unsaved[moved.slo, moved.until_s] = moved
        return moved

    @property
    def pending(self) -> int:
        """How many parts are still to be sent: one for each SLO and group member, and one for each of its gaps."""
        return len(self._gaps) + len(self._history)

    @property
    def known(self) -> int:
        """How many SLOs and group members there are."""
        return len(self._members)

    def _set_aside(self, members: Mapping[SloId, MemberHistory]) -> None:
        """Leave out the parts of SLOs that were removed, until they are back."""
        every = [*self._gaps, *self._history, *self._aside]
        self._gaps.clear()
        self._history.clear()
        self._aside.clear()
        for part in every:
            (self._queue(part) if part.slo in members else self._aside).append(part)

    def _add(self, part: RemoteWritePart) -> None:
        self._queue(part).append(part)
        self._unsaved[part.slo, part.until_s] = part

    def _queue(self, part: RemoteWritePart) -> deque[RemoteWritePart]:
        return self._gaps if part.is_gap else self._history

    def _next(self, queue: deque[RemoteWritePart]) -> RemoteWritePart | None:
        # Those whose history is being read, and SLOs that were removed, wait behind the others.
        for _ in range(len(queue)):
            if self._is_ready(queue[0]):
                return queue[0]
            queue.rotate(-1)
        return None

    def _is_ready(self, part: RemoteWritePart) -> bool:
        member = self._members.get(part.slo)
        return member is not None and member.backfilled
