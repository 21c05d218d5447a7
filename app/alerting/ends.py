"""Why alerts end: a fixed code, and a sentence where the end is no recovery."""

from dataclasses import dataclass
from enum import StrEnum


class EndCode(StrEnum):
    """Why an alert ended; codes are part of the API and of messages, and never change."""

    BURN_STOPPED = "burn_stopped"
    DATA_RETURNED = "data_returned"
    TRAFFIC_RETURNED = "traffic_returned"
    BUDGET_RECOVERED = "budget_recovered"
    NO_TRAFFIC = "no_traffic"
    NO_DATA = "no_data"
    SUPERSEDED = "superseded"
    SLI_CHANGED = "sli_changed"
    OBJECTIVE_CHANGED = "objective_changed"
    WINDOW_CHANGED = "window_changed"
    RULES_CHANGED = "rules_changed"
    LABELS_CHANGED = "labels_changed"
    SWITCHED_OFF = "switched_off"
    REMOVED = "removed"
    GROUP_CHANGED = "group_changed"
    MEMBER_GONE = "member_gone"
    ROUTES_CHANGED = "routes_changed"
    RECEIVER_REMOVED = "receiver_removed"

    @property
    def recovered(self) -> bool:
        """Whether the data shows that what the alert was about is over; any other end is no all-clear."""
        return self in _RECOVERED


_RECOVERED = frozenset(
    {EndCode.BURN_STOPPED, EndCode.DATA_RETURNED, EndCode.TRAFFIC_RETURNED, EndCode.BUDGET_RECOVERED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Why an alert ended; *reason* follows "because", and is None where the alert recovered."""

    code: EndCode
    reason: str | None = None


MEMBER_GONE = End(code=EndCode.MEMBER_GONE, reason="its group is no longer reported")
"""The series of the member have been gone for an hour, or it has left its group."""
SLO_REMOVED = End(code=EndCode.REMOVED, reason="the SLO was removed")
"""The documents no longer have the SLO."""
GROUP_CHANGED = End(code=EndCode.GROUP_CHANGED, reason="`by` of the SLO was changed")
"""The groups of the SLO are by other labels."""
SWITCHED_OFF = End(code=EndCode.SWITCHED_OFF, reason="its document no longer asks for it")
"""The documents no longer ask for the alert."""
SUPERSEDED = End(code=EndCode.SUPERSEDED, reason="the error budget is exhausted, which has a ticket of its own")
"""The tickets that say that a budget is going end once it is gone."""
RELABELLED = End(code=EndCode.LABELS_CHANGED, reason="its labels were changed")
"""The alert with the old labels ends; its incident goes on under the new ones."""
REROUTED = End(
    code=EndCode.ROUTES_CHANGED, reason="routes were changed; other receivers are notified of this alert now"
)
"""The alert ends at a receiver that the routes no longer name, while it still fires."""
RECEIVER_REMOVED = End(
    code=EndCode.RECEIVER_REMOVED,
    reason="this receiver is no longer configured to be notified of it; the alert may still fire",
)
"""The alert ends at a receiver that the configuration no longer has."""
