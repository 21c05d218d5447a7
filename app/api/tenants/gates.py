"""The gate and backtests, as those who ask see them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from app.access import seen_tenants
from app.api.tenants.reading import are_seen, is_about_reader, is_seen, only_seen, tenant_for, whole_name
from app.gate import ExceptionRequest, Gate, GateAnswer, GateCaller, subject_of
from app.policy import BudgetPolicy, GateException, GateQuestion, GateVerdict, StateOfSlo
from app.replay import BacktestJob, BacktestJobs, BacktestPlan
from app.slo import in_tenant
from app.status import Board, Snapshot
from app.store.gate import DecisionFilter, DecisionRecord
from app.store.policies import PolicyChange


class SeenGate(Gate):
    """Answers about SLOs of the tenants of who asks, who may call services and SLOs by their names in the tenant.

    It has nothing but what is here: of what the gate does otherwise, nothing can be called.
    """

    def __init__(self, gate: Gate, board: Board) -> None:
        self._gate = gate
        self.board = board
        self.clock = gate.clock

    @property
    @override
    def policies(self) -> Sequence[BudgetPolicy]:
        return only_seen(self._gate.policies, lambda policy: is_seen(policy.name))

    @override
    def ask(self, question: GateQuestion, *, caller: GateCaller, tenants: object = None, about: str = "") -> GateAnswer:
        seen = seen_tenants()
        about = "" if seen is None else subject_of([in_tenant(tenant, "*") for tenant in sorted(seen)])
        return self._gate.ask(_whole(question), caller=caller, tenants=seen, about=about)

    @override
    def verdict(self, question: GateQuestion, *, at: datetime, tenants: object = None) -> GateVerdict:
        return self._gate.verdict(_whole(question), at=at, tenants=seen_tenants())

    @override
    def current_states(self) -> Sequence[tuple[Snapshot, BudgetPolicy, StateOfSlo | None]]:
        return only_seen(self._gate.current_states(), lambda one: is_seen(one[0].id))

    @override
    def active_exceptions(self, at: datetime) -> Sequence[GateException]:
        return only_seen(self._gate.active_exceptions(at), _is_of_reader)

    @override
    def exceptions(self) -> Sequence[GateException]:
        return only_seen(self._gate.exceptions(), _is_of_reader)

    @override
    def add_exception(self, wanted: ExceptionRequest) -> GateException:
        services, slos = (tuple(map(whole_name, names)) for names in (wanted.services, wanted.slos))
        tenant = tenant_for([*services, *slos])
        return self._gate.add_exception(replace(wanted, services=services, slos=slos, tenant=tenant))

    @override
    def end_exception(self, id_: str, *, by: str) -> GateException | None:
        known = any(one.id == id_ for one in self.exceptions())
        return self._gate.end_exception(id_, by=by) if known else None

    @override
    def decisions(
        self, wanted: DecisionFilter, *, limit: int, before: int | None = None
    ) -> Sequence[tuple[int, DecisionRecord]]:
        return self._gate.decisions(replace(wanted, tenants=seen_tenants()), limit=limit, before=before)

    @override
    def changes(
        self,
        *,
        services: Sequence[str],
        slos: Sequence[str],
        limit: int,
        before_id: int | None = None,
        tenants: object = None,
    ) -> Sequence[tuple[int, PolicyChange]]:
        return self._gate.changes(
            services=services, slos=slos, limit=limit, before_id=before_id, tenants=seen_tenants()
        )


class SeenBacktestJobs(BacktestJobs):
    """The backtests of SLOs of the tenants of who asks."""

    def __init__(self, jobs: BacktestJobs) -> None:
        self.whole = jobs

    @override
    def add(self, plan: BacktestPlan) -> BacktestJob:
        return self.whole.add(plan)

    @override
    def find(self, job: str) -> BacktestJob | None:
        found = self.whole.find(job)
        return found if found is not None and _are_of_reader(found) else None

    @override
    def listed(self) -> tuple[BacktestJob, ...]:
        return tuple(only_seen(self.whole.listed(), _are_of_reader))

    @override
    def remove(self, job: str) -> bool:
        return self.find(job) is not None and self.whole.remove(job)

    @override
    def close(self) -> None:
        # The service stops: there is no reader, and all of them end.
        self.whole.close()


def _are_of_reader(job: BacktestJob) -> bool:
    return are_seen(str(slo.id) for slo in job.plan.slos)


def _is_of_reader(exception: GateException) -> bool:
    return is_about_reader(exception.tenant, (*exception.services, *exception.slos))


def _whole(question: GateQuestion) -> GateQuestion:
    service = whole_name(question.service) if question.service else ""
    return replace(question, service=service, slos=tuple(map(whole_name, question.slos)))
