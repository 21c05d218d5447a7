"""Time slices in a native document: an SLO that counts good minutes instead of events."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from app.documents.native.fields import Duration, Objective
from app.documents.native.scalars import read_without_events
from app.documents.native.sli_model import DocumentPart
from app.sli import TimeSlices
from app.slo import Sli, SliceRule, WithoutEvents, format_duration
from app.yamldoc.findings import FieldFinding

_SHORTEST, _LONGEST, _REST = timedelta(minutes=1), timedelta(hours=1), timedelta(minutes=5)


class TimeSlicesModel(DocumentPart):
    """Slices of time, each of which is one event."""

    length: Duration = Field(examples=["1m", "5m"])
    """How long a slice is, 1m to 1h."""
    target: Objective | None = Field(default=None, examples=[99])
    """The percentage of good events from which on a slice is good; without it each counts by its ratio."""
    without_events: Annotated[
        WithoutEvents,
        PlainValidator(read_without_events),
        WithJsonSchema({"enum": [str(one) for one in WithoutEvents]}),
    ] = WithoutEvents.IGNORED
    """What a slice is in which nothing happened."""

    def slices_of(self, sli: Sli) -> Sli:
        """The slices of an SLI."""
        rule = SliceRule(length=self.length, target=self.target, without_events=self.without_events)
        return TimeSlices(of=sli, rule=rule)

    def findings(self) -> Iterator[FieldFinding]:
        """Whether slices have a length that can be evaluated."""
        path = ("time_slices", "length")
        if not _SHORTEST <= self.length <= _LONGEST:
            problem = f"{format_duration(self.length)} is not between 1m and 1h"
            yield FieldFinding(path, problem, "write a length such as 1m, 5m or 1h")
        elif self.length > _REST and self.length % _REST:
            problem = f"{format_duration(self.length)} is no multiple of 5m"
            yield FieldFinding(path, problem, "write 10m, 15m, 30m or 1h")
