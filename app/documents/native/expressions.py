"""SLIs of expressions in a native document."""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import ConfigDict, Field
from typing_extensions import override

from app.documents.native.fields import Duration, EvaluableText, GoodWhen, RatioText
from app.documents.native.sli_model import SliModel
from app.promql.evaluable import bare_counter, compared_quantile, quantile_of, with_one_fallback
from app.sli import Comparison, Expression, Reduced, expression_of_events
from app.sli.any_promql import FALLBACK_SERIES, QUANTILE, reduced_ratio
from app.sli.never_bad import NEVER_BAD, is_never_bad
from app.sli.reduction import FIXED_RANGE
from app.slo import Events, Sli, format_duration
from app.yamldoc.findings import FieldFinding

# Prometheus answers in milliseconds, and shows no sample that is older than five minutes: a longer rest would look like
# missing data.
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=5)
# How a quantile is compared, by the key that has the comparison, if low ones are good.
_LOW_IS_GOOD = {"bad_ratio": frozenset({">", ">="}), "good_ratio": frozenset({"<", "<="})}
_VALUES = ("bad_ratio", "good_ratio", "expression", "bad", "good")


class ExpressionSliModel(SliModel):
    """Values of any PromQL, evaluated again and again."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["bad_ratio"]},
                {"required": ["good_ratio"]},
                {"required": ["expression", "good_when"]},
                {"required": ["bad", "total", "every"]},
                {"required": ["good", "total", "every"]},
            ]
        }
    )

    bad_ratio: RatioText | None = Field(default=None, examples=["1 - avg(job:slo_availability:ratio5m)"])
    """PromQL of the share of bad events, from 0 to 1."""
    good_ratio: RatioText | None = Field(default=None, examples=["avg(sli_availability:bool)"])
    """PromQL of the share of good events, from 0 to 1."""
    expression: EvaluableText | None = Field(default=None, examples=["max(kafka_consumergroup_lag)"])
    """PromQL of any value, which is good while it fulfils good_when."""
    good_when: GoodWhen | None = Field(default=None, examples=["< 1000"])
    """The comparison that good values of the expression fulfil."""
    bad: EvaluableText | None = Field(default=None, examples=["count(up == 0) or vector(0)"])
    """PromQL of the number of bad events out of total, evaluated: needs every, without which they are counted."""
    good: EvaluableText | None = Field(default=None, examples=["count(up == 1) or vector(0)"])
    """PromQL of the number of good events out of total, evaluated: needs every, without which they are counted."""
    total: EvaluableText | None = Field(default=None, examples=["sum(increase(http_requests_total[1m]))"])
    """PromQL of the number of events that each evaluation stands for; without it each is one event."""
    every: Duration | None = Field(default=None, examples=["1m"])
    """How far apart evaluations are, up to 5m; without it there is one in each slot."""

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted: the events of a ratio of sums of counters or samples, else the values of the expression."""
        reduced = self._reduced(by)
        if reduced is not None:
            return reduced.sli
        part, shares = (self.bad, Events.BAD) if self.good is None else (self.good, Events.GOOD)
        if part is not None and self.total is not None:
            return expression_of_events(total=self.total, part=part, shares=shares, every=self.every, by=by)
        return Expression(
            expression=self.bad_ratio or self.good_ratio or self.expression or "",
            shares=Events.GOOD if self.good_ratio is not None else Events.BAD,
            good_when=self.good_when,
            weight=self.total,
            every=self.every,
            by=by,
        )

    def _reduced(self, by: tuple[str, ...]) -> Reduced | None:
        """The SLI of a ratio that can be counted; None where it is to be evaluated: as it is written, if *every* is."""
        if self.every is not None or self.total is not None:
            return None
        if self.bad_ratio is not None:
            return reduced_ratio(self.bad_ratio, by=by)
        return None if self.good_ratio is None else reduced_ratio(f"1 - ({self.good_ratio})", by=by)

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """Whether it has one value, and a comparison where that is no share."""
        given = [key for key in _VALUES if getattr(self, key) is not None]
        if len(given) != 1:
            problem = " and ".join(given) + " exclude each other" if given else "has no expression"
            remedy = "write one of bad_ratio, good_ratio, expression with good_when, and bad or good with total"
            yield FieldFinding(("sli",), problem, remedy)
        elif given[0] in {"bad", "good"}:
            yield from self._of_events(given[0])
        elif (self.expression is None) != (self.good_when is None):
            if self.expression is None:
                problem, remedy = f"{given[0]} is a share of events, which nothing is compared with", "remove good_when"
                yield FieldFinding(("sli", "good_when"), problem, remedy)
            else:
                problem = "needs good_when: nothing says which values are good"
                yield FieldFinding(
                    ("sli", "expression"), problem, 'write good_when: "< 1000", or bad_ratio: for a share'
                )
        reduced = self._reduced(by) if len(given) == 1 else None
        if reduced is not None and is_never_bad(reduced.sli):
            yield FieldFinding(("sli", given[0]), NEVER_BAD.problem, NEVER_BAD.remedy, NEVER_BAD.code)
        if self.every is not None and not _SHORTEST <= self.every <= _LONGEST:
            problem = f"{format_duration(self.every)} is not between 1s and 5m"
            yield FieldFinding(("sli", "every"), problem, "write every: 1m")

    def _fallbacks(self) -> Iterator[FieldFinding]:
        """Whether a fallback is one more series beside those that it replaces, so that each counts half."""
        for key in (*_VALUES, "total"):
            text = getattr(self, key)
            if text is not None and with_one_fallback(text) != text:
                problem = "`or vector(...)` is a further series beside those with labels, and counts as well"
                yield FieldFinding(("sli", key), problem, "write `or on () vector(...)`", FALLBACK_SERIES.code)

    def _of_events(self, part: str) -> Iterator[FieldFinding]:
        """Whether evaluated events have a total, and nothing that they are compared with."""
        if self.total is None:
            yield FieldFinding(("sli", part), "needs total", "write total: and the PromQL of all events")
        if self.every is None:
            yield FieldFinding(("sli", part), "is evaluated, and needs every", "write every: 1m")
        if self.good_when is not None:
            problem = f"{part} is a number of events, which nothing is compared with"
            yield FieldFinding(("sli", "good_when"), problem, "remove good_when")
        for key in (part, "total"):
            counter = None if (text := getattr(self, key)) is None else bare_counter(text)
            if counter is not None:
                problem = f"takes the value of the counter {counter} since its process started"
                remedy = f"remove every, to have it counted, or write rate({counter}[5m])"
                yield FieldFinding(("sli", key), problem, remedy, "bare_counter")

    @override
    def warnings(self) -> Iterator[FieldFinding]:
        """Whether it compares a quantile: the share of requests within the threshold is exact, and adds up."""
        reduced = self._reduced(())
        for finding in () if reduced is None else reduced.findings:
            if finding.code == FIXED_RANGE:
                # What is evaluated needs a range, and what is counted has no use for it.
                continue
            path = ("sli", "bad_ratio" if self.good_ratio is None else "good_ratio")
            yield FieldFinding(path, finding.problem, finding.remedy, finding.code)
        if reduced is None:
            yield from self._fallbacks()
        yield from self._quantiles()

    def _quantiles(self) -> Iterator[FieldFinding]:
        """The comparison of a quantile that is good while it is low, and what to write instead."""
        key = next((key for key in ("expression", "bad_ratio", "good_ratio") if getattr(self, key) is not None), None)
        if key is None:
            return
        text = getattr(self, key)
        if key == "expression":
            quantile, below = quantile_of(text), {Comparison.LESS, Comparison.AT_MOST}
            is_low_good = self.good_when is not None and self.good_when.comparison in below
            threshold = float(self.good_when.number) if self.good_when is not None else 0.0
        else:
            compared = compared_quantile(text)
            quantile, threshold = (None, 0.0) if compared is None else (compared.quantile, compared.threshold)
            is_low_good = compared is not None and compared.operator in _LOW_IS_GOOD[key]
        if quantile is not None and is_low_good:
            problem = (
                f"is good while {quantile.quantile * 100:g}% of the requests are fast enough, by interpolation; "
                "the share of requests that are fast enough is exact"
            )
            remedy = (
                f"write histogram: {quantile.histogram}, threshold: {threshold:g} "
                f"and objective: {quantile.quantile * 100:g}"
            )
            yield FieldFinding(("sli", key), problem, remedy, QUANTILE)
