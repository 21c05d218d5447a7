"""How urgent the severities of other tools are."""

from app.slo import Severity

# What the severities of other tools are called that page somebody: the labels that the documents of their users have.
_URGENT = frozenset({"page", "critical", "crit", "high", "emergency", "fatal", "urgent"})
_URGENT_LEVELS = frozenset({"sev0", "sev1", "sev-0", "sev-1", "p0", "p1", "s1"})


def severity_of(text: str) -> Severity:
    """Whether a severity of any spelling is a page; everything else is a ticket."""
    return Severity.PAGE if text.strip().lower() in _URGENT | _URGENT_LEVELS else Severity.TICKET
