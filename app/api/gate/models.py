"""The shapes of the gate's answers."""

from datetime import datetime
from typing import Annotated, NotRequired

from pydantic import AwareDatetime, ConfigDict, Field, Strict, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.api.incidents.models import WrittenPostmortemModel
from app.api.shapes import ANSWER, answer_like
from app.gate import LONGEST_EXCEPTION_REASON, LONGEST_EXCEPTION_VALUE, MOST_EXCEPTION_VALUES
from app.policy import CanaryVerdictKind, GateDecision
from app.slo import Severity

LONGEST_NAME = 253
"""As long as a name in Kubernetes may be."""
_ANSWER_EXAMPLE: JsonDict = {
    "data": {
        "ok": False,
        "decision": "deny",
        "reason": "checkout-availability: -3.1% of the error budget is left, state freeze",
        "budget_remaining": -0.031,
        "policy": "payments",
        "owners": ["payments-oncall"],
        "until": None,
        "exception": None,
        "service": "checkout",
        "environment": "prod",
        "change": "feature",
        "id": "5f2d7c01a9b3e468",
        "at": "2026-03-01T12:00:00Z",
        "slos": [
            {
                "id": "checkout-availability",
                "service": "checkout",
                "decision": "deny",
                "reason": "checkout-availability: -3.1% of the error budget is left, state freeze",
                "state": "freeze",
                "state_since": "2026-03-01T09:30:00Z",
                "policy": "payments",
                "rule": None,
                "until": None,
                "exception": None,
                "budget_remaining": -0.031,
                "burn_rate": 0.4,
                "dry_run": [],
                "url": "https://slo.example.org/slos/checkout-availability",
            }
        ],
        "slos_total": 1,
    }
}
_NEW_EXCEPTION_EXAMPLE: JsonDict = {
    "reason": "Black Friday: the new payment provider has to go live.",
    "owner": "ada",
    "ends_at": "2026-03-01T18:00:00Z",
    "services": ["checkout"],
    "environments": ["prod"],
    "break_glass": False,
}
_Until = Annotated[
    datetime | None,
    Field(description="When it can change for the better at the earliest; where an exception decided, when that ends."),
]
_Line = Annotated[str, Field(min_length=1, max_length=LONGEST_EXCEPTION_VALUE)]
Values = Annotated[list[_Line], Field(max_length=MOST_EXCEPTION_VALUES)]


@with_config(ANSWER)
class DryRunModel(TypedDict):
    """What a rule or a policy that is a dry run would have decided."""

    name: str
    decision: GateDecision


@with_config(ANSWER)
class GateSloModel(TypedDict):
    """The decision as far as one SLO is concerned."""

    id: str
    service: str
    decision: GateDecision
    reason: str
    state: Annotated[str | None, Field(description="The state of its policy; null while nothing is known.")]
    state_since: datetime | None
    policy: str
    rule: Annotated[str | None, Field(description="The rule that decided; null where its state did.")]
    until: _Until
    exception: Annotated[str | None, Field(description="The id of the exception that lets the change go ahead.")]
    budget_remaining: Annotated[float | None, Field(description="Unspent share of the budget; null if not known.")]
    burn_rate: Annotated[float | None, Field(description="That of the last hour; null if not known.")]
    dry_run: list[DryRunModel]
    url: str


@with_config(ANSWER)
class GateDataModel(TypedDict):
    """Whether a change may go ahead. `ok`, `decision` and `reason` are never null."""

    ok: Annotated[
        bool, Field(description="True for allow and warn; for unknown only with `unknown_passes`, false for deny.")
    ]
    decision: GateDecision
    reason: Annotated[str, Field(description="In one sentence, of the SLO that decided.")]
    budget_remaining: Annotated[float | None, Field(description="The least of all SLOs; null if none is known.")]
    policy: Annotated[str | None, Field(description="The policy that decided; null without an SLO.")]
    owners: list[str]
    until: _Until
    exception: str | None
    service: str
    environment: str
    change: str
    id: Annotated[str, Field(description="Under which the decision is in the log.")]
    at: datetime
    slos: Annotated[list[GateSloModel], Field(description="The worst first, at most 50.")]
    slos_total: Annotated[int, Field(description="How many SLOs the change concerns.")]


@with_config(answer_like(_ANSWER_EXAMPLE))
class GateModel(TypedDict):
    """An answer of the gate."""

    data: GateDataModel


@with_config(ConfigDict(extra="ignore"))
class FlaggerHookModel(TypedDict):
    """What Flagger sends to a webhook."""

    name: NotRequired[Annotated[str, Field(max_length=LONGEST_NAME)]]
    namespace: NotRequired[Annotated[str, Field(max_length=LONGEST_NAME)]]
    phase: NotRequired[Annotated[str, Field(max_length=100)]]
    checksum: NotRequired[Annotated[str, Field(max_length=200)]]
    metadata: NotRequired[Annotated[dict[str, str], Field(max_length=100)] | None]


