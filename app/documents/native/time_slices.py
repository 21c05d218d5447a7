"""Time slices in a native document: an SLO that counts good minutes instead of events."""

from collections.abc import Iterator

from pydantic import Field

from app.documents.native.fields import Duration, SliceTarget, WithoutEventsField
from app.documents.native.sli_model import DocumentPart
from app.documents.windows import slice_length_problem
from app.sli import TimeSlices
from app.slo import Sli, SliceRule, WithoutEvents
from app.yamldoc.findings import FieldFinding


class TimeSlicesModel(DocumentPart):
    """Slices of time, each of which is one event."""

    length: Duration = Field(examples=["1m", "5m"])
    """How long a slice is, 1m to 1h."""
    target: SliceTarget | None = Field(default=None, examples=[99])
    """The percentage of good events from which on a slice is good; without it each counts by its ratio."""
    without_events: WithoutEventsField = WithoutEvents.IGNORED
    """What a slice is in which nothing happened."""

    def slices_of(self, sli: Sli) -> Sli:
        """The slices of an SLI."""
        rule = SliceRule(length=self.length, target=self.target, without_events=self.without_events)
        return TimeSlices(of=sli, rule=rule)

    def findings(self) -> Iterator[FieldFinding]:
        """Whether slices have a length that can be evaluated."""
        path = ("time_slices", "length")
        problem = slice_length_problem(self.length)
        if problem is not None:
            yield FieldFinding(path, *problem)
