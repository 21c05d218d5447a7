"""Suggestions for series that a test holds."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app.promql.selector_text import parse_selector
from app.slo import Matcher
from app.suggestions import MetricExplorer, Proposal, Suggestions, slo_keys, suggest_slos
from tests.suggestions.memory import AT, MemoryExplorer, Series

WINDOW = timedelta(days=30)


class Counted:
    """Counts queries over history."""

    def __init__(self) -> None:
        self.planned_queries = 0
        self.answered = 0

    def planned(self, queries: int) -> None:
        self.planned_queries += queries

    def advanced(self) -> None:
        self.answered += 1


def suggestions(
    source: MetricExplorer | Sequence[Series],
    *,
    days: int = 3,
    selector: str | None = None,
    services: int = 10,
    progress: Counted | None = None,
    at: datetime = AT,
) -> Suggestions:
    """What is suggested at a time."""
    scope: tuple[Matcher, ...] = () if selector is None else parse_selector(selector).matchers
    explorer = MemoryExplorer(source) if isinstance(source, Sequence) else source
    return asyncio.run(
        suggest_slos(
            explorer,
            at=at,
            days=days,
            window=WINDOW,
            scope=scope,
            most_services=services,
            progress=progress or Counted(),
        )
    )


def proposals(found: Suggestions) -> dict[str, Proposal]:
    """The proposals that are no alternatives, by id."""
    return {one.id: one for service in found.services for one in service.proposals if not one.doubt}


def alternatives(found: Suggestions) -> dict[str, Proposal]:
    """The proposals that are only alternatives, by id."""
    return {one.id: one for service in found.services for one in service.proposals if one.doubt}


def slis(found: Suggestions) -> dict[str, Any]:
    """What is written below `sli` of each proposal, by id."""
    return {slo: slo_keys(one, WINDOW)["sli"] for slo, one in proposals(found).items()}
