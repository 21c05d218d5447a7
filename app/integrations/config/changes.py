"""The section `changes`: which queries find deploys without a report."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from app.changes import DEFAULT_QUERIES, ChangeQuery
from app.integrations.config.fields import LabelName, Model, Name, Text, taken_names
from app.promql.expressions import ExpressionError, parse_expression
from app.yamldoc.findings import FieldFinding


class ChangeQueryModel(Model):
    """One query, and the labels that say what its series are."""

    name: Name
    query: Text
    service: tuple[LabelName, ...] = Field(min_length=1)
    version: LabelName
    environment: tuple[LabelName, ...] = ()


def resolve_changes(models: Sequence[ChangeQueryModel] | None) -> tuple[ChangeQuery, ...]:
    """What the section says; the usual queries without it, and none where it is empty."""
    if models is None:
        return DEFAULT_QUERIES
    return tuple(
        ChangeQuery(
            name=model.name,
            query=model.query,
            service=model.service,
            version=model.version,
            environment=model.environment,
        )
        for model in models
    )


def change_findings(models: Sequence[ChangeQueryModel]) -> Iterator[FieldFinding]:
    """What is wrong with it."""
    yield from taken_names([model.name for model in models], "changes")
    for number, model in enumerate(models):
        try:
            parse_expression(model.query)
        except ExpressionError as error:
            yield FieldFinding(("changes", number, "query"), error.problem, error.remedy)
