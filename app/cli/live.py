"""What a Prometheus says about documents: whether their series exist, are counters, and are scraped and kept enough."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from app.alerting import shortest_windows_s, with_windows_of_at_least
from app.cli.live_figures import FiguresReader, LiveFigures, findings_of, scraped_every_s
from app.documents import COUNTER_NAME, LoadResult, unlike_a_counter
from app.ingest.queries.metric_inspection import refusal_of, wrong_type
from app.ingest.series.matched_series import (
    ESTABLISHED_EVENTS,
    ESTABLISHED_S,
    SeriesSeen,
    misnamed,
    own_matchers,
    why_none_matches,
)
from app.ingest.series.native_histograms import newest_bracket
from app.prometheus import BadQueryError, Matrix, MetricKind, PrometheusClient, kind_of, partial_data
from app.promql import probe
from app.promql.buckets import bound_of, bound_text
from app.promql.inclusion import is_larger_bucket, native_of
from app.promql.metric_names import BUCKET, NAME, looks_like_counter, name_of
from app.promql.selector_text import render
from app.sli import TimeSlices, named_terms
from app.slo import Evaluated, Events, Matcher, MatchOp, Selector, Sli, Slo, SloId, Term, format_duration
from app.status import ProblemCode
from app.yamldoc import ErrorFinding, Finding, HintFinding, Place, WarningFinding

# As many queries at once as one Prometheus answers without delay: with 64, its 99th percentile is 1.5 s instead of 41
# ms. A server that is there answers the first one within seconds; the others may read a day of samples.
_AT_ONCE = 8
_FIRST_ANSWER_S = 5.0
_DEADLINE_S = 30.0
_DAY = timedelta(days=1)
# With more bad events than good ones, the two may have been swapped.
_MOST_BAD = 0.5

# Counters that are scraped apart, and what `increase` extrapolates, differ by less.
_TOO_GOOD = 0.02
_NO_COMBINATION = "each matcher matches some series of the metric, but no series matches all of them"


@dataclass(frozen=True, slots=True)
class LiveFinding:
    """Something that a Prometheus holds otherwise than an SLO expects."""

    problem: str
    remedy: str
    code: str
    kind: type[Finding] = WarningFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFindings:
    """What Prometheus says about the documents, at the places of their SLOs and in their order."""

    errors: tuple[ErrorFinding, ...] = ()
    warnings: tuple[WarningFinding, ...] = ()
    hints: tuple[HintFinding, ...] = ()
    figures: tuple[tuple[Slo, LiveFigures | None], ...] = ()

    @classmethod
    def of(cls, findings: Sequence[Finding], figures: Sequence[tuple[Slo, LiveFigures | None]]) -> "LiveFindings":
        """The findings, sorted out."""
        return cls(
            figures=tuple(figures),
            errors=tuple(found for found in findings if isinstance(found, ErrorFinding)),
            warnings=tuple(found for found in findings if isinstance(found, WarningFinding)),
            hints=tuple(found for found in findings if isinstance(found, HintFinding)),
        )

    def joined(self, other: "LiveFindings") -> "LiveFindings":
        """These findings and those of another source."""
        return LiveFindings(
            errors=(*self.errors, *other.errors),
            warnings=(*self.warnings, *other.warnings),
            hints=(*self.hints, *other.hints),
            figures=(*self.figures, *other.figures),
        )


@dataclass(frozen=True, slots=True)
class Inspector:
    """Asks one Prometheus what it holds at one moment, at most *at_once* questions at a time.

    *named* is what it is called in findings and figures of SLOs that are counted from others too.
    """

    client: PrometheusClient
    at: datetime
    at_once: int = _AT_ONCE
    named: Mapping[SloId, str] = field(default_factory=dict)
    _seen: dict[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)

    async def findings(self, loaded: LoadResult, *, done: Callable[[SloId], None] = lambda _: None) -> LiveFindings:
        """Every finding about the SLOs, and their figures; *done* is called for each SLO."""
        retention = (await self.client.runtime_info(deadline=_FIRST_ANSWER_S)).retention
        gate = asyncio.Semaphore(min(self.at_once, _AT_ONCE))

        async def inspect(slo: Slo) -> tuple[list[LiveFinding], LiveFigures | None]:
            async with gate:
                found = [one async for one in self._live_findings(slo)]
                figures = None
                if not any(one.kind is ErrorFinding for one in found):
                    figures = await FiguresReader(self.client, self.at, _DEADLINE_S).read(slo)
                done(slo.id)
            if figures is not None:
                found += [LiveFinding(one.problem, one.remedy, one.code) for one in findings_of(slo, figures)]
            source = self.named.get(slo.id)
            if source is None:
                return found, figures
            found = [replace(one, problem=f"source {source}: {one.problem}") for one in found]
            return found, figures and replace(figures, source=source)

        inspected = list(zip(loaded.slos, await asyncio.gather(*map(inspect, loaded.slos)), strict=True))
        findings = [placed_finding(slo, one, loaded.places) for slo, (found, _) in inspected for one in found]
        figures = [(slo, of_slo) for slo, (_, of_slo) in inspected]
        return LiveFindings.of([*_short_retention(loaded, retention), *findings], figures)

    async def _live_findings(self, slo: Slo) -> AsyncIterator[LiveFinding]:
        if isinstance(slo.sli, TimeSlices):
            # What happens in the slices is looked at, as slices are not asked for by one query.
            slo = replace(slo, sli=slo.sli.of)
        evaluated = slo.sli.evaluated
        if evaluated is not None and evaluated.composition is not None:
            # Its components are SLOs, each looked at by itself.
            return
        looks = self._of_series(slo) if evaluated is None else self._of_expressions(slo, evaluated)
        async for found in looks:
            yield found

    async def _of_expressions(self, slo: Slo, evaluated: Evaluated) -> AsyncIterator[LiveFinding]:
        """Whether the expressions have values, one for each group, and what share of them is bad."""
        unmatched = [term for term in named_terms(slo.sli) if not await self._count(probe.series_count(term.selector))]
        for expression in (evaluated.value, evaluated.weight):
            if expression is None:
                continue
            try:
                answer = await self._ask(expression)
            except BadQueryError as error:
                yield LiveFinding(str(error), "correct the expression", ProblemCode.QUERY_REJECTED, ErrorFinding)
                return
            if not answer.labels:
                if not unmatched:
                    remedy = "try it in Prometheus; it may have none while nothing happens"
                    yield LiveFinding(f"{expression} has no value now", remedy, ProblemCode.NO_SERIES)
                break
            lacking = [label for label in slo.sli.by if any(label not in labels for labels in answer.labels)]
            if lacking:
                names = ", ".join(lacking)
                problem = f"{expression} has series without {names}"
                yield LiveFinding(problem, f"write sum by ({names}) (...)", "group_label_missing")
            if evaluated.weight is not None and len(answer.labels) > 1 and not slo.sli.by:
                problem = f"{expression} has {len(answer.labels)} series, and events are given for one"
                yield LiveFinding(problem, "aggregate it to one series, as by sum()", "weight_of_many", ErrorFinding)
        for term in unmatched:
            yield await self._of_no_series(slo, term)

    async def _of_series(self, slo: Slo) -> AsyncIterator[LiveFinding]:
        """Whether the series exist, are what they are taken for, and are scraped often enough."""
        wanted = _looks_back(slo)
        present = [await self._ask(probe.series_count(total)) for total in _totals(slo.sli)]
        past = await self._ask(probe.series_count(slo.sli.terms[0].selector), at=self.at - wanted)
        partial = next((matrix for matrix in (*present, past) if not matrix.whole), None)
        if partial is not None:
            yield LiveFinding(
                str(partial_data(partial.warnings, None)),
                "alerts do not resolve by such answers, and the status is unknown; where nothing is missing that "
                "matters, set SLOBURN_PROMETHEUS_PARTIAL=accept",
                ProblemCode.PARTIAL_DATA,
            )
        if not sum(sum(matrix.values) for matrix in present):
            native = [selector for selector in slo.sli.native if await self._count(probe.series_count(selector))]
            if native:
                async for found in self._of_native(slo, native):
                    yield found
                return
            yield await self._no_series(slo.sli.terms[0].selector)
            return
        kinds = [found async for found in self._of_kinds(slo)]
        wrong = next((found for found in kinds if found.kind is ErrorFinding), None)
        if wrong is not None:
            # Of a metric that is not counted other findings would only distract.
            yield wrong
            return
        for found in kinds:
            yield found
        for look in (self._of_terms, self._of_scrapes, self._of_groups):
            async for found in look(slo):
                yield found

    async def _of_native(self, slo: Slo, native: Sequence[Selector]) -> AsyncIterator[LiveFinding]:
        """Whether native histograms are what is taken for them, have the groups, and bounds at the thresholds."""
        for selector in native:
            series = (await self._ask(probe.sum_of(render(selector)))).histograms
            for bucket in slo.sli.buckets:
                bound = bound_of(bucket)
                if bound is None or native_of(bucket) != selector or not series:
                    continue
                bracket = newest_bracket(series[0], float(bound))
                if bracket is not None:
                    problem = f"{render(selector)} has no bound {bound_text(bucket)}: {bracket.said}"
                    remedy = f"write {bracket.lower:.10g} or {bracket.upper:.10g} to have it exact"
                    yield LiveFinding(problem, remedy, ProblemCode.THRESHOLD_INTERPOLATED, HintFinding)
        for label in slo.sli.by:
            lacking = sum([await self._count(probe.series_without(selector, label)) for selector in native])
            if lacking:
                yield _without_label(lacking, label)

    async def _of_kinds(self, slo: Slo) -> AsyncIterator[LiveFinding]:
        """Whether the metrics are what the SLI takes them for: counters of events, or gauges."""
        for selector in {name_of(term.selector): term.selector for term in slo.sli.terms}.values():
            verdict = await kind_of(selector, self.client, self.at, deadline=_DEADLINE_S)
            refusal = refusal_of(slo.sli, selector, verdict)
            if refusal is not None:
                yield LiveFinding(*refusal, wrong_type(slo.sli), ErrorFinding)
            elif not slo.sli.samples_are_events:
                for found in _unlike_events(name_of(selector), verdict.kind):
                    yield found

    async def _of_terms(self, slo: Slo) -> AsyncIterator[LiveFinding]:
        """Whether each selector matches, and what share of the events is bad."""
        sli = slo.sli
        lacking = [term for term in sli.terms if not await self._count(probe.series_count(term.selector))]
        if lacking and any([await self._count(probe.series_count(selector)) for selector in sli.native]):
            # What the classic histogram lacks is counted from the native one.
            return
        for term in lacking:
            yield await self._of_no_series(slo, term)
        if lacking:
            return
        for bucket in sli.buckets:
            larger = (term.selector for term in sli.terms if is_larger_bucket(term.selector, bucket))
            beside = next(larger, sli.terms[0].selector)
            missing = await self._count(probe.without_bucket(beside, bucket))
            if missing:
                problem = f"{missing} series of {render(beside)} have no bucket {bound_text(bucket)}"
                yield LiveFinding(problem, await self._existing_buckets(bucket), ProblemCode.BUCKET_MISSING)
        totals = _totals(sli)
        for part in (term.selector for term in sli.terms if not term.weights.total):
            same_metric = name_of(part) in map(name_of, totals) and part not in sli.buckets
            if same_metric and await self._count(probe.outside(part, totals)):
                problem = f"{render(part)} selects series that {' and '.join(map(render, totals))} does not select"
                yield LiveFinding(problem, "narrow it, or widen total", ProblemCode.OUTSIDE_TOTAL)
        bad = await self._bad_share(sli)
        if bad < -_TOO_GOOD:
            problem = f"good events are {1 - bad:.0%} of the total of the last day"
            remedy = "write a total that counts all good events"
            yield LiveFinding(problem, remedy, ProblemCode.GOOD_EXCEEDS_TOTAL)
        elif bad > _MOST_BAD:
            problem = f"{min(bad, 1.0):.0%} of the events of the last day are bad"
            yield LiveFinding(problem, "check whether good and bad are swapped", ProblemCode.MOSTLY_BAD, HintFinding)

    async def _bad_share(self, sli: Sli) -> float:
        """The share of bad events in the last day; 0 where there are none at all."""
        total, bad = await self._events_of_day(sli)
        return bad / total if total > 0 else 0.0

    async def _events_of_day(self, sli: Sli) -> tuple[float, float]:
        """All events of the last day, and the bad ones."""
        total = bad = 0.0
        for query, weights in sli.event_queries((), _DAY):
            events = float(sum((await self._ask(probe.sum_of(query))).values))
            total, bad = total + events * weights.total, bad + events * weights.bad
        return total, bad

    async def _is_established(self, sli: Sli) -> bool:
        """Whether the SLI has had traffic for hours, so that the running service would judge its selectors."""
        before, evaluated = self.at - timedelta(seconds=ESTABLISHED_S), sli.evaluated
        if evaluated is not None:
            # Each of its values is an event.
            return bool((await self._ask(evaluated.value, at=before)).labels)
        if not sum((await self._ask(probe.series_count(sli.terms[0].selector), at=before)).values):
            return False
        total, _ = await self._events_of_day(sli)
        return total >= ESTABLISHED_EVENTS

    async def _of_no_series(self, slo: Slo, term: Term) -> LiveFinding:
        """Why a term of the SLI selects no series."""
        selector = term.selector
        whole = probe.name_only(selector)
        if not await self._count(probe.series_count(whole)):
            return await self._no_series(whole)
        if selector in slo.sli.buckets:
            found = _no_bucket(selector, await self._bounds(selector))
            if found is not None:
                return found
        problem = f"no series match {render(selector)}"
        wanted = own_matchers(named_terms(slo.sli), term)
        why = await self._why_no_series(selector, wanted) or _NO_COMBINATION
        if term.events is Events.BAD:
            mistake = await self._misnamed(selector, wanted)
            if mistake is not None and await self._is_established(slo.sli):
                remedy = f"correct bad, unless it is exported with the first error only: {mistake}"
                return LiveFinding(problem, remedy, ProblemCode.BAD_NEVER_MATCHED)
            remedy = f"normal for a service without errors; otherwise: {why}"
            return LiveFinding(problem, remedy, ProblemCode.BAD_NEVER_MATCHED, HintFinding)
        if term.events is Events.GOOD:
            return LiveFinding(problem, why, ProblemCode.GOOD_NEVER_MATCHED)
        return LiveFinding(problem, why, ProblemCode.TERM_NEVER_MATCHED, HintFinding)

    async def _no_series(self, selector: Selector) -> LiveFinding:
        """That nothing matches, and which matcher no series of the metric fulfils."""
        problem = f"no series match {render(selector)}"
        name, whole = name_of(selector), probe.name_only(selector)
        if name is None:
            return LiveFinding(problem, "check the metric's name and its labels in Prometheus", ProblemCode.NO_SERIES)
        if not await self._count(probe.series_count(whole)):
            remedy = f"Prometheus has had no metric {name} in the last day: check its name, and whether it is scraped"
            return LiveFinding(problem, remedy, ProblemCode.NO_SERIES)
        why = await self._why_no_series(selector, selector.matchers)
        remedy = why or _NO_COMBINATION
        return LiveFinding(problem, remedy, ProblemCode.NO_SERIES)

    async def _why_no_series(self, selector: Selector, matchers: Iterable[Matcher]) -> str | None:
        """The first of the *matchers* that no series of the selector's metric fulfils, in words."""
        name, whole = name_of(selector), probe.name_only(selector)
        if name is None:
            return None
        wanted = [matcher for matcher in matchers if matcher.label != NAME]
        return why_none_matches(name, wanted, await self._series_seen(whole, wanted))

    async def _misnamed(self, selector: Selector, wanted: Iterable[Matcher]) -> str | None:
        """What a selector names that cannot be matched, as the running service finds it."""
        name, wanted = name_of(selector), [matcher for matcher in wanted if matcher.label != NAME]
        if name is None:
            return None
        seen = await self._series_seen(probe.name_only(selector), wanted)
        return misnamed(name, wanted, seen.labels, seen.values)

    async def _series_seen(self, whole: Selector, wanted: Iterable[Matcher]) -> SeriesSeen:
        """The labels of a metric, and the values of those that are *wanted*."""
        values = {matcher.label: await self._values(whole, matcher.label) for matcher in wanted}
        shown = {label for labels in await self._labels_of(probe.some_series(whole)) for label in labels}
        labels = shown | {label for label, found in values.items() if found}
        return SeriesSeen(labels=labels, values=values)

    async def _values(self, selector: Selector, label: str) -> set[str]:
        """The values of a label."""
        found = await self._labels_of(probe.label_values(selector, label))
        return {labels[label] for labels in found if labels.get(label)}

    async def _labels_of(self, query: str) -> Sequence[Mapping[str, str]]:
        """The labels of each series that a query has; a thousand SLOs over one metric ask once."""
        if query not in self._seen:
            self._seen[query] = (await self._ask(query)).labels
        return self._seen[query]

    async def _existing_buckets(self, bucket: Selector) -> str:
        bounds = _finite(await self._bounds(bucket))
        return f"write one of {', '.join(bounds)}" if bounds else ""

    async def _bounds(self, bucket: Selector) -> tuple[str, ...]:
        """The bounds of the histogram's buckets."""
        found = (await self._ask(probe.bucket_bounds(bucket))).labels
        return probe.sorted_bounds(labels.get(BUCKET, "") for labels in found)

    async def _of_scrapes(self, slo: Slo) -> AsyncIterator[LiveFinding]:
        """Whether the short windows of the alerts hold two scrapes."""
        scraped = (await self._ask(probe.scraped_series(slo.sli.terms[0].selector))).labels
        if not scraped:
            return
        samples = await self._ask(probe.samples_of(slo.sli.terms[0].selector, scraped[0]))
        every_s = scraped_every_s(samples)
        if every_s is None:
            return
        widened = with_windows_of_at_least(slo, timedelta(seconds=float(shortest_windows_s(np.array([every_s]))[0])))
        if widened != slo:
            pairs = zip(slo.alerting.policies, widened.alerting.policies, strict=True)
            tiers = [tier for before, after in pairs for tier in after.rules if tier not in before.rules]
            names = ", ".join(dict.fromkeys(tier.name for tier in tiers))
            problem = f"{slo.sli.query} is scraped every {every_s:.0f} s: its short windows hold too few samples"
            remedy = f"scrape more often; until then its alerts are judged by {names}"
            yield LiveFinding(problem, remedy, ProblemCode.SCRAPED_SELDOM)

    async def _of_groups(self, slo: Slo) -> AsyncIterator[LiveFinding]:
        for label in slo.sli.by:
            lacking = sum([await self._count(probe.series_without(total, label)) for total in _totals(slo.sli)])
            if lacking:
                yield _without_label(lacking, label)

    async def _count(self, expr: str) -> int:
        return int(sum((await self._ask(expr)).values))

    async def _ask(self, expr: str, *, at: datetime | None = None) -> Matrix:
        return await self.client.instant(expr, at or self.at, deadline=_DEADLINE_S)


