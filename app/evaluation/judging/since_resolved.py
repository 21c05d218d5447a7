"""Events since alerts resolved: errors of an incident that was notified are no evidence for the next one (ADR-0017)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from app.alerting import Alert, WindowCounts, may_be_one_failure
from app.evaluation.figures.members import Member
from app.evaluation.judging.slots_with_errors import bad_slots
from app.ledger import FINE_REACH_S, MIDDLE_WIDTH_S, Ledger
from app.slo import Cause, SloId
from app.slo.arrays import Floats

SinceResolved = Mapping[str, WindowCounts]
"""By the keys of alerts: the events since they last ended."""


def since_resolved(
    members: Sequence[Member], ledger: Ledger, alerts: Mapping[SloId, tuple[Alert, ...]], *, at: datetime
) -> SinceResolved:
    """The events since the end of every alert with windows that still reach back to its incident at *at*."""
    keys, rows, ends = [], [], []
    for member in members:
        for alert in alerts.get(member.id, ()):
            if alert.resolved_at is not None and member.row is not None and _remembers(alert, member, at):
                keys.append(alert.key)
                rows.append(member.row)
                ends.append(alert.resolved_at)
    if not keys:
        return {}
    start_s = _next_cell(np.array([end.timestamp() for end in ends]), ledger, at.timestamp())
    of_rows = np.array(rows, dtype=np.int64)
    end_s = np.fmax(start_s, ledger.watermark(of_rows))
    sums = ledger.sums(of_rows, start_s, end_s)
    found = {}
    for index, (key, end) in enumerate(zip(keys, ends, strict=True)):
        counts = WindowCounts(window=at - end, total=float(sums.total[index]), bad=float(sums.bad[index]))
        if may_be_one_failure(counts.bad):
            slots_with_errors = bad_slots(ledger, rows[index], start_s=float(start_s[index]), end_s=float(end_s[index]))
            counts = replace(counts, bad_slots=slots_with_errors)
        found[key] = counts
    return found


def _remembers(alert: Alert, member: Member, at: datetime) -> bool:
    policy = member.slo.alerting.policy(alert.severity)
    if alert.cause is not Cause.BURN or alert.resolved_at is None or policy is None or policy.evidence is None:
        return False
    return at - alert.resolved_at < max(rule.long for rule in policy.rules)


def _next_cell(end_s: Floats, ledger: Ledger, at_s: float) -> Floats:
    """Where the first cell of the ledger begins that holds nothing from before the end."""
    width_s = np.where(at_s - end_s > FINE_REACH_S, MIDDLE_WIDTH_S, ledger.interval_s)
    next_s: Floats = np.ceil(end_s / width_s) * width_s
    return next_s
