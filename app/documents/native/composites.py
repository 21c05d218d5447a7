"""Composites of other SLOs in a native document."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Discriminator, Field, PlainValidator, Tag, WithJsonSchema
from typing_extensions import override

from app.documents.native.fields import Duration, Objective, Patience, SeriesLabelName, Text, Weight, WithoutEventsField
from app.documents.native.scalars import read_missing_data
from app.documents.native.sli_model import DocumentPart, SliModel
from app.documents.windows import composite_slice_problem
from app.sli import Composite, Part
from app.slo import CompositeRule, MissingData, Sli, SloId, WithoutEvents, format_duration
from app.yamldoc.findings import FieldFinding, FieldPath

COMPONENT_ID: Final = "<id of an SLO>"
COMPONENT: Final = "<component>"
# As long as the longest short window of the default rules.
_LONGEST_PATIENCE = timedelta(hours=6)
_RULES = tuple(CompositeRule)
_WITH_WEIGHTS = frozenset({CompositeRule.WEIGHTED, CompositeRule.SUM_OF})
MissingField = Annotated[
    MissingData, PlainValidator(read_missing_data), WithJsonSchema({"enum": [str(one) for one in MissingData]})
]


class ComponentModel(DocumentPart):
    """One SLO of a composite."""

    slo: Text = Field(examples=["checkout-availability"])
    """The id of the SLO, of any document: <service>-<name> in native ones."""
    member: dict[SeriesLabelName, Text] = Field(default_factory=dict)
    """Which member of its group; without it all members."""
    weight: Weight = 1.0
    """How much it counts beside the others, in weighted and sum_of."""
    target: Objective | None = None
    """The percentage of good events from which on a slice of it is good, in all_of; without it its objective."""
    missing: MissingField | None = None
    """What a slice is in which it has no data; without it what the composite says."""


def _component_branch(value: Any) -> str:
    return COMPONENT if isinstance(value, dict | ComponentModel) else COMPONENT_ID


Components = tuple[
    Annotated[
        Annotated[Text, Tag(COMPONENT_ID)] | Annotated[ComponentModel, Tag(COMPONENT)],
        Discriminator(_component_branch),
    ],
    ...,
]


class CompositeSliModel(SliModel):
    """Other SLOs, which decide together."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [str(rule)]} for rule in _RULES]})

    all_of: Components = Field(default=(), min_length=1, examples=[["checkout-availability", "payment-latency"]])
    """A slice is good if each of these SLOs meets its target in it, as the steps of a user journey must."""
    worst_of: Components = Field(default=(), min_length=1)
    """A slice is bad by the largest share of bad events that any of these SLOs has in it."""
    weighted: Components = Field(default=(), min_length=1, examples=[[{"slo": "checkout-availability", "weight": 3}]])
    """A slice is bad by the weighted mean of the shares of bad events that these SLOs have in it."""
    sum_of: Components = Field(default=(), min_length=1)
    """The events of all these SLOs, each multiplied by its weight."""
    slice: Duration = Field(default=timedelta(minutes=1), examples=["1m"])
    """How long a slice is: 1m, 3m or 5m."""
    target: Objective | None = None
    """The percentage from which on a slice of worst_of or weighted is good; without it each counts by its share."""
    missing: MissingField = MissingData.UNKNOWN
    """What a slice is in which a component has no data."""
    missing_after: Patience = timedelta(0)
    """How long data of a component may be late before it is missing."""
    without_events: WithoutEventsField = WithoutEvents.IGNORED
    """What a slice is in which no component had events."""

    @property
    def given(self) -> tuple[CompositeRule, ...]:
        """The rules that the document has; one if it is sound."""
        return tuple(rule for rule in _RULES if getattr(self, rule))

    @property
    def components(self) -> tuple[ComponentModel, ...]:
        """The components of the rule."""
        found: Components = getattr(self, self.given[0])
        return tuple(one if isinstance(one, ComponentModel) else ComponentModel(slo=one) for one in found)

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """The composite, whose components are found when all documents have been read."""
        return Composite(
            rule=self.given[0],
            parts=tuple(
                Part(
                    slo=SloId(one.slo),
                    group=tuple(sorted(one.member.items())) or None,
                    weight=one.weight,
                    target=one.target,
                    missing=one.missing or self.missing,
                )
                for one in self.components
            ),
            length=self.slice,
            without_events=self.without_events,
            target=self.target,
            patience=self.missing_after,
        )

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """Whether it has one rule, slices of a length that fits the ledger, and keys that its rule reads."""
        if len(self.given) != 1:
            problem = f"{' and '.join(self.given)} exclude each other" if self.given else "has no components"
            yield FieldFinding(("sli",), problem, f"write one of {', '.join(_RULES)}")
            return
        (rule,) = self.given
        if by:
            problem = "a composite is one SLO: its components have groups"
            yield FieldFinding(("by",), problem, "remove it, or name a member: {slo: ..., member: {route: /pay}}")
        problem_of_slices = composite_slice_problem(self.slice)
        if problem_of_slices is not None:
            yield FieldFinding(("sli", "slice"), *problem_of_slices)
        if self.missing_after > _LONGEST_PATIENCE:
            problem = f"{format_duration(self.missing_after)} is longer than 6h"
            yield FieldFinding(("sli", "missing_after"), problem, "write missing_after: 45m")
        if self.target is not None and rule not in {CompositeRule.WEIGHTED, CompositeRule.WORST_OF}:
            remedy = "write it for each component" if rule is CompositeRule.ALL_OF else "remove it"
            yield FieldFinding(("sli", "target"), f"is not read by {rule}", remedy)
        for i, one in enumerate(self.components):
            yield from self._of_component(rule, one, ("sli", str(rule), i))

    def _of_component(self, rule: CompositeRule, one: ComponentModel, path: FieldPath) -> Iterator[FieldFinding]:
        unread = {"weight": rule not in _WITH_WEIGHTS, "target": rule is not CompositeRule.ALL_OF}
        for field, is_unread in unread.items():
            if is_unread and field in one.model_fields_set:
                yield FieldFinding((*path, field), f"is not read by {rule}", "remove it")
        if rule is CompositeRule.SUM_OF and (one.missing or self.missing) in {MissingData.GOOD, MissingData.BAD}:
            place: FieldPath = (*path, "missing") if one.missing is not None else ("sli", "missing")
            problem = f"is {one.missing or self.missing}, and how many events are missing is not known"
            yield FieldFinding(place, problem, "write unknown or ignored")
