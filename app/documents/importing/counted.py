"""SLOs as APIs of services answer them: which source they are counted from, and keys that have nothing."""

from typing import TypeVar

from app.documents.dialect import Defaults
from app.documents.importing.parts import ImportedPart, read_part
from app.documents.importing.scope import Scope
from app.slo import SourceKind
from app.yamldoc.explain import Structure
from app.yamldoc.tree import Items, Node, NullText, Table

Part = TypeVar("Part", bound=ImportedPart)


def counted_source(kind: SourceKind, defaults: Defaults) -> str:
    """The only source of a kind; where that is not known, or there are several, the one with the name of the kind."""
    fitting = [name for name, one in (defaults.sources or {}).items() if one is kind]
    return fitting[0] if len(fitting) == 1 else str(kind)


def read_answer(model: type[Part], value: Node | None, structure: Structure, scope: Scope) -> Part | None:
    """As `read_part`, of a part that an API has answered, whose keys may be null; None for what is no mapping."""
    return read_part(model, _without_nulls(value), structure, scope, {}) if isinstance(value, Table) else None


def _without_nulls(node: Node) -> Node:
    """The same without keys that are null, as answers have them for what is not given."""
    if isinstance(node, Table):
        table = Table(node.start)
        table.keys_at, table.values_at = node.keys_at, node.values_at
        table.update({key: _without_nulls(value) for key, value in node.items() if not isinstance(value, NullText)})
        return table
    if isinstance(node, Items):
        items = Items(node.start)
        items.values_at = node.values_at
        items.extend(map(_without_nulls, node))
        return items
    return node
