"""The life cycle of an alert: one pure function, used by the live service, by replay and by tests.

Without frozen slots an alert behaves exactly like a Prometheus alerting rule with the same ``for`` and
``keep_firing_for``: it is active from the first slot that burns, fires in the slot in which it has been active for
``for``, and resolves in the slot in which it has been quiet for ``keep_firing_for``.

A policy that asks for evidence differs where events are few, and in how alerts end: it fires later or not at all, ends
as soon as the newest events show the end, and fires on for a while where nothing shows it (ADR-0014, ADR-0015).

Source: https://github.com/prometheus/prometheus/blob/v2.42.0/rules/alerting.go (AlertingRule.Eval)
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from types import MappingProxyType

from app.alerting import evidence
from app.alerting.alert import Alert, Transition, TransitionKind
from app.alerting.definition import Definition, end_of, end_without_rules
from app.alerting.ends import End, EndCode
from app.alerting.reading import Reading, Verdict, judge
from app.slo import (
    AlertState,
    BurnRateRule,
    FrozenCause,
    NoData,
    Severity,
    SeverityPolicy,
    SloId,
    format_duration,
)

Step = tuple[Alert, tuple[Transition, ...]]

NO_DATA_RULE = "no data"
"""The name of what trips an alert that takes missing data as bad."""
_UNSEEN = "its SLI was changed, and the history of the new one is being read"
_URGENCY = {severity: place for place, severity in enumerate(Severity)}


def step(
    alert: Alert,
    reading: Reading,
    policy: SeverityPolicy,
    *,
    at: datetime,
    muted: bool = False,
    incident: str | None = None,
) -> Step:
    """The alert after the slot *at*, and what has changed.

    Args:
        alert: the alert after the slot before.
        reading: what is known at this slot, rules in the policy's order.
        policy: when the alert fires and how patient it is.
        at: the slot, later than all slots before it.
        muted: whether a firing page of the same SLO mutes it; it is then stepped without notifications.
        incident: the incident that is under way in the SLO; None starts one if the alert becomes active.
    """
    verdict = judge(reading, policy, quiet_for=_quiet_for(alert, at))
    moved, changes = _step(alert, verdict, policy, at=at, muted=muted, incident=incident)
    return _explained(alert, moved, changes, None)


def step_slo(
    alerts: Sequence[Alert],
    readings: Mapping[Severity, Reading],
    policies: Sequence[SeverityPolicy],
    *,
    slo: SloId,
    at: datetime,
    no_data: NoData = NoData.FREEZE,
    ended: End | None = None,
    definitions: Mapping[Severity, Definition] = MappingProxyType({}),
    resting: Collection[Severity] = (),
) -> tuple[tuple[Alert, ...], tuple[Transition, ...]]:
    """All alerts of one SLO, or of one member of its group, after the slot *at*, and what has changed.

    The page goes first, since one that fires mutes the ticket. The alerts of one SLO share an incident for as long as
    any of them is active, but for a muted ticket: it joins the incident of the next page. An alert whose severity was
    switched off is resolved. *no_data* is what becomes of alerts whose newest data is too old to judge by; the SLO's
    own wish counts once data has been missing for a while. *ended* says why alerts without data end regardless of that,
    None if they need not. *definitions* are what the severities are judged by now: an alert that ends since that was
    changed has not recovered. Those of *resting* severities stay as they are, and have no reading.
    """
    known = {alert.severity: alert for alert in alerts}
    # Of the alerts before this slot: one that ends in it still gives its incident to the one that begins. Two that
    # begin in one slot have the same id.
    # A muted ticket alone does not keep one open: receivers were notified of its end.
    open_ = (alert.incident for alert in alerts if alert.announced or not alert.firing)
    incident = next((each for each in open_ if each is not None), None)
    stepped: list[Alert] = []
    changes: list[Transition] = []
    page: Alert | None = None
    # The page before the ticket: whether it fires in this very slot decides whether the ticket is muted.
    for policy in sorted(policies, key=_urgency):
        before = known.pop(policy.severity, None) or Alert(slo=slo, severity=policy.severity)
        if page is not None and page.incident is not None and before.firing and not before.announced:
            before = replace(before, incident=page.incident)
        if policy.severity in resting:
            page = before if policy.severity is Severity.PAGE else page
            stepped.append(before)
            continue
        reading, definition = readings[policy.severity], definitions.get(policy.severity)
        # The binomial tails of the evidence cost most of a verdict; a ticket that fires on after its page needs them.
        fires = before.firing and (page is None or page.firing or page.resolved_at is None)
        verdict = judge(reading, policy, quiet_for=_quiet_for(before, at), fires=fires)
        alert, verdict = _doubt_changed_sli(before, verdict, reading, policy, definition=definition, at=at)
        muted = page is not None and _mutes(page, verdict, at)
        policy_now = (
            (NoData.FREEZE if not reading.stale else no_data) if ended is None or not reading.stale else NoData.RESOLVE
        )
        alert, transitions = _step(
            alert, verdict, policy, at=at, muted=muted, incident=incident, no_data=policy_now, ended=ended
        )
        alert, transitions = _explained(before, alert, transitions, definition, burns=verdict.unknown is None)
        page = alert if policy.severity is Severity.PAGE else page
        stepped.append(alert)
        changes.extend(transitions)
    for alert in known.values():
        changes.extend(retire((alert,), at=at, end=end_without_rules(alert.fired_by, definitions.get(alert.severity))))
    return tuple(stepped), tuple(changes)


def step_condition(
    alert: Alert,
    *,
    holds: bool,
    name: str,
    pending_for: timedelta,
    at: datetime,
    ended: End | None,
    muted: bool,
    definition: Definition | None = None,
) -> Step:
    """The alert of a condition that *holds*, or of an active one that does not, after the slot *at*.

    *ended* says why it ends, where that is not because the condition no longer holds; *muted* that it is silent;
    *definition* is what it is judged by now. Its incident is its own: a ticket about the budget or the data is no part
    of the incident of a burn.
    """
    if not holds:
        moved, change = _while_quiet(alert, timedelta(0), at)
        if change is not None and ended is not None:
            firing = change.kind is TransitionKind.RESOLVED
            change = change.ended_by(ended) if firing else replace(change, reason=ended.reason)
    elif alert.firing:
        moved, change = _go_on(alert, name), None
    else:
        policy = SeverityPolicy(severity=alert.severity, rules=(), pending_for=pending_for)
        moved, change = _while_burning(alert, name, policy, at, incident_id(SloId(alert.key), at))
    announced, changes = _announce(moved, change, at, muted=muted)
    return _explained(alert, announced, changes, definition)


def freeze_unseen(alerts: Sequence[Alert], *, at: datetime) -> tuple[tuple[Alert, ...], tuple[Transition, ...]]:
    """Alerts of a member of a group whose SLI was changed, and that the new one has not shown so far."""
    frozen: list[Alert] = []
    changes: list[Transition] = []
    for alert in alerts:
        one, changed = _freeze(alert, _UNSEEN, at, cause=FrozenCause.SLI_CHANGED)
        frozen.append(one)
        changes += changed
    return tuple(frozen), tuple(changes)


def retire(alerts: Sequence[Alert], *, at: datetime, end: End) -> tuple[Transition, ...]:
    """What is recorded when alerts cease to exist, because their SLO or their severity was removed."""
    return tuple(
        _change(alert, TransitionKind.RESOLVED, at, notify=alert.announced).ended_by(end)
        for alert in alerts
        if alert.firing
    )


def incident_id(slo: SloId, at: datetime) -> str:
    """The id of the incident that begins in *slo* at *at*; the same whenever the slot is stepped again."""
    return blake2b(f"{slo}@{at.timestamp():.3f}".encode(), digest_size=8).hexdigest()


def _quiet_for(alert: Alert, at: datetime) -> timedelta | None:
    return None if alert.resolved_at is None else at - alert.resolved_at


def _urgency(policy: SeverityPolicy) -> int:
    return _URGENCY[policy.severity]


def _doubt_changed_sli(
    alert: Alert,
    verdict: Verdict,
    reading: Reading,
    policy: SeverityPolicy,
    *,
    definition: Definition | None,
    at: datetime,
) -> tuple[Alert, Verdict]:
    """The verdict on an alert that fires by an SLI that was changed: quiet is unknown until the new one is trusted.

    For want of trust it goes on no longer than the long window of its rule.
    """
    if not alert.firing or alert.fired_by is None or definition is None or alert.fired_by.sli == definition.sli:
        return alert, verdict
    why = verdict.unknown
    burns = verdict.tripped is not None and not verdict.over
    # Where quiet was seen before the change, what follows is patience.
    if why is None and not burns and alert.quiet_since is None and reading.untrusted is not None:
        since = alert.silent_since or at
        if at - since < long_window(alert, policy):
            alert, why = replace(alert, silent_since=since), reading.untrusted
    if why is None:
        return alert, verdict
    said = f"its SLI was changed, and the new one cannot be trusted yet: {why}"
    return alert, Verdict(unknown=said, frozen_cause=FrozenCause.SLI_CHANGED)


def long_window(alert: Alert, policy: SeverityPolicy) -> timedelta:
    """The long window of the rule that an alert fires by; of the quickest one where the policy no longer has that."""
    own = (rule.long for rule in policy.rules if rule.name == alert.tier)
    quickest = next((rule.long for rule in policy.rules), timedelta(0))
    return next(own, quickest)


def _explained(
    before: Alert, alert: Alert, changes: tuple[Transition, ...], definition: Definition | None, *, burns: bool = True
) -> Step:
    """The same, with why the alert ended or by which *definition* it fires; *burns* where a rule has tripped now."""
    if not alert.firing:
        resolved = next((change for change in changes if change.kind is TransitionKind.RESOLVED), None)
        if resolved is None:
            return alert, changes
        end = resolved.end or end_of(before.fired_by, definition, alert.cause)
        said = tuple(change.ended_by(end) if change is resolved else change for change in changes)
        return replace(alert, ended=end), said
    still = burns and alert.quiet_since is None and alert.frozen is None
    if alert.fired_by == definition or not (still or not before.firing or alert.fired_by is None):
        return alert, changes
    return replace(alert, fired_by=definition), changes


def _mutes(page: Alert, verdict: Verdict, at: datetime) -> bool:
    """Whether the page mutes a ticket with this verdict.

    A short incident is over long before the windows of a ticket forget it. After the page's end a rule of the
    ticket counts again once its short window holds nothing of the page's time (ADR-0011). A ticket that fires on by
    errors that are no evidence any more has nothing to add to the page; one about missing data has.
    """
    if page.firing or page.resolved_at is None:
        return page.firing
    if verdict.unknown is not None:
        return False
    return verdict.rule is None or at - page.resolved_at < verdict.rule.short


def _step(
    alert: Alert,
    verdict: Verdict,
    policy: SeverityPolicy,
    *,
    at: datetime,
    muted: bool,
    incident: str | None,
    no_data: NoData = NoData.FREEZE,
    ended: End | None = None,
) -> Step:
    if verdict.unknown is not None:
        end = ended or End(code=EndCode.NO_DATA, reason=f"{verdict.unknown}; this SLO says: no_data: {no_data}")
        moved, changes = _without_data(
            alert, verdict, policy, no_data, at=at, muted=muted, incident=incident, ended=ended
        )
        return moved, tuple(
            change.ended_by(end) if change.kind is TransitionKind.RESOLVED else change for change in changes
        )
    if alert.frozen is None and alert.state is AlertState.INACTIVE and not verdict.burning:
        return _suppress(alert, verdict, at)
    silent = _silent_rule(alert, verdict, policy)
    if silent is not None:
        return _without_traffic(alert, silent, policy, at=at)
    # Frozen dataclasses are copied only where something changes: most alerts of 10,000 SLOs are at rest.
    alert = replace(alert, suppressed=None, silent_since=None) if alert.suppressed or alert.silent_since else alert
    unfrozen, changes = _unfreeze(alert, at)
    moved, change = _advance(unfrozen, verdict, policy, at, incident)
    announced, sent = _announce(moved, change, at, muted=muted)
    return announced, (*changes, *sent)


def _without_data(
    alert: Alert,
    verdict: Verdict,
    policy: SeverityPolicy,
    no_data: NoData,
    *,
    at: datetime,
    muted: bool,
    incident: str | None,
    ended: End | None,
) -> Step:
    if ended is not None and alert.state is AlertState.INACTIVE:
        # What is no longer reported has nothing to be judged any more.
        return _unfreeze(alert, at)
    if no_data is NoData.FREEZE or (no_data is not NoData.BAD and alert.state is AlertState.INACTIVE):
        return _freeze(alert, verdict.unknown or "", at, cause=verdict.frozen_cause)
    unfrozen, changes = _unfreeze(alert, at)
    match no_data:
        case NoData.BAD if unfrozen.firing:
            moved, change = _go_on(unfrozen, NO_DATA_RULE), None
        case NoData.BAD:
            moved, change = _while_burning(unfrozen, NO_DATA_RULE, policy, at, incident)
        case NoData.GOOD:
            moved, change = _while_quiet(unfrozen, policy.keep_firing_for, at)
        case _:
            moved, change = _while_quiet(unfrozen, timedelta(0), at)
    announced, sent = _announce(moved, change, at, muted=muted)
    return announced, (*changes, *sent)


def _silent_rule(alert: Alert, verdict: Verdict, policy: SeverityPolicy) -> BurnRateRule | None:
    """The rule that made a firing alert fire and has cleared only since no events came; None if there were any.

    Once a slot with events was quiet, what follows is patience, and needs no further events.
    """
    if not alert.firing or alert.quiet_since is not None or verdict.tripped is not None or verdict.over:
        return None
    # 0 asks for what a Prometheus rule does: no events, no burn.
    if policy.resolve_no_traffic_after == timedelta(0):
        return None
    if any(rule.name == alert.tier for rule in policy.rules):
        return next((rule for rule in verdict.silent if rule.name == alert.tier), None)
    # A rule that the documents no longer have is judged by the quickest one.
    return next(iter(verdict.silent), None)


def _without_traffic(alert: Alert, rule: BurnRateRule, policy: SeverityPolicy, *, at: datetime) -> Step:
    since, patience = alert.silent_since or at, policy.resolve_no_traffic_after
    if patience is None or at - since < patience:
        return _freeze(replace(alert, silent_since=since), _no_events(rule.short), at, cause=FrozenCause.NO_TRAFFIC)
    # Its time without traffic was patience enough, so keep_firing_for does not come on top.
    moved, change = _while_quiet(replace(alert, frozen=None, frozen_cause=None), timedelta(0), at)
    end = End(code=EndCode.NO_TRAFFIC, reason=f"there were {_no_events(patience)}")
    return moved, () if change is None else (change.ended_by(end),)


def _no_events(window: timedelta) -> str:
    return f"no events in the last {format_duration(window)}"


def _suppress(alert: Alert, verdict: Verdict, at: datetime) -> Step:
    if alert.suppressed == verdict.suppressed:
        return alert, ()
    held = replace(alert, suppressed=verdict.suppressed)
    if verdict.suppressed is None or alert.suppressed is not None:
        return held, ()
    return held, (_change(held, TransitionKind.SUPPRESSED, at, reason=verdict.suppressed),)


def _freeze(alert: Alert, why: str, at: datetime, *, cause: FrozenCause | None = None) -> Step:
    if (alert.frozen, alert.frozen_cause) == (why, cause):
        return alert, ()
    frozen = replace(alert, frozen=why, frozen_cause=cause)
    # That an inactive alert is frozen is shown, and no event: each one is at every start and in every gap of the data.
    if alert.frozen is not None or alert.state is AlertState.INACTIVE:
        return frozen, ()
    return frozen, (_change(frozen, TransitionKind.FROZEN, at, reason=frozen.frozen),)


def _unfreeze(alert: Alert, at: datetime) -> Step:
    if alert.frozen is None:
        return alert, ()
    unfrozen = replace(alert, frozen=None, frozen_cause=None)
    if alert.state is AlertState.INACTIVE:
        return unfrozen, ()
    return unfrozen, (_change(unfrozen, TransitionKind.UNFROZEN, at),)


def _advance(
    alert: Alert, verdict: Verdict, policy: SeverityPolicy, at: datetime, incident: str | None
) -> tuple[Alert, Transition | None]:
    if alert.firing:
        return _while_firing(alert, verdict, policy, at)
    if verdict.rule is None:
        return _while_quiet(alert, timedelta(0), at)
    return _while_burning(alert, verdict.rule.name, policy, at, incident, rules=verdict.rules)


def _while_firing(
    alert: Alert, verdict: Verdict, policy: SeverityPolicy, at: datetime
) -> tuple[Alert, Transition | None]:
    # An end that the events prove is waited for no longer than the document says; where they only do not contradict it,
    # hold_time comes first, since a pause by chance looks the same.
    if verdict.long_over or (verdict.over and not has_relapsed(alert, policy)):
        return _while_quiet(alert, policy.keep_firing_for, at)
    if verdict.tripped is None:
        return _while_quiet(alert, max(policy.keep_firing_for, verdict.hold_time), at)
    return _go_on(alert, verdict.tripped.name), None


def has_relapsed(alert: Alert, policy: SeverityPolicy) -> bool:
    """Whether it fires again so soon that the last end was no end; such an alert ends after a longer quiet."""
    if alert.resolved_at is None or alert.since is None:
        return False
    return alert.since - alert.resolved_at < evidence.relapse_window(policy)


def _go_on(alert: Alert, tier: str) -> Alert:
    same = alert.quiet_since is None and alert.tier == tier
    return alert if same else replace(alert, quiet_since=None, tier=tier)


def _while_quiet(alert: Alert, patience: timedelta, at: datetime) -> tuple[Alert, Transition | None]:
    match alert.state:
        case AlertState.PENDING:
            return _end(alert, at), _change(alert, TransitionKind.CLEARED, at)
        case AlertState.FIRING:
            quiet_since = alert.quiet_since or at
            if at - quiet_since < patience:
                return replace(alert, quiet_since=quiet_since), None
            resolved = _change(alert, TransitionKind.RESOLVED, at, notify=alert.announced)
            return replace(_end(alert, at), resolved_at=at), resolved
        case _:
            return alert, None


def _while_burning(
    alert: Alert,
    tier: str,
    policy: SeverityPolicy,
    at: datetime,
    incident: str | None,
    *,
    rules: Sequence[BurnRateRule] = (),
) -> tuple[Alert, Transition | None]:
    """The alert in a slot that burns by *tier*; *rules* are all that do, where they wait for times of their own."""
    entered = alert.state is AlertState.INACTIVE
    if entered:
        incident = incident or incident_id(alert.slo, at)
        alert = replace(alert, state=AlertState.PENDING, since=at, incident=incident)
    known = dict(alert.waiting)
    waiting = {_rule_key(rule): known.get(_rule_key(rule), at) for rule in rules}
    due = (rule for rule in rules if at - waiting[_rule_key(rule)] >= _pending_for(rule, policy))
    first_due = next(due, None)
    if first_due is not None:
        tier = first_due.name
    active = alert if alert.tier == tier else replace(alert, tier=tier)
    if alert.waiting or waiting:
        active = replace(active, waiting=tuple(waiting.items()))
    if first_due is not None or (not rules and at - (active.since or at) >= policy.pending_for):
        fired = replace(active, state=AlertState.FIRING, since=at, waiting=())
        return fired, _change(fired, TransitionKind.FIRED, at)
    return active, _change(active, TransitionKind.PENDING, at) if entered else None


def _rule_key(rule: BurnRateRule) -> str:
    return f"{rule.name} {rule.factor:.6g}"


def _pending_for(rule: BurnRateRule, policy: SeverityPolicy) -> timedelta:
    return policy.pending_for if rule.pending_for is None else rule.pending_for


def _end(alert: Alert, at: datetime) -> Alert:
    return replace(
        alert,
        state=AlertState.INACTIVE,
        since=at,
        tier=None,
        incident=None,
        quiet_since=None,
        muted=False,
        announced=False,
        silent_since=None,
        waiting=(),
        fired_by=None,
    )


def _announce(alert: Alert, change: Transition | None, at: datetime, *, muted: bool) -> Step:
    """Notify that the alert fires, once, in the first slot in which no page mutes it.

    An alert that was announced stays so: withdrawing a ticket when a page comes would read as an all-clear. One that
    was muted for as long as it burned, and fires on only out of patience, is no longer worth a notification.
    """
    changes = () if change is None else (change,)
    if not alert.firing or (alert.quiet_since is not None and not alert.announced):
        return alert, changes
    if alert.announced or muted:
        silent = muted and not alert.announced
        return (alert if alert.muted == silent else replace(alert, muted=silent)), changes
    announced = replace(alert, muted=False, announced=True)
    if change is not None:
        return announced, (replace(change, notify=True),)
    return announced, (_change(announced, TransitionKind.UNMUTED, at, notify=True),)


def _change(
    alert: Alert, kind: TransitionKind, at: datetime, *, reason: str | None = None, notify: bool = False
) -> Transition:
    return Transition(
        slo=alert.slo,
        severity=alert.severity,
        kind=kind,
        at=at,
        incident=alert.incident,
        tier=alert.tier,
        reason=reason,
        notify=notify,
        cause=alert.cause,
    )
