"""SLIs of counters in a native document: sums of their events."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from pydantic import Field, PrivateAttr
from typing_extensions import override

from app.documents.lint.counter_names import COUNTER_NAME, unlike_a_counter
from app.documents.lint.names import SAME_AS_TOTAL
from app.documents.lint.outside_total import outside_total
from app.documents.native.fields import EventsText
from app.documents.native.sli_model import SliModel
from app.promql.metric_names import looks_like_counter, name_of
from app.sli import EventQuery, NotExpressibleError, reduce_queries
from app.sli.from_samples import SampleQuery, gauge_of_events
from app.sli.never_bad import NEVER_BAD, is_never_bad
from app.slo import Events, MatchOp, Selector, Sli
from app.yamldoc.findings import FieldFinding


class CounterSliModel(SliModel):
    """Good or bad events out of all events."""

    total: EventsText
    """All events: a counter, or a PromQL sum of counters."""
    events: ClassVar[Events]
    # Reducing queries is most of the time that a document takes, and its checks ask for the SLI again.
    _sli_by: dict[tuple[str, ...], Sli] = PrivateAttr(default_factory=dict)

    @property
    @abstractmethod
    def part(self) -> EventQuery | SampleQuery:
        """The events that *events* says."""

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted."""
        if by not in self._sli_by:
            self._sli_by[by] = self._made(by)
        return self._sli_by[by]

    def _made(self, by: tuple[str, ...]) -> Sli:
        total, part = self.total, self.part
        if isinstance(total, EventQuery) and isinstance(part, EventQuery):
            return reduce_queries(total, part, self.events, by=by).sli
        of_part = {str(self.events): part.text}
        return gauge_of_events(total=total.text, bad=of_part.get("bad"), good=of_part.get("good"), by=by)

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """Why both cannot be counted together, or count nothing that could be bad."""
        try:
            sli = self.sli(by)
        except NotExpressibleError as error:
            yield FieldFinding(("sli", error.field or str(self.events)), error.reason, error.remedy, error.code)
        else:
            if is_never_bad(sli):
                yield FieldFinding(("sli", str(self.events)), NEVER_BAD.problem, NEVER_BAD.remedy, NEVER_BAD.code)

    @override
    def warnings(self) -> Iterator[FieldFinding]:
        """What is counted otherwise than it is written, and names and matchers that are probably not meant."""
        total, part = self.total, self.part
        if not isinstance(total, EventQuery) or not isinstance(part, EventQuery):
            return
        for key, query in ((str(Events.TOTAL), total), (str(self.events), part)):
            for finding in query.findings:
                yield FieldFinding(("sli", key), finding.problem, finding.remedy, finding.code)
            for selector in query.selectors:
                yield from _unlike_events(key, selector)
        field = str(self.events)
        if part.flow.coefficients == total.flow.coefficients:
            remedy = f"narrow it to the {field} events"
            yield FieldFinding(("sli", field), "is the same as total", remedy, SAME_AS_TOTAL)
        # Of sums, a difference in matchers is what makes them a sum.
        elif len(total.selectors) == len(part.selectors) == 1:
            for outside in outside_total(total.selectors[0], part.selectors[0]):
                yield replace(outside, path=("sli", field))


class GoodSliModel(CounterSliModel):
    """Good events out of all events."""

    good: EventsText = Field(examples=['http_requests_total{job="checkout",code!~"5.."}'])
    """The good ones among them: a counter, or a PromQL sum of counters."""
    events: ClassVar = Events.GOOD

    @property
    @override
    def part(self) -> EventQuery | SampleQuery:
        return self.good


class BadSliModel(CounterSliModel):
    """Bad events out of all events."""

    bad: EventsText = Field(examples=['http_requests_total{job="checkout",code=~"5.."}'])
    """The bad ones among them: a counter, or a PromQL sum of counters; no such series means no bad events."""
    events: ClassVar = Events.BAD

    @property
    @override
    def part(self) -> EventQuery | SampleQuery:
        return self.bad


def _unlike_events(key: str, selector: Selector) -> Iterator[FieldFinding]:
    name = name_of(selector)
    if name is not None and not looks_like_counter(name):
        problem, remedy = unlike_a_counter(name)
        yield FieldFinding(("sli", key), problem, remedy, COUNTER_NAME)
    for matcher in selector.matchers:
        if matcher.op is MatchOp.EQUAL and matcher.value != matcher.value.strip():
            problem = f"the value of {matcher.label} begins or ends with a space: {matcher.value!r}"
            yield FieldFinding(("sli", key), problem, f"write {matcher.value.strip()!r}", "space_in_value")
