"""YAML and JSON text to plain trees with the position of every value.

Built from libyaml's event stream rather than by its composer: the composer crashes on deep nesting, expands alias
bombs, knows YAML 1.1's `off` and `1:30`, and drops duplicate keys silently.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import yaml
from yaml.reader import Reader

# Levels below the root: a native document has ten, and each takes frames of Python's stack.
_DEEPEST = 40
# Most values that the aliases of one file may expand to, all together.
_MOST_ALIASED = 500_000
# Values that one file may hold: ten thousand SLOs hold half of them. Each takes some microseconds to read.
_MOST_VALUES = 500_000
# Items of one list or keys of one mapping: a file of ten megabytes can hold millions, which would take a minute.
_MOST_MEMBERS = 20_000
# YAML 1.2's numbers without hexadecimal and octal ones: `0x10` and `1:30` stay the text that was written.
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_BOOLEANS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# `!!str` only says what a text is anyway; any other tag, such as `!!python/object`, would ask for more than data.
_HARMLESS_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str"})

Position = tuple[int, int]
"""Line and column, from 1."""
Report = Callable[[Position, str, str], None]
"""Takes a position, what is wrong there, and what to write instead."""


class NumberText(str):
    """A number as it was written, without quotes."""

    __slots__ = ()


class BooleanText(str):
    """``true`` or ``false`` as it was written, without quotes."""

    __slots__ = ()


class NullText(str):
    """Nothing, ``~`` or ``null``."""

    __slots__ = ()


class Table(dict[str, "Node"]):
    """A mapping, with the positions of its keys and values."""

    __slots__ = ("keys_at", "start", "values_at")

    def __init__(self, start: Position) -> None:
        super().__init__()
        self.start = start
        self.keys_at: dict[str, Position] = {}
        self.values_at: dict[str, Position] = {}


class Items(list["Node"]):
    """A list, with the positions of its items."""

    __slots__ = ("start", "values_at")

    def __init__(self, start: Position) -> None:
        super().__init__()
        self.start = start
        self.values_at: list[Position] = []


Node: TypeAlias = str | Table | Items


def table_of(**values: Node) -> Table:
    """A mapping that no file has written."""
    table = Table((0, 0))
    table.update(values)
    return table


def list_of(*values: Node) -> Items:
    """A list that no file has written."""
    items = Items((0, 0))
    items.extend(values)
    return items


class SyntaxProblemError(Exception):
    """A text that cannot be read any further."""

    def __init__(self, position: Position, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem
        self.remedy = remedy


def read_trees(text: str, report: Report) -> Iterator[tuple[Position, Node]]:
    """The documents of a YAML stream, each with the position it starts at; documents without content are left out.

    Duplicate keys and tags are reported, and reading goes on. The documents before a syntax error are yielded.

    Raises:
        SyntaxProblemError: the text is not YAML, nests too deeply, or holds too many values.
    """
    _check_characters(text)
    builder = _Builder(yaml.CSafeLoader(text), report)
    try:
        yield from builder.documents()
    except yaml.MarkedYAMLError as error:
        raise SyntaxProblemError(
            _position(error), f"this is not YAML: {error.problem}", _syntax_remedy(error)
        ) from error
    except yaml.YAMLError as error:
        raise SyntaxProblemError((1, 1), "this is not YAML", "write a YAML document") from error


def locate(
    root: Node, root_at: Position, path: tuple[str | int, ...], *, key: bool = False
) -> tuple[Node | None, Position]:
    """The value at *path* and its position, or that of its key.

    Where there is no such value: None, and the position of the innermost value around it.
    """
    node, at = root, root_at
    for i, step in enumerate(path):
        if isinstance(node, Table) and isinstance(step, str) and step in node:
            at = node.keys_at[step] if key and i == len(path) - 1 else node.values_at[step]
            node = node[step]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node):
            at = node.values_at[step]
            node = node[step]
        else:
            return None, at
    return node, at


@dataclass(slots=True)
class _Builder:
    events: yaml.CSafeLoader
    report: Report
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    built: int = 0
    aliased: int = 0

    def documents(self) -> Iterator[tuple[Position, Node]]:
        while True:
            event = self.next()
            if isinstance(event, yaml.StreamEndEvent):
                return
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                first = self.next()
                root = self.node(first, 0)
                if not isinstance(root, NullText):
                    yield _position(first), root

    def next(self) -> yaml.Event:
        return cast("yaml.Event", self.events.get_event())

    def node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        before = self.built
        self.built += 1
        if self.built > _MOST_VALUES + self.aliased:
            problem = f"this file holds more than {_MOST_VALUES} values"
            raise SyntaxProblemError(_position(event), problem, "split it into several files")
        if isinstance(event, yaml.ScalarEvent):
            built: Node = self.scalar(event)
        elif depth >= _DEEPEST:
            raise SyntaxProblemError(_position(event), "the document nests too deeply", "write fewer levels")
        elif isinstance(event, yaml.MappingStartEvent):
            built = self.table(event, depth)
        else:
            built = self.items(event, depth)
        # With its size, so that an alias counts as its values: nine levels of nine aliases are a billion
        # values.
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.anchors[event.anchor] = (built, self.built - before)
        return built

    def table(self, event: yaml.MappingStartEvent, depth: int) -> Table:
        self.check_tag(event)
        table = Table(_position(event))
        merged: list[tuple[Position, Node]] = []
        members = 0
        while not isinstance(key_event := self.next(), yaml.MappingEndEvent):
            members = _one_more(members, "keys of a mapping", key_event)
            key = self.key(key_event, depth)
            value_event = self.next()
            value = self.node(value_event, depth + 1)
            # After the mapping's own keys, in any order: those win over what is merged.
            if key == "<<":
                merged.append((_position(value_event), value))
                continue
            if key in table:
                line, _ = table.keys_at[key]
                # The later one counts, as in most parsers; the document is refused, but its other faults are found too.
                self.report(_position(key_event), f"{key} is given twice, first in line {line}", "remove one of them")
            table[key] = value
            table.keys_at[key] = _position(key_event)
            table.values_at[key] = _position(value_event)
        for position, node in merged:
            self.merge(table, position, node)
        return table

    def items(self, event: yaml.Event, depth: int) -> Items:
        self.check_tag(event)
        items = Items(_position(event))
        while not isinstance(item_event := self.next(), yaml.SequenceEndEvent):
            _one_more(len(items), "items of a list", item_event)
            items.append(self.node(item_event, depth + 1))
            items.values_at.append(_position(item_event))
        return items

    def key(self, event: yaml.Event, depth: int) -> str:
        node = self.node(event, depth + 1)
        if not isinstance(node, str):
            raise SyntaxProblemError(_position(event), "a key must be a plain word", "write `key: value`")
        return str(node)

    def merge(self, table: Table, position: Position, node: Node) -> None:
        sources = node if isinstance(node, Items) else [node]
        for source in sources:
            if not isinstance(source, Table):
                self.report(position, "`<<` takes over the keys of a mapping", "write `<<: *name` of a mapping")
                continue
            for key, value in source.items():
                if key not in table:
                    table[key] = value
                    table.keys_at[key] = source.keys_at[key]
                    table.values_at[key] = source.values_at[key]

    def scalar(self, event: yaml.ScalarEvent) -> str:
        text: str = event.value
        self.check_tag(event)
        # Quoted: what is in quotes is a text, also "true".
        if event.tag is not None or not event.implicit[0]:
            return text
        if text in _NULLS:
            return NullText(text)
        if text in _BOOLEANS:
            return BooleanText(text)
        return NumberText(text) if _NUMBER.fullmatch(text) else text

    def alias(self, event: yaml.AliasEvent) -> Node:
        if event.anchor not in self.anchors:
            raise SyntaxProblemError(
                _position(event), f"*{event.anchor} is not defined", f"write &{event.anchor} first"
            )
        node, size = self.anchors[event.anchor]
        self.built += size
        self.aliased += size
        if self.aliased > _MOST_ALIASED:
            problem = f"the aliases of this file expand to more than {_MOST_ALIASED} values"
            raise SyntaxProblemError(_position(event), problem, "write the values out, or split the file")
        return node

    def check_tag(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag not in _HARMLESS_TAGS:
            self.report(_position(event), f"the tag {event.tag} is not allowed", "remove the tag")


def _one_more(members: int, what: str, event: yaml.Event) -> int:
    if members >= _MOST_MEMBERS:
        problem = f"these are more than {_MOST_MEMBERS} {what}"
        raise SyntaxProblemError(_position(event), problem, "split it into several documents")
    return members + 1


def _position(found: yaml.Event | yaml.MarkedYAMLError) -> Position:
    mark = found.start_mark if isinstance(found, yaml.Event) else found.problem_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _check_characters(text: str) -> None:
    found = Reader.NON_PRINTABLE.search(text)
    if found is None:
        return
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - text.rfind("\n", 0, found.start())
    problem = f"the character U+{ord(found.group()):04X} is not allowed in YAML"
    raise SyntaxProblemError((line, column), problem, "remove it, or write it as an escape in double quotes")


def _syntax_remedy(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "cannot start any token" in problem:
        return "indent with spaces, not with tabs, and quote text that begins with a special character"
    if "mapping values are not allowed" in problem:
        return "quote text that holds a colon, and check the indentation"
    if "block mapping" in str(error.context) or "expected key" in problem or "could not find expected ':'" in problem:
        return "check the indentation and the quotes of the lines before"
    if "expected ','" in problem:
        return (
            "put text that holds braces, brackets or commas in quotes, such as 'up{job=\"a\"}', and close what is open"
        )
    return "check the quotes, brackets and indentation here and before"
