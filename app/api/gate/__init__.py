"""The deploy gate over HTTP: its answers, the hook of Flagger, exceptions, the log of decisions, policies.

Start at `routes.py`; `models.py` and `documents.py` are the JSON.
"""

from fastapi import APIRouter

from app.api.gate.canary import canary_routes
from app.api.gate.exceptions import exception_routes
from app.api.gate.policies import policy_routes
from app.api.gate.routes import flagger_routes, gate_log_routes, gate_routes
from app.gate import Gate
from app.status import Contributors, IncidentLog

__all__ = ["all_gate_routes"]


def all_gate_routes(gate: Gate, incidents: IncidentLog, contributors: Contributors, *, external_url: str) -> APIRouter:
    """Every route of the gate and of policies."""
    router = APIRouter()
    router.include_router(gate_routes(gate, external_url=external_url))
    router.include_router(flagger_routes(gate))
    router.include_router(gate_log_routes(gate))
    router.include_router(exception_routes(gate, clock=gate.clock))
    router.include_router(policy_routes(gate, incidents, clock=gate.clock))
    router.include_router(canary_routes(gate.board, contributors, clock=gate.clock))
    return router