def _unlike_events(name: str | None, kind: MetricKind) -> Iterator[LiveFinding]:
    """Whether a counter does not look like one, or does not count events."""
    if kind is MetricKind.UNKNOWN and name is not None and not looks_like_counter(name):
        yield LiveFinding(*unlike_a_counter(name, asked=True), COUNTER_NAME)
    if name is not None and name.endswith("_sum"):
        count = f"{name.removesuffix('_sum')}_count"
        problem = f"{name} adds up what was measured, not events"
        yield LiveFinding(problem, f"write {count}", "sum_of_values", HintFinding)


def _without_label(lacking: int, label: str) -> LiveFinding:
    problem = f"{lacking} series of total have no label {label}"
    return LiveFinding(problem, "group by a label that all series have", "group_label_missing")


def _totals(sli: Sli) -> tuple[Selector, ...]:
    """The selectors of all events, each once."""
    return tuple(dict.fromkeys(term.selector for term in sli.terms if term.weights.total > 0))


def _finite(bounds: Sequence[str]) -> list[str]:
    """The bounds that may be thresholds: in the last bucket, +Inf, every event would be good."""
    return [bound for bound in bounds if np.isfinite(float(bound))]


def _no_bucket(selector: Selector, bounds: Sequence[str]) -> LiveFinding | None:
    """That a histogram has no bucket at the threshold, and between which of its buckets that is."""
    threshold = bound_of(selector)
    if not bounds or threshold is None:
        return None
    problem = f"{render(probe.without(selector, BUCKET))} has no bucket {bound_text(selector)}"
    below = [bound for bound in bounds if float(bound) < threshold]
    above = [bound for bound in bounds if float(bound) > threshold]
    finite = _finite(bounds)
    other = next((bound for bound in finite if Decimal(bound) == threshold), None)
    if other is not None:
        spelled = probe.without(selector, BUCKET).with_matchers(Matcher(BUCKET, MatchOp.EQUAL, other))
        remedy = f'it is written le="{other}" there: write total: and good: {render(spelled)}, without threshold:'
        return LiveFinding(problem, remedy, ProblemCode.BUCKET_MISSING)
    if not below or not finite:
        return LiveFinding(problem, f"write one of {', '.join(finite or bounds)}", ProblemCode.BUCKET_MISSING)
    if below[-1] == finite[-1]:
        remedy = f"write {', '.join(finite)}, in the unit of the histogram (300ms is 0.3 where that is seconds)"
        return LiveFinding(
            f"{problem}: its largest is at {finite[-1]}", remedy, ProblemCode.BUCKET_MISSING, ErrorFinding
        )
    problem += f": it is between those at {below[-1]} and {above[0]}"
    between = f"interpolate: [{below[-1]}, {above[0]}]"
    remedy = (
        f"write {below[-1]} or {above[0]}, or {between} for a share of what lies between; "
        f"the buckets are at {', '.join(finite)}"
    )
    return LiveFinding(problem, remedy, ProblemCode.BUCKET_MISSING, ErrorFinding)