@with_config(ANSWER)
class FiguresModel(TypedDict):
    """The figures of one SLO behind a decision."""

    slo: str
    decision: GateDecision
    state: str | None
    budget_remaining: float | None
    burn_rate: float | None


@with_config(ANSWER)
class DecisionModel(TypedDict):
    """One decision of the gate: who asked, what was answered, on which figures."""

    id: str
    at: datetime
    caller: str
    address: str
    service: str
    environment: str
    change: str
    decision: GateDecision
    reason: str
    policy: str | None
    exception: str | None
    figures: Annotated[list[FiguresModel], Field(description="Of the ten worst SLOs.")]


@with_config(ANSWER)
class DecisionsModel(TypedDict):
    """One page of decisions, newest first."""

    items: list[DecisionModel]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ANSWER)
class ExceptionModel(TypedDict):
    """An exception from policies."""

    id: str
    reason: str
    owner: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime
    services: list[str]
    environments: list[str]
    changes: list[str]
    slos: list[str]
    break_glass: bool
    active: bool
    ended_at: Annotated[datetime | None, Field(description="When it was ended before its time; null if it was not.")]
    ended_by: str | None


@with_config(ANSWER)
class ExceptionsModel(TypedDict):
    """Exceptions, newest first."""

    items: list[ExceptionModel]


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [_NEW_EXCEPTION_EXAMPLE]}))
class NewExceptionModel(TypedDict):
    """An exception to add; what is not given matches anything, values may have `*` and `?`."""

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_EXCEPTION_REASON)]
    owner: _Line
    ends_at: AwareDatetime
    starts_at: NotRequired[AwareDatetime]
    services: NotRequired[Values]
    environments: NotRequired[Values]
    changes: NotRequired[Values]
    slos: NotRequired[Values]
    break_glass: NotRequired[
        Annotated[
            bool, Strict(), Field(description="Receivers are notified for as long as it lasts; it holds at once.")
        ]
    ]


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "ada"}]}))
class EndedByModel(TypedDict):
    """Who ends an exception before its time."""

    by: _Line


@with_config(ANSWER)
class PolicyStateDocument(TypedDict):
    """A state of a policy; *slos* are in it now."""

    name: str
    deploys: GateDecision
    budget_left: float | None
    leave_above: float | None
    minimum_stay_seconds: float
    notify: bool
    slos: int


@with_config(ANSWER)
class PolicyRuleDocument(TypedDict):
    """A rule of a policy."""

    name: str
    decision: GateDecision
    changes: list[str]
    environments: list[str]
    states: list[str]
    alerting: list[Severity]
    dry_run: bool


@with_config(ANSWER)
class PolicyDocument(TypedDict):
    """An error budget policy, and how many SLOs it has."""

    name: str
    description: str
    owners: list[str]
    dry_run: bool
    states: list[PolicyStateDocument]
    rules: list[PolicyRuleDocument]
    slos: int


@with_config(ANSWER)
class PoliciesModel(TypedDict):
    """Every policy that is in use or written."""

    items: list[PolicyDocument]


@with_config(ANSWER)
class PolicyChangeModel(TypedDict):
    """An SLO has changed its state."""

    at: datetime
    slo: str
    service: str
    policy: str
    before: Annotated[str | None, Field(description="Null for its first state.")]
    state: str
    budget_remaining: float


@with_config(ANSWER)
class PolicyChangesModel(TypedDict):
    """One page of changes, newest first."""

    items: list[PolicyChangeModel]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ANSWER)
class PostmortemDueModel(TypedDict):
    """A postmortem that the policy asks for."""

    incidents: list[str]
    subject: Annotated[str, Field(description="The SLO of the incident, or the class of several.")]
    budget_spent_ratio: float
    reason: str
    due_at: Annotated[datetime | None, Field(description="Null while the incident lasts.")]
    postmortem: Annotated[
        WrittenPostmortemModel | None,
        Field(description="That of the newest of the incidents; null until it is written."),
    ]


@with_config(ANSWER)
class PostmortemsModel(TypedDict):
    """Postmortems that a policy asks for, newest first."""

    items: list[PostmortemDueModel]


@with_config(ANSWER)
class VersionModel(TypedDict):
    """What was counted of one version."""

    version: str
    total: float
    bad: float
    bad_ratio: float | None


# In this form, since `from` is a word of Python.
CanaryDataModel = TypedDict(
    "CanaryDataModel",
    {
        "verdict": CanaryVerdictKind,
        "ok": Annotated[bool, Field(description="True for pass.")],
        "reason": str,
        "p_value": Annotated[
            float | None, Field(description="How likely as many errors are, if both versions fail equally often.")
        ],
        "detectable_ratio": Annotated[
            float | None,
            Field(description="The bad ratio of a canary that four of five such comparisons would have found."),
        ],
        "baseline": VersionModel,
        "canary": VersionModel,
        "slo": str,
        "label": str,
        "from": datetime,
        "to": datetime,
    },
)


@with_config(ANSWER)
class CanaryModel(TypedDict):
    """What is said of a canary: whether it fails more often than the version before."""

    data: CanaryDataModel
