"""What a service that counts in intervals holds, and whether the documents expect it: `sloburn check --live`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.cli.live import LiveFinding, LiveFindings, placed_finding
from app.cli.live_figures import LiveFigures
from app.count_sources import CountClient
from app.documents import LoadResult
from app.prometheus import BadQueryError, Matrix
from app.slo import CountQueries, Events, SliKind, Slo, SloId
from app.status import ProblemCode
from app.yamldoc import ErrorFinding, HintFinding

# A day of counts is some hundred values, of a service that is asked once and by someone who waits.
_DEADLINE_S = 30.0
_DAY = timedelta(days=1)
# What came last may not be there yet.
_NOT_YET = timedelta(minutes=5)
# With more bad events than good ones, the two may have been swapped.
_MOST_BAD = 0.5


@dataclass(frozen=True, slots=True)
class CountInspector:
    """Asks one service for the events of the last day; *named* is its name for SLOs of several sources."""

    client: CountClient
    at: datetime
    named: Mapping[SloId, str] = field(default_factory=dict)

    async def findings(self, loaded: LoadResult, *, done: Callable[[SloId], None] = lambda _: None) -> LiveFindings:
        """Every finding about the SLOs, and their figures; *done* is called for each SLO.

        Raises:
            PrometheusError: the service does not answer.
        """
        inspected = await asyncio.gather(*(self._inspect(slo, done) for slo in loaded.slos))
        findings = [
            placed_finding(slo, one, loaded.places)
            for slo, (found, _) in zip(loaded.slos, inspected, strict=True)
            for one in found
        ]
        figures = [(slo, of_slo) for slo, (_, of_slo) in zip(loaded.slos, inspected, strict=True)]
        return LiveFindings.of(findings, figures)

    async def _inspect(self, slo: Slo, done: Callable[[SloId], None]) -> tuple[list[LiveFinding], LiveFigures | None]:
        evaluated = slo.sli.evaluated
        if evaluated is None or evaluated.counts is None or evaluated.every is None:
            raise ValueError(f"{slo.id} is not counted in intervals")
        queries = (evaluated.counts.total, evaluated.counts.part)
        try:
            # At once, so that they share a request of the limit.
            total, part = await asyncio.gather(*(self._of_day(query, evaluated.every) for query in queries))
        except BadQueryError as error:
            refused = LiveFinding(str(error), "correct the query", ProblemCode.QUERY_REJECTED, ErrorFinding)
            done(slo.id)
            return [refused], None
        done(slo.id)
        return _findings(slo, evaluated.counts, total, part), self._figures(slo, evaluated.counts, total, part)

    async def _of_day(self, query: str, every: timedelta) -> Matrix:
        step_s = every.total_seconds()
        end = datetime.fromtimestamp((self.at - _NOT_YET).timestamp() // step_s * step_s, UTC)
        return await self.client.range(query, end - _DAY + every, end, every, deadline=_DEADLINE_S)

    def _figures(self, slo: Slo, counts: CountQueries, total: Matrix, part: Matrix) -> LiveFigures | None:
        if not len(total):
            return None
        bad = _bad_share(counts.shares, total, part)
        return LiveFigures(
            slo=slo.id,
            metrics=str(SliKind.INTERVAL_COUNTS),
            series=len(total),
            groups=len(total) if slo.sli.by else None,
            events_a_day=float(total.values.sum()),
            sli=None if bad is None else 1.0 - bad,
            source=self.named.get(slo.id),
        )


def _findings(slo: Slo, counts: CountQueries, total: Matrix, part: Matrix) -> list[LiveFinding]:
    if not total.values.sum():
        problem = f"{counts.total} has counted no events in the last day"
        remedy = "try it in the service: its names may be others, or the keys may not read it"
        return [LiveFinding(problem, remedy, ProblemCode.NO_SERIES)]
    found = []
    lacking = [label for label in slo.sli.by if any(label not in labels for labels in total.labels)]
    if lacking:
        names = ", ".join(lacking)
        found.append(LiveFinding(f"some groups have no {names}", "correct by:", "group_label_missing"))
    bad = _bad_share(counts.shares, total, part)
    if bad is not None and bad < 0:
        problem = "good events of the last day are more than all events"
        remedy = "write a total that counts all good events"
        found.append(LiveFinding(problem, remedy, ProblemCode.GOOD_EXCEEDS_TOTAL))
    elif bad is not None and bad > _MOST_BAD:
        problem = f"{min(bad, 1.0):.0%} of the events of the last day are bad"
        found.append(
            LiveFinding(problem, "check whether good and bad are swapped", ProblemCode.MOSTLY_BAD, HintFinding)
        )
    return found


def _bad_share(shares: Events, total: Matrix, part: Matrix) -> float | None:
    events, of_part = float(total.values.sum()), float(part.values.sum())
    if events <= 0:
        return None
    return 1.0 - of_part / events if shares is Events.GOOD else of_part / events
