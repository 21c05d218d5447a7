"""The structure of an error budget policy; editors see it as part of the JSON Schema of documents."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Discriminator, Field, PlainValidator, Tag, WithJsonSchema

from app.policy import GateDecision
from app.slo import Severity
from app.yamldoc import scalars
from app.yamldoc.scalars import DURATION_PATTERN, LABEL_PATTERN, OFF, kind, refuse

POSTMORTEM_OFF: Final = "<no postmortems>"
POSTMORTEM_ON: Final = "<postmortems>"
BRANCHES: Final = frozenset({POSTMORTEM_OFF, POSTMORTEM_ON})
"""Names of the branches of unions: pydantic puts them into the paths of errors, where no key looks like one."""
EXAMPLES: Final = {
    "deploys": "deploys: deny, or allow or warn",
    "decision": "decision: deny, or allow or warn",
    "after": "after: 7d",
}
"""What to write for a key that is missing."""
_ANY_SCALAR = {"type": ["string", "number", "boolean"]}
_SWITCH = {"enum": [True, False, "on", "off"]}
_PERCENTAGE = {
    "anyOf": [{"type": "number", "minimum": -1000, "maximum": 100}, {"type": "string", "pattern": r"^-?[0-9.]+ ?%$"}],
    "examples": ["25%"],
}
_DECISIONS = ("allow", "warn", "deny")
# Ten budgets overspent: a state below that is a typing error, such as of a percentage without its sign.
_LEAST_LEFT = Decimal(-10)


class PolicyPart(BaseModel):
    """A mapping in a policy; unknown keys are errors, and docstrings are what editors show."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True)


def _share(value: Any) -> float:
    ratio = scalars.read_percent(value)
    if not _LEAST_LEFT <= ratio <= 1:
        raise refuse(f"{value} is not a share of the error budget", "write a percentage up to 100, such as 25%")
    return float(ratio)


def _share_or_off(value: Any) -> float | None:
    return None if isinstance(value, str) and value.lower() in OFF else _share(value)


def _name(value: Any) -> str:
    # It is in labels of notifications, lines of logs and addresses.
    text = scalars.read_text(value)
    if not text.strip() or not text.isprintable():
        raise refuse(f"{text!r} is not a name", "write words in one line")
    return text


def _class_label(value: Any) -> str:
    return scalars.read_label_name(value) if scalars.read_text(value) else ""


def _decision(value: Any) -> GateDecision:
    text = scalars.read_text(value).lower()
    if text not in _DECISIONS:
        raise refuse(f"{value!r} is not a decision", f"write one of {', '.join(_DECISIONS)}")
    return GateDecision(text)


def _severity(value: Any) -> Severity:
    return scalars.read_choice(Severity, value, "a severity")


def _severities(value: Any) -> tuple[Severity, ...]:
    return tuple(map(_severity, value if isinstance(value, list) else [value]))


def _off(value: Any) -> None:
    if not isinstance(value, str) or value.lower() not in OFF:
        raise refuse(f"must be a mapping or off, not {kind(value)}", "write off, or keys such as incident_above: 20%")


def _postmortem_branch(value: Any) -> str:
    return POSTMORTEM_ON if isinstance(value, dict | PostmortemModel) else POSTMORTEM_OFF


def _several(examples: list[str]) -> dict[str, Any]:
    items = {"type": "array", "items": _ANY_SCALAR, "minItems": 1}
    return {"anyOf": [_ANY_SCALAR, items], "examples": examples}


Text = Annotated[str, PlainValidator(scalars.read_text), WithJsonSchema(_ANY_SCALAR)]
Name = Annotated[str, PlainValidator(_name), WithJsonSchema(_ANY_SCALAR)]
ClassLabel = Annotated[str, PlainValidator(_class_label), WithJsonSchema(_ANY_SCALAR)]
Share = Annotated[float | None, PlainValidator(_share), WithJsonSchema(_PERCENTAGE)]
ShareOrOff = Annotated[
    float | None, PlainValidator(_share_or_off), WithJsonSchema({"anyOf": [_PERCENTAGE, {"enum": ["off", False]}]})
]
Duration = Annotated[
    timedelta,
    PlainValidator(scalars.read_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["12h"]}),
]
Decision = Annotated[GateDecision, PlainValidator(_decision), WithJsonSchema({"enum": list(_DECISIONS)})]
Several = Annotated[
    tuple[str, ...], PlainValidator(scalars.read_one_or_more), WithJsonSchema(_several(["checkout", "pay*"]))
]
Severities = Annotated[
    tuple[Severity, ...],
    PlainValidator(_severities),
    WithJsonSchema(
        {"anyOf": [{"enum": list(Severity)}, {"type": "array", "items": {"enum": list(Severity)}, "minItems": 1}]}
    ),
]
Switch = Annotated[bool, PlainValidator(scalars.read_switch), WithJsonSchema(_SWITCH)]
LabelName = Annotated[str, PlainValidator(scalars.read_label_name)]
LabelPatterns = Annotated[
    dict[LabelName, Several],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"type": "string", "pattern": LABEL_PATTERN},
            "additionalProperties": _several(["payments"]),
        }
    ),
]


