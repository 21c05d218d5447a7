"""Boards of the sizes that pages are looked at with: empty, a small one during an incident, and a large one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.alerting import Notification
from app.slo import AlertState, Cause, Severity, Slo
from app.status import AlertView, Board, DataState, HealthState, Progress, Snapshot
from tests.support.notifications import firing
from tests.support.snapshots import QUIET_ALERTS, a_snapshot, an_slo, an_unmeasured_snapshot

NOW = datetime.now(UTC).replace(microsecond=0)
"""When everything on these boards is: pages have times in words, and those of a fixed day would be years ago."""
TOO_LITTLE = "1 error in the last 1h; at least 2 are needed to rule out noise"
TOO_OLD = "the newest data is too old to judge by"
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp; \u202egnp.exe /a b/\n" + "w" * 120
_TEAMS = ("payments", "discovery", "platform", "growth", "identity")
_NAMES = ("availability", "latency", "freshness", "correctness")


def board(snapshots: Sequence[Snapshot], notifications: Sequence[Notification] = ()) -> Board:
    """A board with these, and the notifications of active alerts."""
    made = Board()
    made.publish(snapshots)
    made.set_notifications({each.key: each for each in notifications})
    return made


def empty_board() -> Board:
    """A board before the first evaluation."""
    return Board()


def calm_board() -> Board:
    """Five SLOs of which none needs anything."""
    return board([_at_now(a_snapshot(_slo(service))) for service in ("checkout", "search", "cart", "login", "mail")])


def incident_board() -> Board:
    """Five SLOs while one pages: others are muted, suppressed, frozen, exhausted or being backfilled."""
    paging = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=_before(minutes=12), tier="1h/5m")
    ticket = AlertView(
        severity=Severity.TICKET, state=AlertState.MUTED, since=_before(minutes=4), tier="1d/2h", muted=True
    )
    held = AlertView(severity=Severity.PAGE, state=AlertState.SUPPRESSED, since=None, tier=None, reason=TOO_LITTLE)
    spent = AlertView(
        severity=Severity.TICKET,
        state=AlertState.FIRING,
        since=_before(hours=30),
        tier="budget exhausted",
        cause=Cause.BUDGET_EXHAUSTED,
    )
    frozen = [
        AlertView(severity=severity, state=AlertState.FROZEN, since=_before(minutes=9), tier=None, reason=TOO_OLD)
        for severity in Severity
    ]
    burning = _at_now(a_snapshot(_slo("checkout"), bad=610, health=HealthState.AT_RISK, alerts=[paging, ticket]))
    budget = replace(burning.budget, exhausted_at=NOW + timedelta(hours=2, minutes=14))
    rates = {timedelta(minutes=5): 36.0, timedelta(minutes=30): 30.0, timedelta(hours=1): 20.0}
    windows = tuple(view._replace(burn_rate=rates.get(view.window, view.burn_rate)) for view in burning.windows)
    burning = replace(burning, budget=budget, windows=windows)
    snapshots = [
        burning,
        _at_now(a_snapshot(_slo("search", "latency", team="discovery"), alerts=[held])),
        _at_now(a_snapshot(_slo("login"), bad=1_400, health=HealthState.EXHAUSTED, alerts=[QUIET_ALERTS[0], spent])),
        _at_now(
            a_snapshot(_slo("mail", team="growth"), data=DataState.STALE, health=HealthState.UNKNOWN, alerts=frozen)
        ),
        _at_now(a_snapshot(_slo("cart"), backfill=Progress(done_hours=300.0, wanted_hours=720.0))),
    ]
    return board(snapshots, [_page_of_checkout()])


def grouped_board() -> Board:
    """The members of one group, of which one is exhausted."""
    slo = an_slo("shop", by=("route",))
    members = [
        a_snapshot(slo, group=(("route", "/pay"),), bad=1_400, health=HealthState.EXHAUSTED),
        a_snapshot(slo, group=(("route", "/cart"),)),
    ]
    return board([_at_now(member) for member in members])


def hostile_board() -> Board:
    """SLOs whose names, labels and problems try to be markup, or never end."""
    slo = replace(_slo(HOSTILE[:60], HOSTILE), labels=(("team", HOSTILE), ("tier", "<1>")), description=HOSTILE)
    member = _at_now(a_snapshot(slo, group=(("route", HOSTILE),), problem=HOSTILE))
    return board([member, _at_now(a_snapshot(_slo())), replace(an_unmeasured_snapshot(_slo("dark")), as_of=None)])


@lru_cache(maxsize=2)
def large_board(size: int = 10_000) -> Board:
    """So many SLOs, twenty of each service; one in fifty is in trouble of some kind."""
    return board([_one_of_many(number) for number in range(size)])


def _one_of_many(number: int) -> Snapshot:
    service = f"service-{number // 20:04}"
    slo = _slo(service, f"{_NAMES[number % 4]}-{number % 20:02}", team=_TEAMS[number // 20 % len(_TEAMS)])
    if number % 400 == 0:
        alert = AlertView(
            severity=Severity.PAGE, state=AlertState.FIRING, since=_before(minutes=number % 55), tier="1h/5m"
        )
        return _at_now(a_snapshot(slo, bad=950, health=HealthState.AT_RISK, alerts=[alert, QUIET_ALERTS[1]]))
    if number % 150 == 0:
        return _at_now(a_snapshot(slo, bad=1_000 + number % 7_000, health=HealthState.EXHAUSTED))
    if number % 333 == 0:
        return an_unmeasured_snapshot(slo)
    return _at_now(a_snapshot(slo, bad=number * 7_919 % 880))


def _slo(service: str = "checkout", name: str = "availability", *, team: str = "payments") -> Slo:
    return an_slo(service, name, labels=(("team", team),))


def _at_now(snapshot: Snapshot) -> Snapshot:
    start, end = snapshot.slo.window.bounds(NOW)
    since = NOW - timedelta(days=109)
    return replace(snapshot, as_of=NOW, window_start=start, window_end=end, data_since=since)


def _page_of_checkout() -> Notification:
    began = _before(minutes=12)
    return firing(
        starts_at=began,
        at=NOW,
        first_bad_at=_before(minutes=16),
        last_bad_at=NOW,
        spent=0.028,
        top_contributors='route="/pay" 82%, route="/refund" 11%',
        exhausted_at=NOW + timedelta(hours=2, minutes=14),
        annotations=(("runbook_url", "https://runbooks/slo"), ("dashboard", "https://dashboards/checkout")),
    )


def _before(**duration: float) -> datetime:
    return NOW - timedelta(**duration)