def _looks_back(slo: Slo) -> timedelta:
    return max(slo.window.longest, slo.longest_alert_window)


def _short_retention(loaded: LoadResult, retention: timedelta | None) -> list[Finding]:
    """One hint for all SLOs that look back further than Prometheus keeps samples, at the place of the first."""
    affected = [slo for slo in loaded.slos if retention is not None and retention < _looks_back(slo)]
    if retention is None or not affected:
        return []
    longest = format_duration(max(_looks_back(slo) for slo in affected))
    who = "the SLO looks back" if len(affected) == 1 else f"{len(affected)} SLOs look back up to"
    found = LiveFinding(
        f"Prometheus keeps samples for {format_duration(retention)}, {who} {longest}",
        "the first budgets cover what Prometheus has; they cover the whole window once Sloburn has run for as long",
        "short_retention",
        # Nothing in a document can change it, so a check of documents does not fail for it, not even a strict one.
        HintFinding,
    )
    return [placed_finding(affected[0], found, loaded.places)]


def placed_finding(slo: Slo, found: LiveFinding, places: Mapping[SloId, Place]) -> Finding:
    """The finding at the place of its SLO."""
    place = places[slo.id]
    return found.kind(
        file=place.file,
        line=place.line,
        column=place.column,
        field="",
        problem=found.problem,
        remedy=found.remedy,
        code=found.code,
        subject=slo.id,
    )
