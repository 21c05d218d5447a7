"""From a Prometheus to suggestions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.slo import Matcher
from app.suggestions.discovery import DEADLINE_S, Explorer
from app.suggestions.ports import MetricExplorer
from app.suggestions.proposals import Proposer, Suggestions


class HistoryProgress(Protocol):
    """Receives the progress of reading history."""

    def planned(self, queries: int) -> None:
        """So many more queries over history are to be asked."""
        ...

    def advanced(self) -> None:
        """One of them has been answered."""
        ...


async def suggest_slos(
    source: MetricExplorer,
    *,
    at: datetime,
    days: int,
    window: timedelta,
    scope: Sequence[Matcher] = (),
    most_services: int,
    progress: HistoryProgress,
) -> Suggestions:
    """SLOs for the services whose series *scope* matches, from *days* days of history before *at*.

    Raises:
        PrometheusError: the server does not answer.
    """
    since = at - timedelta(days=days)
    discovery = await Explorer(source=source, at=at, since=since, scope=tuple(scope)).discover(
        most_services=most_services
    )
    proposer = Proposer(
        source=source, at=at, days=days, window=window, planned=progress.planned, advanced=progress.advanced
    )
    found = await proposer.suggestions(discovery)
    if found.services or not scope:
        return found
    return replace(found, jobs=await source.label_values("job", None, since, at, deadline=DEADLINE_S))
