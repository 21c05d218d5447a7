"""What a Prometheus says about documents: whether their series exist, and for how long it keeps them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.prometheus import Matrix, PrometheusClient, partial_data
from app.promql.probe import BUCKET, bucket_bounds, name_only, series_count, series_without, without
from app.promql.selector_text import render
from app.slo import BadSli, Selector, Slo, SloId, format_duration
from app.spec import LoadResult, Place, SpecWarning

_AT_ONCE = 8
_FIRST_ANSWER_S = 5.0
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that a Prometheus holds otherwise than an SLO expects."""

    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Inspector:
    """Asks one Prometheus what it holds at one moment."""

    client: PrometheusClient
    at: datetime

    async def warnings(self, loaded: LoadResult) -> list[SpecWarning]:
        """Every doubt about the SLOs, at the place of the SLO, in the order of the documents."""
        retention = (await self.client.runtime_info(deadline=_FIRST_ANSWER_S)).retention
        gate = asyncio.Semaphore(_AT_ONCE)

        async def inspect(slo: Slo) -> list[Doubt]:
            async with gate:
                return [doubt async for doubt in self._doubts(slo, retention)]

        found = await asyncio.gather(*map(inspect, loaded.slos))
        pairs = zip(loaded.slos, found, strict=True)
        return [_warning(slo, doubt, loaded.places) for slo, doubts in pairs for doubt in doubts]

    async def _doubts(self, slo: Slo, retention: timedelta | None) -> AsyncIterator[Doubt]:
        wanted = max(slo.window.longest, slo.longest_alert_window)
        if retention is not None and retention < wanted:
            kept, needed = format_duration(retention), format_duration(wanted)
            yield Doubt(
                f"Prometheus keeps samples for {kept}, the SLO looks back {needed}",
                "expect a whole window only once Sloburn has watched for as long",
            )
        present = await self._ask(series_count(slo.sli.total))
        past = await self._ask(series_count(slo.sli.total), at=self.at - wanted)
        partial = next((matrix for matrix in (present, past) if not matrix.whole), None)
        if partial is not None:
            yield Doubt(
                str(partial_data(partial.warnings, None)),
                "alerts do not resolve and history is not read by such answers; where nothing is missing that "
                "matters, set SLOBURN_PROMETHEUS_PARTIAL=accept",
            )
        if not sum(present.values):
            yield _no_series(slo.sli.total)
            return
        async for doubt in self._doubts_of_part(slo):
            yield doubt
        for label in slo.sli.by:
            lacking = await self._count(series_without(slo.sli.total, label))
            if lacking:
                yield Doubt(f"{lacking} series of total have no label {label}", "group by a label that all series have")

    async def _doubts_of_part(self, slo: Slo) -> AsyncIterator[Doubt]:
        if isinstance(slo.sli, BadSli):
            # No series of bad events may simply mean that nothing has failed; a name that nobody knows is a mistake.
            known = await self._count(series_count(name_only(slo.sli.bad)))
            if not known:
                yield _no_series(name_only(slo.sli.bad))
        elif not await self._count(series_count(slo.sli.good)):
            yield await self._no_good_series(slo.sli.good)

    async def _no_good_series(self, good: Selector) -> Doubt:
        if any(matcher.label == BUCKET for matcher in good.matchers):
            bounds = [labels.get(BUCKET, "") for labels in (await self._ask(bucket_bounds(good))).labels]
            if bounds:
                known = ", ".join(sorted(bounds, key=float))
                return Doubt(f"{render(without(good, BUCKET))} has no bucket at the threshold", f"write one of {known}")
        return _no_series(good)

    async def _count(self, expr: str) -> int:
        return int(sum((await self._ask(expr)).values))

    async def _ask(self, expr: str, *, at: datetime | None = None) -> Matrix:
        return await self.client.instant(expr, at or self.at, deadline=_DEADLINE_S)


def _no_series(selector: Selector) -> Doubt:
    return Doubt(f"no series match {render(selector)}", "check the metric's name and its labels in Prometheus")


def _warning(slo: Slo, doubt: Doubt, places: Mapping[SloId, Place]) -> SpecWarning:
    place = places[slo.id]
    return SpecWarning(
        file=place.file,
        line=place.line,
        column=place.column,
        field="",
        problem=f"{slo.id}: {doubt.problem}",
        remedy=doubt.remedy,
    )
