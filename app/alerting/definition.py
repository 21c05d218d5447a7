"""What of its SLO an alert fires by: an alert that ends since that was changed has not recovered (ADR-0060)."""

from dataclasses import dataclass, replace
from hashlib import blake2b

from app.alerting.ends import MEMBER_GONE, SWITCHED_OFF, End, EndCode
from app.slo import Cause, Severity, Slo, format_percent

_RECOVERIES = {
    Cause.BURN: EndCode.BURN_STOPPED,
    Cause.NO_DATA: EndCode.DATA_RETURNED,
    Cause.NO_TRAFFIC: EndCode.TRAFFIC_RETURNED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What decides whether an alert fires: digests of SLI and rules, the objective (a ratio), the SLO window."""

    sli: str
    objective: float
    window: str
    rules: str


def definition_of(slo: Slo, cause: Cause, severity: Severity) -> Definition:
    """The definition of one alert of an SLO, as its document has it."""
    policy = slo.alerting.policy(severity) if cause is Cause.BURN else None
    rules = () if policy is None else tuple((rule.long, rule.short, rule.factor) for rule in policy.rules)
    wanted = slo.alerting.budget if policy is None else (rules, policy.evidence)
    return Definition(
        sli=_digest(slo.sli.key), objective=slo.objective, window=str(slo.window), rules=_digest(repr(wanted))
    )


def end_of(fired_by: Definition | None, now: Definition | None, cause: Cause) -> End:
    """Why an alert ends that no longer holds: it recovered, or what it *fired_by* is not what it is judged by *now*."""
    changes = () if fired_by is None or now is None else tuple(_changes(fired_by, now))
    # Missing data and traffic are of the SLI alone.
    if cause in {Cause.NO_DATA, Cause.NO_TRAFFIC}:
        changes = tuple(change for change in changes if change[0] is EndCode.SLI_CHANGED)
    if not changes:
        return End(code=_RECOVERIES.get(cause, EndCode.BUDGET_RECOVERED))
    code, _ = changes[0]
    what = " and ".join(text for _, text in changes)
    said = f"its {what} {'was' if len(changes) == 1 and code is not EndCode.RULES_CHANGED else 'were'} changed"
    return End(code=code, reason=f"{said} while it fired{_consequence(cause)}")


def end_without_rules(fired_by: Definition | None, now: Definition | None) -> End:
    """Why an alert ends whose severity has no rules: it was switched off, or another objective or window needs none."""
    if fired_by is None or now is None or (fired_by.objective, fired_by.window) == (now.objective, now.window):
        return SWITCHED_OFF
    return end_of(replace(fired_by, sli=now.sli), now, Cause.BURN)


def end_of_member(fired_by: Definition | None, now: Definition) -> End:
    """Why an alert ends whose member of a group is no longer there: it is gone, or the changed SLI does not have it."""
    if fired_by is None or fired_by.sli == now.sli:
        return MEMBER_GONE
    return End(
        code=EndCode.SLI_CHANGED, reason="its SLI was changed while it fired, and the new one does not have its group"
    )


def _consequence(cause: Cause) -> str:
    match cause:
        case Cause.BURN:
            return "; no rule trips now, which does not show that the errors have stopped"
        case Cause.NO_DATA:
            return "; there is data now"
        case Cause.NO_TRAFFIC:
            return "; there is traffic now"
        case _:
            return "; the error budget is another one now"


def _changes(before: Definition, now: Definition) -> list[tuple[EndCode, str]]:
    """The parts that differ, the one that says most first."""
    found = []
    if before.sli != now.sli:
        found.append((EndCode.SLI_CHANGED, "SLI"))
    if before.objective != now.objective:
        objective = f"objective (from {format_percent(before.objective)} to {format_percent(now.objective)})"
        found.append((EndCode.OBJECTIVE_CHANGED, objective))
    if before.window != now.window:
        found.append((EndCode.WINDOW_CHANGED, f"window (from {before.window} to {now.window})"))
    # Factors that are not in the document follow from the window.
    if before.rules != now.rules and before.window == now.window:
        found.append((EndCode.RULES_CHANGED, "alert rules"))
    return found


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
