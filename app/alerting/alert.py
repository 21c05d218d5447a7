"""What is remembered of an alert from slot to slot, and what is recorded when it changes."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.alerting.definition import Definition
from app.alerting.ends import End, EndCode
from app.slo import AlertState, Cause, FrozenCause, Severity, SloId


class TransitionKind(StrEnum):
    """What happened to an alert in one step."""

    PENDING = "pending"
    CLEARED = "cleared"
    FIRED = "fired"
    UNMUTED = "unmuted"
    RESOLVED = "resolved"
    SUPPRESSED = "suppressed"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One severity of one SLO, or one condition of it that opens a ticket, for its whole life.

    *state* is inactive, pending or firing, and stays what it was while the alert is *frozen* (why, in words);
    *frozen_cause* is None where that is for want of data.
    *since* is the slot in which the state was entered; *quiet_since* the first slot of a firing alert that no longer
    burnt; *announced* says that receivers were notified; *incident* is shared by all alerts of one incident.
    *suppressed* says in words why an inactive alert does not fire although a tier has tripped. *silent_since* is the
    first slot in which it would have resolved, but for want of traffic or of trust in a changed SLI. *waiting* is since
    when each rule of a pending alert has tripped, by its name and factor, where rules wait for times of their own.
    *fired_by* is the definition by which it last burned while it fired; *ended* is why it ended at *resolved_at*.
    """

    slo: SloId
    severity: Severity
    state: AlertState = AlertState.INACTIVE
    since: datetime | None = None
    tier: str | None = None
    incident: str | None = None
    quiet_since: datetime | None = None
    frozen: str | None = None
    muted: bool = False
    announced: bool = False
    resolved_at: datetime | None = None
    suppressed: str | None = None
    cause: Cause = Cause.BURN
    silent_since: datetime | None = None
    frozen_cause: FrozenCause | None = None
    waiting: tuple[tuple[str, datetime], ...] = ()
    fired_by: Definition | None = None
    ended: End | None = None

    @property
    def key(self) -> str:
        """The identity that receivers know the alert by, the same for its whole life."""
        return alert_key(self.slo, self.severity, self.cause)

    @property
    def shown_state(self) -> AlertState:
        """The state as people see it: frozen hides what the state was."""
        if self.frozen is not None:
            return AlertState.FROZEN
        if self.muted and self.firing:
            return AlertState.MUTED
        suppressed = self.state is AlertState.INACTIVE and self.suppressed is not None
        return AlertState.SUPPRESSED if suppressed else self.state

    @property
    def firing(self) -> bool:
        """Whether it fires, be it frozen, muted or not."""
        return self.state is AlertState.FIRING

    def not_after(self, at: datetime) -> "Alert":
        """The same, with nothing in it later than *at*: by a clock that was ahead, it was stepped in the future."""
        since, quiet_since, resolved_at, silent_since = (
            None if moment is None else min(moment, at)
            for moment in (self.since, self.quiet_since, self.resolved_at, self.silent_since)
        )
        waiting = tuple((rule, min(moment, at)) for rule, moment in self.waiting)
        return replace(
            self,
            since=since,
            quiet_since=quiet_since,
            resolved_at=resolved_at,
            silent_since=silent_since,
            waiting=waiting,
        )

    @property
    def is_notified(self) -> bool:
        """Whether receivers are notified, again and again, that it fires; of a muted alert they are not."""
        return self.firing and self.announced


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change of an alert; *notify* says that receivers are notified, *end_code* why it was resolved."""

    slo: SloId
    severity: Severity
    kind: TransitionKind
    at: datetime
    incident: str | None
    tier: str | None
    reason: str | None = None
    notify: bool = False
    cause: Cause = Cause.BURN
    end_code: EndCode | None = None

    @property
    def end(self) -> End | None:
        """Why it was resolved; None of other changes."""
        return None if self.end_code is None else End(code=self.end_code, reason=self.reason)

    def ended_by(self, end: End) -> "Transition":
        """The same, resolved for that reason."""
        return replace(self, end_code=end.code, reason=end.reason)

    @property
    def key(self) -> str:
        """The identity of the alert, as in `Alert.key`."""
        return alert_key(self.slo, self.severity, self.cause)


def alert_key(slo: SloId, severity: Severity, cause: Cause = Cause.BURN) -> str:
    """The identity of an alert: one for each severity, and one for each condition."""
    return f"{slo}/{severity}" if cause is Cause.BURN else f"{slo}/{severity}/{cause}"


def slo_of_key(key: str) -> SloId:
    """The SLO or member that an alert is of, by its `alert_key`."""
    rest, _, last = key.rpartition("/")
    return SloId(rest if last in set(Severity) else rest.rpartition("/")[0])
