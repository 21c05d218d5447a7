"""What is proposed for each service: SLIs with objectives, and the figures behind them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.suggestions.discovery import REFUSED, Discovery, ServiceMetric
from app.suggestions.history import HistoryReader, Values
from app.suggestions.instrumentations import Signal
from app.suggestions.objectives import (
    LEAST_EVENTS,
    Basis,
    DailyCounts,
    DayFigures,
    ProposedObjective,
    day_figures,
    propose,
)
from app.suggestions.ports import MetricExplorer
from app.suggestions.slis import Candidate, CountedEvents, FastEvents, ValueWithin, candidates_of
from app.suggestions.thresholds import BucketCounts, latency_threshold, lower_bound, upper_bound

# A quarter of an hour without requests each day is a service that sleeps: a bound would burn its budget every night.
_MOST_SILENCE = 0.01
_LEAST_VALUES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """The last day of an SLO for each value of *label*: how many *met* the objective, and the *least* share of good."""

    label: str
    met: int
    known: int
    least: float
    least_value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One SLO that a service could have.

    Attributes:
        candidate: what is counted.
        bound: the threshold of a latency, or the bound of a value; None where there is none.
        others: other thresholds, with the share of events within them.
        percentiles: of a latency, each as a bound of a bucket; None above the largest.
        counts: by day; None where history could not be read.
        days: what days were like.
        groups: what the last day was like, by labels that it may be grouped by.
        objective: what is proposed.
        doubt: why it is only an alternative; empty otherwise.
    """

    candidate: Candidate
    objective: ProposedObjective
    days: DayFigures
    counts: DailyCounts
    bound: float | None = None
    others: tuple[tuple[float, float], ...] = ()
    percentiles: tuple[tuple[float, float | None], ...] = ()
    groups: tuple[GroupFigures, ...] = ()
    doubt: str = ""

    @property
    def id(self) -> str:
        """The service and the name."""
        return f"{self.candidate.service}-{self.candidate.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProposals:
    """The SLOs of one service, and what none can be made of.

    *instrumentations* are names with where they are documented; *cautions* say why figures may be wrong.
    """

    service: str
    instrumentations: tuple[tuple[str, str], ...]
    proposals: tuple[Proposal, ...]
    remarks: tuple[str, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """All that is proposed, from *days* days before *at*; *window* is that of the SLOs.

    *left_out* are services beyond the bound, *unreadable* says which metrics could not be looked at and why, *jobs*
    are those of the server where nothing was recognised; *source* is what the documents name as theirs.
    """

    at: datetime
    days: int
    window: timedelta
    services: tuple[ServiceProposals, ...]
    left_out: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposer:
    """Turns what was discovered into proposals, from *days* days of history before *at*."""

    source: MetricExplorer
    at: datetime
    days: int
    window: timedelta
    planned: Callable[[int], None]
    advanced: Callable[[], None]

    async def suggestions(self, discovery: Discovery) -> Suggestions:
        """The proposals for all services.

        Raises:
            PrometheusError: it does not answer.
        """
        services = await asyncio.gather(
            *(self._of_service(name, metrics) for name, metrics in discovery.services.items())
        )
        return Suggestions(
            at=self.at,
            days=self.days,
            window=self.window,
            services=tuple(services),
            left_out=discovery.left_out,
            unreadable=discovery.unreadable,
        )

    async def _of_service(self, service: str, metrics: Sequence[ServiceMetric]) -> ServiceProposals:
        found = candidates_of(metrics)
        reader = HistoryReader(
            source=self.source, at=self.at, days=self.days, planned=self.planned, advanced=self.advanced
        )
        series = max(metric.series for metric in metrics)
        proposals = await asyncio.gather(*(self._of_candidate(one, reader, series) for one in found.candidates))
        return ServiceProposals(
            service=service,
            instrumentations=tuple(dict.fromkeys((metric.entry.name, metric.entry.source) for metric in metrics)),
            proposals=tuple(sorted(proposals, key=_order)),
            remarks=found.remarks,
            cautions=tuple(sorted(reader.warnings)),
        )

    async def _of_candidate(self, candidate: Candidate, reader: HistoryReader, series: int) -> Proposal:
        try:
            history = await reader.of(candidate.sli, series)
        except REFUSED as error:
            return self._proposal(candidate, reader.no_counts, doubt=f"its history cannot be read: {error}")
        if isinstance(history, Values):
            return self._with_bound(candidate, history, reader)
        if isinstance(history, BucketCounts):
            proposal = self._with_threshold(candidate, history)
        else:
            proposal = self._proposal(candidate, history)
        return replace(proposal, groups=tuple(await self._groups(proposal, reader)))

    async def _groups(self, proposal: Proposal, reader: HistoryReader) -> list[GroupFigures]:
        """What the SLO would have been for each value of a label, on the last day."""
        sli, found = proposal.candidate.sli, list[GroupFigures]()
        if proposal.doubt:
            return found
        for label, _ in proposal.candidate.groups:
            try:
                if isinstance(sli, CountedEvents):
                    counts = await reader.by_group(sli, label)
                elif isinstance(sli, FastEvents) and proposal.bound is not None:
                    counts = await reader.slow_by_group(sli, proposal.bound, label)
                else:
                    break
            except REFUSED:
                continue
            # Of fewer events a share says nothing of an objective.
            shares = {
                value: 1.0 - max(bad, 0.0) / total for value, (total, bad) in counts.items() if total >= LEAST_EVENTS
            }
            if shares:
                least = min(shares, key=lambda value: (shares[value], value))
                met = sum(share >= proposal.objective.objective for share in shares.values())
                found.append(
                    GroupFigures(label=label, met=met, known=len(shares), least=shares[least], least_value=least)
                )
        return found

    def _with_threshold(self, candidate: Candidate, buckets: BucketCounts) -> Proposal:
        found = latency_threshold(buckets)
        events = buckets.all_events.events
        doubt = ""
        if events < LEAST_EVENTS:
            doubt = f"{events:,.0f} events in {self.days} days are too few for an objective of latency"
        elif found is not None and not found.is_kept:
            share = f"{found.counts.ratio:.3%}"
            doubt = f"its largest bucket has only {share} of the events: give the histogram larger ones"
        if found is None:
            return self._proposal(candidate, buckets.all_events, doubt=doubt or "its buckets have no bounds")
        return replace(
            self._proposal(candidate, found.counts, doubt=doubt),
            bound=found.bound,
            others=found.others,
            percentiles=buckets.percentiles(),
        )

    def _with_bound(self, candidate: Candidate, values: Values, reader: HistoryReader) -> Proposal:
        sli, doubt = candidate.sli, ""
        if not isinstance(sli, ValueWithin) or len(values.values) < _LEAST_VALUES:
            return self._proposal(candidate, reader.no_counts, doubt="it has values for less than an hour")
        if sli.at_least:
            silent = float((values.values <= 0).mean())
            if silent > _MOST_SILENCE:
                doubt = f"there were no requests in {silent:.0%} of the time"
            bound = lower_bound(values.values[values.values > 0]) if silent < 1 else 0.0
        else:
            bound = upper_bound(values.values, sli.bounds)
        counts = values.counts(bound, at_least=sli.at_least)
        return replace(self._proposal(candidate, counts, doubt=doubt), bound=bound)

    def _proposal(self, candidate: Candidate, counts: DailyCounts, *, doubt: str = "") -> Proposal:
        objective = propose(counts, window=self.window)
        if objective.basis is Basis.MOSTLY_BAD:
            doubt = f"{1 - counts.ratio:.0%} of the events were bad: check what counts as bad"
        return Proposal(
            candidate=candidate,
            objective=objective,
            days=day_figures(counts),
            counts=counts,
            doubt=candidate.doubt or doubt,
        )


def _order(proposal: Proposal) -> tuple[bool, int]:
    """Alternatives last; signals in the order in which people read them."""
    return bool(proposal.doubt), list(Signal).index(proposal.candidate.signal)
