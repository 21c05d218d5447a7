"""Short scripts for the life cycle: one letter a slot in, what changed and when out."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from app.alerting import Alert, Reading, RuleReading, Transition, are_at_rest, step, step_slo
from app.promql.selector_text import parse_selector
from app.sli import sli_of_bad
from app.slo import Alerting, BurnRateRule, RollingWindow, Severity, SeverityPolicy, Slo, SloId

SLO = SloId("checkout-availability")
SLOT = timedelta(seconds=30)
START = datetime(2026, 1, 1, tzinfo=UTC)

PAGE = SeverityPolicy(
    severity=Severity.PAGE, rules=(BurnRateRule(long=timedelta(hours=1), short=timedelta(minutes=5), factor=14.4),)
)
TICKET = SeverityPolicy(
    severity=Severity.TICKET, rules=(BurnRateRule(long=timedelta(days=1), short=timedelta(hours=2), factor=3.0),)
)

SERVICE = Slo(
    id=SLO,
    service="checkout",
    name="availability",
    objective=0.999,
    window=RollingWindow(timedelta(days=30)),
    sli=sli_of_bad(total=parse_selector("a_total"), bad=parse_selector('a_total{code="500"}')),
    alerting=Alerting(policies=(PAGE, TICKET)),
)

READINGS = {
    "b": RuleReading(long_burn_rate=20.0, short_burn_rate=20.0),
    "q": RuleReading(long_burn_rate=0.5, short_burn_rate=0.5),
    "n": RuleReading(long_burn_rate=float("nan"), short_burn_rate=float("nan")),
    "h": RuleReading(long_burn_rate=20.0, short_burn_rate=20.0, long_coverage=1.0, short_coverage=0.8),
    "s": RuleReading(long_burn_rate=20.0, short_burn_rate=20.0),
}
"""burning, quiet, no events, a hole, stale."""


def slot(number: int) -> datetime:
    """The time of a slot of the script."""
    return START + number * SLOT


def reading(*letters: str) -> Reading:
    """A reading with one tier for each letter."""
    return Reading(rules=tuple(READINGS[letter] for letter in letters), stale="s" in letters)


def play(script: str, policy: SeverityPolicy, alert: Alert | None = None) -> tuple[list[Alert], list[str]]:
    """One severity through a script: the alert after every slot, and ``slot kind`` for all that changed."""
    alert = alert or Alert(slo=SLO, severity=policy.severity)
    alerts, said = [], []
    for number, letter in enumerate(script):
        alert, changes = step(alert, reading(*letter * len(policy.rules)), policy, at=slot(number))
        alerts.append(alert)
        said += [f"{number} {change.kind}" for change in changes]
    return alerts, said


def play_slo(
    page: str, ticket: str, start: int = 0, alerts: tuple[Alert, ...] = ()
) -> tuple[list[Transition], tuple[Alert, ...]]:
    """A page and a ticket of one SLO through a script each."""
    changes: list[Transition] = []
    for number, (for_page, for_ticket) in enumerate(zip(page, ticket, strict=True), start):
        readings = {Severity.PAGE: reading(for_page), Severity.TICKET: reading(for_ticket)}
        policies = {PAGE: for_page, TICKET: for_ticket}
        quiet = {policy.severity: policy for policy, letter in policies.items() if letter == "q"}
        resting = {
            one.severity for one in alerts if one.severity in quiet and are_at_rest([one], [quiet[one.severity]])
        }
        judged = {severity: found for severity, found in readings.items() if severity not in resting}
        before = alerts
        alerts, changed = step_slo(before, readings, (PAGE, TICKET), slo=SLO, at=slot(number))
        # An alert at rest need not be judged by a calm reading.
        assert step_slo(before, judged, (PAGE, TICKET), slo=SLO, at=slot(number), resting=resting) == (alerts, changed)
        changes += changed
    return changes, alerts


def told(changes: Iterable[Transition]) -> list[str]:
    """What receivers are told: ``slot severity kind``."""
    return [f"{(change.at - START) // SLOT} {change.severity} {change.kind}" for change in changes if change.notify]
