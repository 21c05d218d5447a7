"""The parts of documents of other tools: what these tools ignore is a warning, not an error."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from typing_extensions import override

from app.documents.dialect import PlacedSlo
from app.documents.importing import scalars
from app.documents.importing.scope import Scope
from app.yamldoc import scalars as plain
from app.yamldoc.explain import Structure, unknown_key
from app.yamldoc.findings import FieldPath, Findings, Place
from app.yamldoc.rest import SoundRest, sound_rest
from app.yamldoc.scalars import MOST_LABELS
from app.yamldoc.tree import Table
from app.yamldoc.validate import validated

UNKNOWN_KEY = "unknown_key"
"""The code of a key that is not read."""
Text = Annotated[str, PlainValidator(plain.read_text)]
OptionalText = Annotated[str, PlainValidator(scalars.read_optional_text)]
Name = Annotated[str, PlainValidator(plain.read_name)]
Switch = Annotated[bool, PlainValidator(plain.read_switch)]
LabelName = Annotated[str, PlainValidator(plain.read_label_name)]
Labels = Annotated[dict[LabelName, OptionalText], Field(max_length=MOST_LABELS)]


class ImportedPart(BaseModel):
    """A mapping in a document of another tool; unknown keys are kept, to be reported."""

    # Validators are built when a document is read: most commands read few of all models, and it takes 0.3 s.
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True, use_attribute_docstrings=True)

    @classmethod
    def key(cls, field: str) -> str:
        """How the document spells the key of a field."""
        return cls.model_fields[field].alias or field


_Part = TypeVar("_Part", bound=ImportedPart)


def read_part(
    model: type[_Part], value: object, structure: Structure, scope: Scope, ignored: Mapping[str, str]
) -> _Part | None:
    """The part at *scope*; None where it is unusable. Keys that are not read are warnings.

    *ignored* has the keys that mean something to the tool and nothing to Sloburn, and what to do instead.
    """
    found = validated(model, value, structure, scope.document, scope.findings, under=scope.path)
    if found is not None:
        for path in _unknown_keys(found):
            _warn_of(path, structure, scope, ignored)
    return found


def slos_of_document(
    model: type[_Part],
    structure: Structure,
    scope: Scope,
    ignored: Mapping[str, str],
    read: Callable[[_Part, Scope], Iterable[PlacedSlo]],
) -> Iterator[PlacedSlo]:
    """The SLOs that *read* makes of a whole document; none of one with faults, whose rest is read for more."""
    root = scope.document.root
    found = read_part(model, root, structure, scope, ignored)
    if found is not None:
        yield from read(found, scope)
    elif (rest := read_rest(model, root, structure, scope, ignored)) is not None:
        list(read(*rest))


def read_rest(
    model: type[_Part],
    value: Table,
    structure: Structure,
    scope: Scope,
    ignored: Mapping[str, str],
) -> tuple[_Part, Scope] | None:
    """What is sound in a part that `read_part` has refused, to be read on, so that its other faults are found too.

    Findings that may be due to what was left out are dropped by the scope that is returned. None where nothing is left.
    """
    rest = sound_rest(model, value, structure)
    if rest is None:
        return None
    for path in _unknown_keys(rest.model):
        if rest.tells_of(path):
            _warn_of(path, structure, scope, ignored)
    return rest.model, replace(scope, findings=_FindingsOfRest(scope, rest))


class _FindingsOfRest(Findings):
    """Passes on what is found in what is left of a part, unless something around, at or below it is missing.

    Warnings are about what goes together more often than errors: they are dropped where something beside it is missing.
    """

    def __init__(self, scope: Scope, rest: SoundRest[Any]) -> None:
        super().__init__()
        self._scope = scope
        self._rest = rest

    @override
    def error(self, place: Place, problem: str, remedy: str, *, field: FieldPath = (), code: str = "") -> None:
        if self._is_decided(field):
            self._scope.findings.error(place, problem, remedy, field=field, code=code)

    @override
    def warning(
        self, place: Place, problem: str, remedy: str, *, field: FieldPath = (), code: str, subject: str = ""
    ) -> None:
        if self._is_decided(field) and not self._rest.lacks_beside(self._below(field)):
            self._scope.findings.warning(place, problem, remedy, field=field, code=code, subject=subject)

    def _is_decided(self, field: FieldPath) -> bool:
        path = self._below(field)
        return self._rest.tells_of(path) and self._rest.has(*path)

    def _below(self, field: FieldPath) -> FieldPath:
        return field[len(self._scope.path) :]


def _warn_of(path: FieldPath, structure: Structure, scope: Scope, ignored: Mapping[str, str]) -> None:
    whole = (*scope.path, *path)
    problem, remedy = unknown_key(whole, structure, scope.document)
    if str(path[-1]) in ignored:
        problem, remedy = "is ignored", ignored[str(path[-1])]
    place = scope.document.place(whole, key=True)
    scope.findings.warning(place, problem, remedy, field=whole, code=UNKNOWN_KEY)


def _unknown_keys(value: Any) -> Iterator[FieldPath]:
    """The paths of the keys below *value* that no model has."""
    if isinstance(value, ImportedPart):
        for key in value.model_extra or ():
            yield (key,)
        for name, key in _keys_of(type(value)):
            below = getattr(value, name)
            if isinstance(below, ImportedPart | tuple):
                yield from ((key, *path) for path in _unknown_keys(below))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from ((i, *path) for path in _unknown_keys(item))


@cache
def _keys_of(model: type[ImportedPart]) -> tuple[tuple[str, str], ...]:
    """The fields of a model, each with how the document spells its key."""
    return tuple((name, model.key(name)) for name in model.model_fields)
