"""Figures and the state of an alert in the words that pages and tables share."""

import math
from collections.abc import Iterable

from app.slo import AlertState, Cause, Sla

SUPPRESSED = str(AlertState.SUPPRESSED)
UNKNOWN = "–"  # noqa: RUF001  an en dash, as tables have it

_NO_TENTHS_FROM = 10.0
# Digits of what somebody chose, which is never rounded: an objective of 99.99999% is not 100%.
_EXACT = 10


def rounded_percent(ratio: float, digits: int = 2) -> str:
    """A ratio as people say it, without trailing zeros, thousands apart; of 1,000% and more no tenths.

    >>> rounded_percent(0.999, 4), rounded_percent(-0.997, 1), rounded_percent(1.0, 0), rounded_percent(-83.463, 1)
    ('99.9%', '-99.7%', '100%', '-8,346%')
    """
    digits = digits if abs(ratio) < _NO_TENTHS_FROM else 0
    return f"{short(ratio * 100, digits)}%" if math.isfinite(ratio) else UNKNOWN


def sla_words(sla: Sla, objective: float) -> str:
    """The contract, when a penalty is due, and its buffer below the objective.

    >>> sla_words(Sla(contract=0.995, penalty_free=0.001), 0.999)
    'SLA 99.5% (penalty below 99.4%), buffer 0.4 percentage points'
    >>> sla_words(Sla(contract=0.9999995), 0.9999999)
    'SLA 99.99995%, buffer 0.00004 percentage points'
    """
    penalty = f" (penalty below {rounded_percent(sla.penalty_below, _EXACT)})" if sla.penalty_free else ""
    buffer = short(sla.buffer(objective) * 100, _EXACT)
    return f"SLA {rounded_percent(sla.contract, _EXACT)}{penalty}, buffer {buffer} percentage points"


def short(value: float, digits: int) -> str:
    """A number with at most so many digits after the point, and none that is an idle zero; thousands apart.

    >>> short(14.4, 2), short(-0.001, 2), short(1234.5, 2)
    ('14.4', '0', '1,234.5')
    """
    text = f"{value:z,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def state_words(state: str, *, reason: str | None, tier: str | None, cause: str = Cause.BURN) -> str:
    """What an alert does, for people; empty if it does nothing worth a word.

    >>> state_words("suppressed", reason="1 error in the last 1h; ...", tier=None)
    'suppressed'
    >>> state_words("frozen", reason="the newest data is too old to judge by", tier="1h/5m")
    'firing, frozen'
    >>> state_words("firing", reason=None, tier="no data", cause="no_data")
    'firing: no data'
    """
    if state == AlertState.INACTIVE:
        # So a service that is older than this command says that an alert is suppressed.
        return SUPPRESSED if reason is not None else ""
    if state == AlertState.FROZEN:
        # Only an alert that fires has a tier while it is frozen, and that it fires must not be hidden.
        return "firing, frozen" if tier is not None else str(state)
    return f"{state}: {tier}" if cause != Cause.BURN and tier is not None else str(state)


def severities_words(severities: Iterable[str]) -> str:
    """The severities that share a state.

    >>> severities_words(["page", "ticket"])
    'page and ticket'
    """
    return " and ".join(dict.fromkeys(severities))
