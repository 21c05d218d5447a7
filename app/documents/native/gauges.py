"""SLIs of gauges in a native document."""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import ConfigDict, Field
from typing_extensions import override

from app.documents.native.fields import Absent, Duration, GoodWhen, SelectorText
from app.documents.native.sli_model import DocumentPart, SliModel
from app.promql.gauges import good_or_absent
from app.promql.metric_names import looks_like_counter, name_of
from app.sli import Comparison, Condition, Expression, Gauge, GaugeOrAbsent, GaugeSums
from app.slo import Events, Selector, Sli, format_duration
from app.yamldoc.findings import FieldFinding, FieldPath

# Each evaluation looks back so far for series that are gone, which costs Prometheus as many samples.
_LONGEST_ABSENCE = timedelta(days=1)
UP = Condition(Comparison.EQUAL, 1.0)
ABSENT_FOR = timedelta(hours=1)
"""How long a series that is gone is bad, unless a document says otherwise."""
COUNTER_AS_GAUGE = "counter_as_gauge"
"""The code of a gauge whose name looks like a counter's; Prometheus may know better."""


class GaugeSliModel(SliModel):
    """Samples of a gauge: each is an event, good while it fulfils a condition."""

    gauge: SelectorText = Field(examples=['up{job="checkout"}', 'probe_success{instance="https://example.com"}'])
    """The gauge whose samples are counted; or a mapping of total and bad, whose samples say how many there are."""
    good_when: GoodWhen = Field(default=UP, examples=["== 1", "< 0.9"])
    """The comparison that good samples fulfil, `== 1` without it."""
    absent: Absent = False
    """What a series is that had samples lately and has none now: `unknown` without it, or `bad`."""
    absent_for: Duration = Field(default=ABSENT_FOR, examples=["1h"])
    """How long an absent series is bad; after that it has been removed."""

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted: each sample is an event; where absent series are bad, each evaluation of each series."""
        if self.absent:
            expression = good_or_absent(self.gauge, str(self.good_when), self.absent_for)
            origin = GaugeOrAbsent(gauge=self.gauge, good_when=self.good_when, absent_for=self.absent_for)
            return Expression(expression=expression, shares=Events.GOOD, by=by, origin=origin)
        return Gauge(total=self.gauge, good_when=self.good_when, by=by)

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """Whether it says how long what is absent is bad, although it is not, or longer than a day."""
        path = ("sli", "absent_for")
        if "absent_for" in self.model_fields_set and not self.absent:
            yield FieldFinding(
                path, "is never used, since absent series are unknown", "write absent: bad, or remove it"
            )
        if self.absent_for > _LONGEST_ABSENCE:
            problem = f"{format_duration(self.absent_for)} is longer than a day"
            yield FieldFinding(path, problem, "write absent_for: 1h")

    @override
    def warnings(self) -> Iterator[FieldFinding]:
        """Whether it looks like a counter."""
        yield from unlike_a_gauge(self.gauge, ("sli", "gauge"))


class GaugePartsModel(DocumentPart):
    """Gauges that say how many there are, and how many of them are bad, or good."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["bad"]}, {"required": ["good"]}]})

    total: SelectorText = Field(examples=["kube_daemonset_status_desired_number_scheduled"])
    """How many there are."""
    bad: SelectorText | None = Field(default=None, examples=["kube_daemonset_status_number_unavailable"])
    """How many of them are bad."""
    good: SelectorText | None = Field(default=None, examples=["kube_daemonset_status_number_ready"])
    """How many of them are good."""


class GaugeSumsSliModel(SliModel):
    """Samples of gauges that say how many there are: they are added up."""

    gauge: GaugePartsModel
    """The gauges whose samples are added up."""

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted: each sample is as many events as its value."""
        parts = self.gauge
        selected, events = (parts.good, Events.GOOD) if parts.good is not None else (parts.bad, Events.BAD)
        return GaugeSums(total=parts.total, selected=selected or parts.total, events=events, by=by)

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """Whether it has both parts or none."""
        if (self.gauge.bad is None) == (self.gauge.good is None):
            problem = "needs bad or good" if self.gauge.bad is None else "bad and good exclude each other"
            yield FieldFinding(("sli", "gauge"), problem, "write total and bad, or total and good")

    @override
    def warnings(self) -> Iterator[FieldFinding]:
        """Whether they look like counters."""
        for key, selector in (("total", self.gauge.total), ("bad", self.gauge.bad), ("good", self.gauge.good)):
            if selector is not None:
                yield from unlike_a_gauge(selector, ("sli", "gauge", key))


def unlike_a_gauge(selector: Selector, path: FieldPath) -> Iterator[FieldFinding]:
    """What is said of a gauge whose name ends like a counter's."""
    name = name_of(selector)
    if name is not None and looks_like_counter(name):
        problem = f"{name} looks like a counter, and each sample of a gauge is taken as it is"
        remedy = "write total: and bad: for counters. `check --live` asks Prometheus for its type"
        yield FieldFinding(path, problem, remedy, COUNTER_AS_GAUGE)
