"""A value of a document as a model of it, or everything that is wrong with it."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.yamldoc.document import Document
from app.yamldoc.explain import Structure, explain
from app.yamldoc.findings import FieldPath, Findings
from app.yamldoc.read import add_errors

_Model = TypeVar("_Model", bound=BaseModel)


def validated(
    model: type[_Model],
    value: object,
    structure: Structure,
    document: Document,
    findings: Findings,
    *,
    under: FieldPath = (),
) -> _Model | None:
    """The value at the path *under*; None, and an error for each of its faults, where it is not as the model says."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        add_errors(explain(error, structure, document, under=under), document, findings)
        return None
