"""The state of an alert in the words that pages and tables share."""

from collections.abc import Iterable

from app.slo import AlertState, Cause

HELD_BACK = "held back"


def state_words(state: str, *, reason: str | None, tier: str | None, cause: str = Cause.BURN) -> str:
    """What an alert does, for people; empty if it does nothing worth a word.

    >>> state_words("inactive", reason="held back for lack of evidence: ...", tier=None)
    'held back'
    >>> state_words("frozen", reason="the newest data is too old to judge by", tier="1h/5m")
    'firing, frozen'
    >>> state_words("firing", reason=None, tier="no data", cause="no_data")
    'firing: no data'
    """
    if state == AlertState.INACTIVE:
        return HELD_BACK if reason is not None else ""
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
