"""Pydantic's errors in the words of people who write the file."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.yamldoc.document import Document
from app.yamldoc.findings import FieldFinding, FieldPath
from app.yamldoc.scalars import REFUSED, kind
from app.yamldoc.tree import Node

# What pydantic puts behind the path of a key that is wrong itself.
_KEY = "[key]"
# What needs no quotes within brackets.
_WORD = re.compile(r"[A-Za-z0-9][\w.@+-]*(, *[A-Za-z0-9][\w.@+-]*)*", re.ASCII)
_MISSING = "is missing"
_Models = tuple[type[BaseModel], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The keys of a kind of file, and what to write instead of common mistakes.

    *model* is its root. *branches* are the names of the branches of unions, which pydantic puts into paths. *examples*
    has what to write for a missing key, *misplaced* where to write keys that people write elsewhere, or under the name
    of another tool; *secrets* are keys that no file may hold. *combinations* says which keys go together, and
    *reference* is the page of the documentation. *usual* has values of keys that must have one, so that the others can
    be checked where these are faulty.
    """

    model: type[BaseModel]
    reference: str
    branches: frozenset[str] = frozenset()
    examples: Mapping[str, str] = field(default_factory=dict)
    misplaced: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    combinations: str = ""
    usual: Mapping[str, Node] = field(default_factory=dict)


def explain(
    error: ValidationError, structure: Structure, document: Document, *, under: FieldPath = ()
) -> Iterator[FieldFinding]:
    """Every part of *error*; *under* is the path of the value that was validated.

    A key that is missing because it is misspelt is one mistake: only the spelling is said.
    """
    found = tuple(_each(error, structure, document, under))
    misspelt = {(finding.path[:-1], finding.remedy) for finding in found if finding.at_key}
    for finding in found:
        if finding.problem != _MISSING or (finding.path[:-1], _did_you_mean(finding.path[-1])) not in misspelt:
            yield finding


def _each(error: ValidationError, structure: Structure, document: Document, under: FieldPath) -> Iterator[FieldFinding]:
    for detail in error.errors(include_url=False, include_input=False):
        at_key = detail["type"] == "extra_forbidden" or detail["loc"][-1:] == (_KEY,)
        path = (*under, *path_of(detail, structure))
        if detail["type"] == "too_short" and document.value(path):
            # Items that are wrong themselves do not count; their own faults are said.
            continue
        problem, remedy = _words(detail, path, structure, document)
        yield FieldFinding(path, problem, remedy, at_key=at_key)


def path_of(detail: ErrorDetails, structure: Structure) -> FieldPath:
    """The path of the value, or of the key, that pydantic's error is about."""
    return tuple(step for step in detail["loc"] if step != _KEY and step not in structure.branches)


def unknown_key(path: FieldPath, structure: Structure, document: Document) -> tuple[str, str]:
    """What is said of a key that the structure does not have at *path*."""
    name, problem = str(path[-1]), "unknown key"
    known = _keys(_models_at(structure.model, path[:-1]))
    if name in structure.secrets:
        remedy = f"write {name}_file with the path of a file that holds it, or {name}_env with the name of a variable"
        return "is a secret, which does not belong in this file", remedy
    if name in known:
        # The key of another branch of a union, such as good beside bad.
        beside = document.value(path[:-1])
        others = [key for key in known if isinstance(beside, dict) and key in beside and key not in {name, "total"}]
        return f"cannot be combined with {' and '.join(others)}", structure.combinations
    if name in structure.misplaced:
        return problem, structure.misplaced[name]
    # Before other places: a typo beside its keys is likelier than a key of elsewhere.
    close = difflib.get_close_matches(name.lower(), known, n=1)
    if close:
        return problem, _did_you_mean(close[0])
    elsewhere = next((place for place, keys in _all_keys(structure.model) if name in keys), None)
    if elsewhere is not None:
        return problem, f"write it under {'.'.join(elsewhere) or 'the top of the document'}"
    return problem, f"write one of {', '.join(known)}, or remove it"


def is_misspelt(name: str, structure: Structure, document: Document) -> bool:
    """Whether the key *name* of the top of the document is suggested for another one that is written there."""
    return any(unknown_key((key,), structure, document)[1] == _did_you_mean(name) for key in document.root)


def _did_you_mean(key: str | int) -> str:
    return f"did you mean `{key}`?"


def _words(detail: ErrorDetails, path: FieldPath, structure: Structure, document: Document) -> tuple[str, str]:
    if detail["type"] == REFUSED:
        return str(detail["ctx"]["problem"]), str(detail["ctx"]["remedy"])
    if detail["type"] == "missing":
        name = str(path[-1])
        return _MISSING, f"write {structure.examples.get(name, f'{name}: and a value')}"
    if detail["type"] == "extra_forbidden":
        return unknown_key(path, structure, document)
    return _wrong_kind(detail, document.value(path), structure)


def _wrong_kind(detail: ErrorDetails, value: object, structure: Structure) -> tuple[str, str]:
    given = kind(value)
    match detail["type"]:
        case "too_short":
            return "is empty", "write at least one item, or remove the key"
        case "too_long":
            most = detail["ctx"]["max_length"]
            items = len(value) if isinstance(value, (dict, list)) else detail["ctx"]["actual_length"]
            return f"has {items} items", f"write at most {most}"
        case "tuple_type":
            return f"must be a list, not {given}", _as_list(value)
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"must be a mapping, not {given}", "write key: value below it, or {key: value}"
        case _:
            return detail["msg"], f"see {structure.reference}"


def _as_list(value: object) -> str:
    """What to write instead of *value* where a list is needed: one of it, if it is a plain word."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return f"write [{value}]"
    return "write [one, two], or one item a line after `- `"


def _models_at(root: type[BaseModel], path: FieldPath) -> _Models:
    """The models, several for a union, whose keys may be written at *path*."""
    found: _Models = (root,)
    for step in path:
        # Positions in lists and the keys of free mappings lead to no field: what is below them is of the same models.
        below = [model for key, models in _fields(found) if key == step for model in models]
        found = tuple(below) or found
    return found


@lru_cache(maxsize=8)
def _all_keys(root: type[BaseModel]) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Every path below which there are known keys, with these keys; the outer paths first."""
    places: list[tuple[tuple[str, ...], _Models]] = [((), (root,))]
    for path, models in places:
        # The list grows while it is walked: that is how each level follows the one before.
        below: dict[str, list[type[BaseModel]]] = {}
        for key, found in _fields(models):
            below.setdefault(key, []).extend(found)
        places += [((*path, key), tuple(found)) for key, found in below.items() if found]
    return tuple((path, tuple(_keys(models))) for path, models in places)


def _keys(models: _Models) -> list[str]:
    return list(dict.fromkeys(key for key, _ in _fields(models)))


def _fields(models: _Models) -> Iterator[tuple[str, _Models]]:
    for model in models:
        for name, info in model.model_fields.items():
            yield info.alias or name, tuple(_models_in(info.annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
