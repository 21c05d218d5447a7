"""What burned the budget of an SLO in a range: the label values with most bad events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.slo import Labels, SloId

MOST_LABELS = 10
"""How many labels a question may name: each is looked up in every series of the answer."""


class ContributorsState(StrEnum):
    """Whether it is known which label values contribute.

    ``busy`` is worth another try, ``unanswered`` says why not, ``not_available`` says why it never is of this SLI.
    """

    ANSWERED = "answered"
    NO_ERRORS = "no_errors"
    UNANSWERED = "unanswered"
    BUSY = "busy"
    NOT_AVAILABLE = "not_available"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributorShare:
    """A label value, a combination of some, or a component of a composite: *slo* is its SLO then.

    *bad* and *total* are its events as Prometheus estimates them, the shares are of those of the SLO. One that
    *stands_out* has a larger share of the bad events than of all.
    """

    values: Labels
    bad: float
    total: float
    share_of_bad: float
    share_of_total: float
    stands_out: bool
    slo: SloId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributorsInRange:
    """The contributors in (start, end], most bad events first; *problem* says why there is no answer.

    *shared* are label values that all bad events have, *labels* the labels that they can be added up by.
    """

    state: ContributorsState
    start: datetime
    end: datetime
    by: Sequence[str] = ()
    bad: float = 0.0
    total: float = 0.0
    items: Sequence[ContributorShare] = ()
    shared: Labels = ()
    labels: Sequence[str] = ()
    more: int = 0
    problem: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether *total* and *bad* are known."""
        return self.state in {ContributorsState.ANSWERED, ContributorsState.NO_ERRORS}
