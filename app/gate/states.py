"""The states of all SLOs: stepped after each evaluation, written with their notifications in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from app.alerting import End, EndCode, Notification, Routing, resolve
from app.alerting.ends import SLO_REMOVED, SWITCHED_OFF
from app.gate.notifications import identity_of_state, severities_of_state, state_notification
from app.policy import DEFAULT_POLICY, BudgetPolicy, StateOfSlo, policy_for_slo, step_state
from app.slo import Labels, Slo
from app.status import DataState, Snapshot
from app.store import Database
from app.store.policies import (
    PolicyChange,
    StoredPolicyState,
    append_policy_changes,
    forget_policy_states,
    load_policy_states,
    save_policy_states,
)
from app.store.recipients import enqueue_routed
from app.store.shards import ServiceLease

TRUSTED_DATA = frozenset({DataState.FRESH, DataState.NO_TRAFFIC})
"""With any other data the budget of an SLO cannot be relied on."""
_OTHER_STATE = End(code=EndCode.SUPERSEDED, reason="another state of the error budget policy began")


class PolicyStates:
    """The states; one thread steps them, any thread reads them."""

    def __init__(self, database: Database, service_lease: ServiceLease) -> None:
        self._database = database
        self._service_lease = service_lease
        self._stored: Mapping[str, StoredPolicyState] = MappingProxyType({})
        self._policies: tuple[Sequence[BudgetPolicy], dict[str, tuple[Slo, BudgetPolicy]]] = (), {}

    def load(self) -> None:
        """Take over what a process before has written.

        Raises:
            StoreError: it cannot be read.
        """
        with self._database.read() as transaction, self._database.unreadable_is_damaged():
            self._stored = MappingProxyType({one.state.slo: one for one in load_policy_states(transaction)})

    @property
    def stored(self) -> Mapping[str, StoredPolicyState]:
        """The states by SLO, as the newest step left them."""
        return self._stored

    def step(
        self, snapshots: Sequence[Snapshot], policies: Sequence[BudgetPolicy], routing: Routing, *, at: datetime
    ) -> Sequence[PolicyChange]:
        """Bring all states up to the newest snapshots; what has changed.

        Raises:
            StoreError: it cannot be written, and nothing has changed: the next step does all of it.
        """
        stepped: dict[str, StoredPolicyState] = {}
        changes: list[PolicyChange] = []
        written: list[StoredPolicyState] = []
        notified: list[Notification] = []
        for snapshot in snapshots:
            policy = self.policy_of(snapshot, policies)
            known = self._stored.get(snapshot.id)
            one = _stepped(snapshot, policy, known, at=at)
            if one is None:
                continue
            stepped[snapshot.id] = one
            # Of 10,000 SLOs few change their state: the others are not written.
            if one is known:
                continue
            written.append(one)
            before = None if known is None else known.state.state
            # That an SLO begins healthy is no change: of 10,000 of them it would be 10,000 rows.
            if one.state.state != (policy.states[0].name if before is None else before):
                changes.append(_change(snapshot, one.state, before, at=at))
            notified += _ended(known, one, at=at)
            notified += _begun(known, one)
        # While documents are being read again the board is not empty: an SLO that is missing is gone.
        gone = [slo for slo in self._stored if slo not in stepped] if snapshots else []
        for slo in gone:
            notified += _ended(self._stored[slo], None, at=at)
        if written or gone:
            # In one transaction: a crash loses neither a state nor its notification.
            with self._database.begin() as transaction:
                self._service_lease.check(transaction)
                save_policy_states(transaction, written)
                forget_policy_states(transaction, gone)
                append_policy_changes(transaction, changes)
                for notification in notified:
                    enqueue_routed(transaction, notification, routing, at=at)
        # After the commit, so that a step that fails is done again by the next.
        self._stored = MappingProxyType(stepped if snapshots else dict(self._stored))
        return changes

    def policy_of(self, snapshot: Snapshot, policies: Sequence[BudgetPolicy]) -> BudgetPolicy:
        """The policy of an SLO or group member; looked up once for each set of policies, from any thread."""
        known_for, known = self._policies
        if known_for is not policies:
            known = {}
            self._policies = policies, known
        found = known.get(snapshot.id)
        if found is None or found[0] is not snapshot.slo:
            found = known[snapshot.id] = snapshot.slo, _policy_of(snapshot, policies)
        return found[1]


def _policy_of(snapshot: Snapshot, policies: Sequence[BudgetPolicy]) -> BudgetPolicy:
    """The policy of an SLO or of a member of its group, which may be named by either id."""
    labels = (*snapshot.slo.labels, *snapshot.group)
    found = policy_for_slo(policies, slo=snapshot.id, service=snapshot.slo.service, labels=labels)
    if found is DEFAULT_POLICY and snapshot.group:
        return policy_for_slo(policies, slo=snapshot.slo.id, service=snapshot.slo.service, labels=labels)
    return found


def current_state(
    snapshot: Snapshot, policy: BudgetPolicy, known: StateOfSlo | None, *, at: datetime
) -> StateOfSlo | None:
    """The state by a snapshot; as it was while its data cannot be relied on."""
    if snapshot.data not in TRUSTED_DATA:
        return known
    return step_state(policy, known, slo=snapshot.id, remaining=snapshot.budget.remaining_ratio, at=at)


def _stepped(
    snapshot: Snapshot, policy: BudgetPolicy, known: StoredPolicyState | None, *, at: datetime
) -> StoredPolicyState | None:
    before = None if known is None else known.state
    state = current_state(snapshot, policy, before, at=at)
    if state is None:
        return None
    severities = severities_of_state(policy, state, at=at)
    identity = identity_of_state(snapshot, policy, state) if severities else None
    kept = {} if known is None else known.notifications
    # A notification that goes on stays as it was sent: only one that begins is composed.
    notifications = {
        severity: kept[severity]
        if severity in kept and _identity(kept[severity]) == identity
        else state_notification(snapshot, policy, state, severity, at=at)
        for severity in severities
    }
    if known is not None and state is before and notifications == kept:
        return known
    return StoredPolicyState(state=state, notifications=notifications)


def _identity(notification: Notification) -> tuple[str, Labels]:
    return notification.incident, notification.labels


def _ended(known: StoredPolicyState | None, now: StoredPolicyState | None, *, at: datetime) -> list[Notification]:
    """The notifications that end, resolved."""
    if known is None:
        return []
    after = {} if now is None else now.notifications
    if now is None:
        end = SLO_REMOVED
    elif now.state.state == known.state.state:
        end = SWITCHED_OFF
    elif after:
        end = _OTHER_STATE
    else:
        end = End(code=EndCode.BUDGET_RECOVERED)
    return [
        resolve(one, at=at, end=end)
        for severity, one in known.notifications.items()
        if severity not in after or _identity(one) != _identity(after[severity])
    ]


def _begun(known: StoredPolicyState | None, now: StoredPolicyState) -> list[Notification]:
    before = {} if known is None else known.notifications
    return [
        one
        for severity, one in now.notifications.items()
        if severity not in before or _identity(before[severity]) != _identity(one)
    ]


def _change(snapshot: Snapshot, state: StateOfSlo, before: str | None, *, at: datetime) -> PolicyChange:
    return PolicyChange(
        at=at,
        slo=snapshot.id,
        service=snapshot.slo.service,
        policy=state.policy,
        before=before,
        state=state.state,
        remaining=state.remaining,
    )
