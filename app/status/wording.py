"""Figures and the state of an alert in the words that pages and tables share."""

from collections.abc import Iterable

from app.slo import AlertState, Cause, Sla, rounded_percent, short

SUPPRESSED = str(AlertState.SUPPRESSED)
# Digits of what somebody chose, which is never rounded: an objective of 99.99999% is not 100%.
_EXACT = 10


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
