"""What the gate knows as JSON values; NaN stays NaN here and is written as null."""

from collections.abc import Mapping
from datetime import datetime

from app.api.gate.models import (
    DecisionModel,
    ExceptionModel,
    GateDataModel,
    GateModel,
    GateSloModel,
    PolicyDocument,
    PostmortemDueModel,
)
from app.api.incidents.documents import postmortem_document
from app.api.responses import utc
from app.gate import GateAnswer
from app.policy import BudgetPolicy, GateException, PostmortemDue, SloVerdict
from app.store.gate import DecisionRecord
from app.wording.links import page_of

# A pipeline prints the answer: of thousands of SLOs the number is enough.
_MOST_SLOS = 50


def gate_document(answer: GateAnswer, *, external_url: str, unknown_passes: bool) -> GateModel:
    """An answer of the gate."""
    verdict, question = answer.verdict, answer.verdict.question
    data = GateDataModel(
        ok=is_ok(answer, unknown_passes=unknown_passes),
        decision=verdict.decision,
        reason=verdict.reason,
        budget_remaining=verdict.budget_remaining,
        policy=verdict.policy,
        owners=list(verdict.slos[0].policy.owners) if verdict.slos else [],
        until=utc(verdict.until),
        exception=None if verdict.exception is None else verdict.exception.id,
        service=question.service,
        environment=question.environment,
        change=question.change,
        id=answer.id,
        at=utc(answer.at),
        slos=[_of_slo(one, external_url) for one in verdict.slos[:_MOST_SLOS]],
        slos_total=len(verdict.slos),
    )
    return GateModel(data=data)


def is_ok(answer: GateAnswer, *, unknown_passes: bool) -> bool:
    """Whether the change may go ahead, as the caller takes what is not known."""
    decision = answer.verdict.decision
    return decision.ok or (unknown_passes and decision is decision.UNKNOWN)


def _of_slo(verdict: SloVerdict, external_url: str) -> GateSloModel:
    facts, state = verdict.facts, verdict.facts.state
    return GateSloModel(
        id=facts.slo,
        service=facts.service,
        decision=verdict.decision,
        reason=verdict.reason,
        state=None if state is None else state.state,
        state_since=None if state is None else utc(state.since),
        policy=verdict.policy.name,
        rule=verdict.rule,
        until=utc(verdict.until),
        exception=None if verdict.exception is None else verdict.exception.id,
        budget_remaining=facts.remaining,
        burn_rate=facts.burn_rate,
        dry_run=[{"name": name, "decision": decision} for name, decision in verdict.dry_runs],
        url=page_of(external_url, facts.slo),
    )


def decision_document(record: DecisionRecord) -> DecisionModel:
    """One decision in the log."""
    return DecisionModel(
        id=record.id,
        at=utc(record.at),
        caller=record.caller,
        address=record.address,
        service=record.service,
        environment=record.environment,
        change=record.change,
        decision=record.decision,
        reason=record.reason,
        policy=record.policy,
        exception=record.exception,
        figures=[
            {
                "slo": one["slo"],
                "decision": one["decision"],
                "state": one["state"],
                "budget_remaining": one["budget_remaining"],
                "burn_rate": one["burn_rate"],
            }
            for one in record.figures
        ],
    )


def due_document(one: PostmortemDue) -> PostmortemDueModel:
    """One postmortem that a policy asks for."""
    return PostmortemDueModel(
        incidents=list(one.incidents),
        subject=one.subject,
        budget_spent_ratio=one.spent,
        reason=one.reason,
        due_at=utc(one.due_at),
        postmortem=postmortem_document(one.written),
    )


def exception_document(exception: GateException, *, at: datetime) -> ExceptionModel:
    """An exception, and whether it holds at a time."""
    return ExceptionModel(
        id=exception.id,
        reason=exception.reason,
        owner=exception.owner,
        created_at=utc(exception.created_at),
        starts_at=utc(exception.starts_at),
        ends_at=utc(exception.ends_at),
        services=list(exception.services),
        environments=list(exception.environments),
        changes=list(exception.changes),
        slos=list(exception.slos),
        break_glass=exception.break_glass,
        active=exception.is_active(at),
        ended_at=utc(exception.ended_at),
        ended_by=exception.ended_by,
    )


def policy_document(policy: BudgetPolicy, slos_in: Mapping[str, int]) -> PolicyDocument:
    """A policy, with how many SLOs are in each state; those without a state under an empty name."""
    return PolicyDocument(
        name=policy.name,
        description=policy.description,
        owners=list(policy.owners),
        dry_run=policy.dry_run,
        states=[
            {
                "name": state.name,
                "deploys": state.deploys,
                "budget_left": state.budget_left,
                "leave_above": state.leave_above,
                "minimum_stay_seconds": state.minimum_stay.total_seconds(),
                "notify": state.notify,
                "slos": slos_in.get(state.name, 0),
            }
            for state in policy.states
        ],
        rules=[
            {
                "name": rule.name,
                "decision": rule.decision,
                "changes": list(rule.changes),
                "environments": list(rule.environments),
                "states": sorted(rule.states),
                "alerting": sorted(rule.alerting),
                "dry_run": rule.dry_run,
            }
            for rule in policy.rules
        ],
        slos=sum(slos_in.values()),
    )
