"""SLOs as APIs of services answer them: which source they are counted from, and keys that have nothing."""

from app.documents.dialect import Defaults
from app.slo import SourceKind
from app.yamldoc.tree import Items, Node, NullText, Table


def counted_source(kind: SourceKind, defaults: Defaults) -> str:
    """The only source of a kind; where that is not known, or there are several, the one with the name of the kind."""
    fitting = [name for name, one in (defaults.sources or {}).items() if one is kind]
    return fitting[0] if len(fitting) == 1 else str(kind)


def without_nulls(node: Node) -> Node:
    """The same without keys that are null, as answers have them for what is not given."""
    if isinstance(node, Table):
        table = Table(node.start)
        table.keys_at, table.values_at = node.keys_at, node.values_at
        table.update({key: without_nulls(value) for key, value in node.items() if not isinstance(value, NullText)})
        return table
    if isinstance(node, Items):
        items = Items(node.start)
        items.values_at = node.values_at
        items.extend(map(without_nulls, node))
        return items
    return node
