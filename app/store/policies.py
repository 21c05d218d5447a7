"""The states of SLOs under their error budget policies, and what changed about them.

Of a state that receivers are notified of the row holds the notification, for as long as it is sent again and again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, Column, Connection, Float, Index, Integer, String, Table, delete, insert, select

from app.alerting import Notification
from app.policy import StateOfSlo
from app.slo import Severity, Tenants
from app.store.alerts import load_active_alerts
from app.store.gate import gate_exception
from app.store.json_text import encoded
from app.store.moments import Moment
from app.store.notification_documents import decode_notification
from app.store.paging import of_tenants, wanted_values
from app.store.schema import metadata
from app.store.upsert import upsert

policy_state = Table(
    "policy_state",
    metadata,
    Column("slo", String, primary_key=True),
    Column("policy", String, nullable=False),
    Column("state", String, nullable=False),
    Column("since", Moment, nullable=False),
    Column("remaining", Float(53), nullable=False),
    # The ticket about the state, and the page that it was escalated to; null where receivers are not notified.
    Column("ticket", JSON(none_as_null=True)),
    Column("page", JSON(none_as_null=True)),
)
policy_change = Table(
    "policy_change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("slo", String, nullable=False),
    Column("service", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("before", String),
    Column("state", String, nullable=False),
    Column("remaining", Float(53), nullable=False),
    Index("policy_change_by_slo", "slo", "id"),
    Index("policy_change_by_time", "at"),
)
# Parameters of a statement, of which SQLite before 3.32 takes 999.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicyState:
    """A state, and the notifications of it that fire, by severity."""

    state: StateOfSlo
    notifications: Mapping[Severity, Notification]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """An SLO has changed from the state *before* (None for its first) to another, with the *remaining* budget."""

    at: datetime
    slo: str
    service: str
    policy: str
    before: str | None
    state: str
    remaining: float


def load_policy_states(connection: Connection) -> tuple[StoredPolicyState, ...]:
    """All states."""
    return tuple(
        StoredPolicyState(
            state=StateOfSlo(slo=row.slo, policy=row.policy, state=row.state, since=row.since, remaining=row.remaining),
            notifications={
                severity: decode_notification(document)
                for severity, document in ((Severity.TICKET, row.ticket), (Severity.PAGE, row.page))
                if document is not None
            },
        )
        for row in connection.execute(select(policy_state))
    )


def save_policy_states(connection: Connection, states: Iterable[StoredPolicyState]) -> None:
    """Write states over what was there."""
    rows = [
        {
            "slo": one.state.slo,
            "policy": one.state.policy,
            "state": one.state.state,
            "since": one.state.since,
            "remaining": one.state.remaining,
            "ticket": _document(one.notifications.get(Severity.TICKET)),
            "page": _document(one.notifications.get(Severity.PAGE)),
        }
        for one in states
    ]
    upsert(connection, policy_state, rows)


def forget_policy_states(connection: Connection, slos: Sequence[str]) -> None:
    """Delete the states of SLOs that are gone."""
    for start in range(0, len(slos), _AT_ONCE):
        connection.execute(delete(policy_state).where(policy_state.c.slo.in_(slos[start : start + _AT_ONCE])))


def load_active_notifications(connection: Connection) -> tuple[Notification, ...]:
    """All that receivers are notified of repeatedly: alerts, states, break-glass exceptions; in a fixed order."""
    notified = policy_state.c.ticket.is_not(None) | policy_state.c.page.is_not(None)
    of_states = select(policy_state.c.ticket, policy_state.c.page).where(notified).order_by(policy_state.c.slo)
    documents = [document for row in connection.execute(of_states) for document in row if document is not None]
    sent = gate_exception.c.notification
    documents += connection.execute(select(sent).where(sent.is_not(None)).order_by(gate_exception.c.id)).scalars()
    return (*load_active_alerts(connection), *map(decode_notification, documents))


def append_policy_changes(connection: Connection, changes: Sequence[PolicyChange]) -> None:
    """Record changes of states, in order."""
    if changes:
        rows = [
            {
                "at": one.at,
                "slo": one.slo,
                "service": one.service,
                "policy": one.policy,
                "before": one.before,
                "state": one.state,
                "remaining": one.remaining,
            }
            for one in changes
        ]
        connection.execute(insert(policy_change), rows)


def list_policy_changes(
    connection: Connection,
    *,
    services: Sequence[str] = (),
    slos: Sequence[str] = (),
    tenants: Tenants | None = None,
    limit: int,
    before_id: int | None = None,
) -> tuple[tuple[int, PolicyChange], ...]:
    """The newest changes, newest first, each with its number; those *before_id* for the next page."""
    chosen = (
        *wanted_values((policy_change.c.service, services), (policy_change.c.slo, slos)),
        *of_tenants(policy_change.c.slo, tenants),
    )
    query = select(policy_change).where(*chosen).order_by(policy_change.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(policy_change.c.id < before_id)
    return tuple(
        (
            row.id,
            PolicyChange(
                at=row.at,
                slo=row.slo,
                service=row.service,
                policy=row.policy,
                before=row.before,
                state=row.state,
                remaining=row.remaining,
            ),
        )
        for row in connection.execute(query)
    )


def prune_policy_changes(connection: Connection, *, before: datetime) -> None:
    """Delete old changes."""
    connection.execute(delete(policy_change).where(policy_change.c.at < before))


def _document(notification: Notification | None) -> object:
    return None if notification is None else encoded(notification)
