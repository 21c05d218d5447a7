"""What is sound in a value that has faults, so that its other faults are found at the same time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from app.yamldoc.explain import Structure, path_of
from app.yamldoc.findings import FieldPath
from app.yamldoc.tree import Items, Node, Table

_Model = TypeVar("_Model", bound=BaseModel)
# Each round leaves out what the one before has found; a document nests less deeply than this.
_MOST_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class SoundRest(Generic[_Model]):
    """A model without the faulty values at *left_out*, of which nothing can be said any more.

    Items of lists keep their positions: a sound one is repeated in the place of a faulty one. *repeated* are those that
    come after their repetition.
    """

    model: _Model
    left_out: frozenset[FieldPath]
    repeated: frozenset[FieldPath]

    def tells_of(self, path: FieldPath) -> bool:
        """Whether what is found at *path* was written so: nothing around it was left out."""
        return path not in self.repeated and not any(path[: len(out)] == out for out in self.left_out)

    def lacks_beside(self, path: FieldPath) -> bool:
        """Whether a value was left out of the mapping at *path*, or of the one that *path* is in."""
        return any(isinstance(out[-1], str) and out[:-1] in {path, path[:-1]} for out in self.left_out)

    def has(self, *path: str | int) -> bool:
        """Whether nothing at, below or around *path* was left out."""
        return not any(out[: len(path)] == path or path[: len(out)] == out for out in self.left_out)


def sound_rest(model: type[_Model], value: Node, structure: Structure) -> SoundRest[_Model] | None:
    """What is sound in *value*, with usual values for keys that must have one; None where nothing is left."""
    if not isinstance(value, Table):
        return None
    rest = _Rest(_copy(value), structure.usual)
    for _ in range(_MOST_ROUNDS):
        try:
            return SoundRest(model.model_validate(rest.root), frozenset(rest.left_out), frozenset(rest.repeated))
        except ValidationError as error:
            paths = {path_of(detail, structure) for detail in error.errors(include_url=False, include_input=False)}
        if () in paths:
            return None
        for path in paths:
            rest.leave_out(path)
    return None


@dataclass(slots=True)
class _Rest:
    root: Table
    usual: Mapping[str, Node]
    left_out: set[FieldPath] = field(default_factory=set)
    repeated: set[FieldPath] = field(default_factory=set)

    def leave_out(self, path: FieldPath) -> None:
        """Remove the value at *path*, or the innermost one around it if there is none, as for a key that is missing."""
        self.left_out.add(path)
        above = self._value(path[:-1])
        if isinstance(above, Table) and path[-1] in self.usual:
            above[str(path[-1])] = self.usual[str(path[-1])]
            return
        around = self._around(path)
        while around:
            parent, step = around[-1]
            if isinstance(parent, Table):
                del parent[str(step)]
                break
            # A list keeps its length; where nothing else is in it, the list goes.
            other = next((i for i, item in enumerate(parent) if item != parent[int(step)]), None)
            if other is not None:
                parent[int(step)] = _copied(parent[other])
                if other > int(step):
                    self.repeated.add((*path[: len(around) - 1], other))
                break
            around.pop()
        self.left_out.add(path[: len(around)])

    def _value(self, path: FieldPath) -> Node | None:
        found: Node | None = self.root
        for step in path:
            found = None if found is None else _member(found, step)
        return found

    def _around(self, path: FieldPath) -> list[tuple[Table | Items, str | int]]:
        """Each step of the path that exists, with the value that it is a step of."""
        inner: Node = self.root
        around: list[tuple[Table | Items, str | int]] = []
        for step in path:
            member = _member(inner, step)
            if member is None or isinstance(inner, str):
                break
            around.append((inner, step))
            inner = member
        return around


def _member(node: Node, step: str | int) -> Node | None:
    if isinstance(node, Table):
        return node.get(str(step))
    return node[int(step)] if isinstance(node, Items) and isinstance(step, int) and step < len(node) else None


def _copied(node: Node) -> Node:
    if isinstance(node, Table):
        return _copy(node)
    if isinstance(node, Items):
        items = Items(node.start)
        items.extend(map(_copied, node))
        return items
    return node


def _copy(node: Table) -> Table:
    table = Table(node.start)
    table.update({key: _copied(value) for key, value in node.items()})
    return table
