"""The application's ports, as its readers see them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.access import seen_tenants
from app.api.data import ApiData
from app.api.tenants.boards import SeenBoard
from app.api.tenants.gates import SeenBacktestJobs, SeenGate
from app.api.tenants.logs import SeenAdjustments, SeenAlerts, SeenChanges, SeenIncidents
from app.api.tenants.past import SeenContributors, SeenHistory, SeenPasts, SeenReports
from app.api.tenants.service import (
    SeenAudit,
    SeenConfig,
    SeenDeliveries,
    SeenExposition,
    SeenReadiness,
    SeenReloader,
    SeenSources,
)

_T = TypeVar("_T")
SAME_FOR_ALL = frozenset(
    {"access", "alertmanager_url", "build", "external_url", "refused", "report_link_secret", "turn"}
)
"""What belongs to no tenant, and names none."""


def seen_by_readers(data: ApiData) -> ApiData:
    """The same, of which each request gets at what belongs to the tenants of who sends it, and at nothing else."""
    if isinstance(data.board, SeenBoard):
        return data
    board, incidents = SeenBoard(data.board), SeenIncidents(data.incidents)
    tenants = data.access.tenants
    jobs = SeenBacktestJobs(data.backtests.jobs)
    return replace(
        data,
        board=board,
        history=SeenHistory(data.history),
        pasts=SeenPasts(data.pasts),
        contributors=SeenContributors(data.contributors),
        reports=SeenReports(data.reports),
        alerts=SeenAlerts(data.alerts),
        incidents=incidents,
        deliveries=SeenDeliveries(data.deliveries, tenants),
        timeline=replace(
            data.timeline, log=SeenChanges(data.timeline.log), adjustments=SeenAdjustments(data.timeline.adjustments)
        ),
        backtests=replace(data.backtests, board=board, incidents=incidents, jobs=jobs),
        gate=SeenGate(data.gate, board),
        readiness=SeenReadiness(data.readiness),
        reloader=SeenReloader(data.reloader),
        config=SeenConfig(data.config),
        metrics=SeenExposition(data.metrics),
        audit=SeenAudit(data.audit),
        stream=data.stream.through(board),
        remote_write=_none_for_tenants(data.remote_write),
        sources=SeenSources(data.sources, tenants),
    )


def _none_for_tenants(given: Callable[[], Sequence[_T]]) -> Callable[[], Sequence[_T]]:
    return lambda: given() if seen_tenants() is None else ()