class PolicyStateModel(PolicyPart):
    """A state of the policy and what it means for changes."""

    name: Name = Field(examples=["freeze"])
    """What it is called; rules and notifications name it."""
    budget_left: Share = None
    """The state begins when this share of the error budget or less is left; the first state has none."""
    leave_above: Share = None
    """It ends when more than this is left, so that it does not come and go; budget_left without it."""
    minimum_stay: Duration = timedelta(0)
    """It lasts at least so long; a worse state begins at once."""
    deploys: Decision
    """What the gate answers in it: allow, warn or deny."""
    notify: Switch = False
    """Whether receivers are notified of it, for as long as it lasts."""
    description: Text = ""
    """What people do in it."""


class RuleModel(PolicyPart):
    """A decision about changes that match, in the place of what the state means; the first that applies decides."""

    name: Name = Field(examples=["no features on a low budget"])
    """What it is called in answers of the gate."""
    decision: Decision
    """What the gate answers: allow, warn or deny."""
    change: Several = ()
    """Kinds of changes, as callers of the gate name them; `*` and `?` stand for any text and any character."""
    environment: Several = ()
    """Environments, as callers name them."""
    state: Several = ()
    """States in which it applies."""
    labels: LabelPatterns = Field(default_factory=dict)
    """Labels of the SLO."""
    alerting: Severities = ()
    """It applies only while an alert of one of these severities fires."""
    dry_run: Switch = False
    """Whether it is only reported."""


class PostmortemModel(PolicyPart):
    """Which incidents need a postmortem."""

    incident_above: ShareOrOff = 0.2
    """The share of the budget above which each incident needs one; or off."""
    class_above: ShareOrOff = 0.2
    """The share of the budget above which incidents of one class need one together; or off."""
    within: Duration = timedelta(days=91)
    """How far back incidents of one class count."""
    class_label: ClassLabel = ""
    """The label of alerts whose value is the class of an incident; without it, its SLO is."""
    due_in: Duration = timedelta(days=14)
    """How long after the incident it is due."""


class EscalationModel(PolicyPart):
    """What happens when a state that notifies lasts."""

    after: Duration
    """How long it must have lasted."""
    to: Several = ()
    """To whom it is escalated, for people."""


PostmortemField = Annotated[
    Annotated[None, PlainValidator(_off), WithJsonSchema({"enum": ["off", False]}), Tag(POSTMORTEM_OFF)]
    | Annotated[PostmortemModel, Tag(POSTMORTEM_ON)],
    Discriminator(_postmortem_branch),
]


class PolicyEntry(PolicyPart):
    """An error budget policy: states by the budget that is left, and what each means for changes."""

    name: Name | None = None
    """What it is called; that of a document is called like its service without it."""
    description: Text = ""
    """What it is for, for people."""
    states: tuple[PolicyStateModel, ...] = Field(default=(), min_length=1)
    """The states, the healthiest first; without them: healthy, caution at 25%, freeze at 0%."""
    rules: tuple[RuleModel, ...] = Field(default=(), min_length=1)
    """Rules that overrule the states."""
    owners: Several = ()
    """Who decides about it and grants exceptions."""
    escalation: EscalationModel | None = None
    """To whom a state is escalated that lasts."""
    postmortem: PostmortemField = Field(default_factory=PostmortemModel)
    """Which incidents need a postmortem; or off."""
    dry_run: Switch = False
    """Whether all of it is only reported."""


class PolicyMatchModel(PolicyPart):
    """The SLOs of a policy: those that match in everything that is given."""

    service: Several = ()
    """Services, `*` and `?` stand for any text and any character."""
    slo: Several = ()
    """Ids of SLOs."""
    labels: LabelPatterns = Field(default_factory=dict)
    """Labels of SLOs."""


class MatchedPolicyEntry(PolicyEntry):
    """A policy in a file of its own."""

    name: Name = Field(examples=["payments"])
    """What it is called."""
    match: PolicyMatchModel = Field(default_factory=PolicyMatchModel)
    """The SLOs that it is for; all without another policy, if nothing is given."""


class PolicyFileModel(PolicyPart):
    """A file of policies; the first that matches an SLO is its policy."""

    policies: tuple[MatchedPolicyEntry, ...] = Field(min_length=1)
    """The policies."""
