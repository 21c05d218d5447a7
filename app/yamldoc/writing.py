"""Documents to YAML text with comments on the lines that they concern.

PyYAML writes no comments, so that the layout is ours; it writes each scalar, in quotes where its text asks for them.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

import yaml

from app.yamldoc.findings import FieldPath
from app.yamldoc.tree import BooleanText, NumberText

_WIDTH = 120
# Lines of PromQL are as long as they are: a broken one is hard to compare.
_ONE_LINE = 10**6
_STEP = "  "
Written: TypeAlias = str | Mapping[str, "Written"] | Sequence["Written"]
"""A value as `app.yamldoc.tree` reads it: what is a number or a switch is `NumberText` or `BooleanText`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentedDocument:
    """A document to be written; *comments* go before the value at their path, *head* before the document."""

    root: Mapping[str, Written]
    head: Sequence[str] = ()
    comments: Mapping[FieldPath, Sequence[str]] = field(default_factory=dict)


def yaml_text(documents: Iterable[CommentedDocument]) -> str:
    """The documents as one YAML stream."""
    return "---\n".join(_text(document) for document in documents)


def given(keys: Mapping[str, Written | None]) -> dict[str, Written]:
    """The keys that have a value."""
    return {key: value for key, value in keys.items() if value}


def written_number(value: float | Decimal) -> NumberText:
    """A number in full, of as many digits as it has.

    >>> written_number(14.4), written_number(1e-05), written_number(2.0)
    ('14.4', '0.00001', '2')
    """
    text = f"{Decimal(repr(value)) if isinstance(value, float) else value:f}"
    return NumberText(text.rstrip("0").rstrip(".") if "." in text else text)


def _text(document: CommentedDocument) -> str:
    lines = (*_comment(document.head, ""), *_Writer(document.comments).mapping(document.root, (), ""))
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class _Writer:
    comments: Mapping[FieldPath, Sequence[str]]

    def mapping(self, value: Mapping[str, Written], path: FieldPath, indent: str) -> Iterator[str]:
        for key, inner in value.items():
            below = (*path, key)
            yield from self.comment(below, indent)
            yield from self.member(f"{indent}{_scalar(key)}:", inner, below, indent)

    def items(self, value: Sequence[Written], path: FieldPath, indent: str) -> Iterator[str]:
        for i, inner in enumerate(value):
            below = (*path, i)
            yield from self.comment(below, indent)
            if isinstance(inner, Mapping) and inner:
                # Between the dash and the first key is no line for comments on that key: they go before the dash.
                lines = list(self.mapping(inner, below, f"{indent}{_STEP}"))
                comments = len(self.comment((*below, next(iter(inner))), f"{indent}{_STEP}"))
                yield from (line.removeprefix(_STEP) for line in lines[:comments])
                yield f"{indent}- {lines[comments].lstrip()}"
                yield from lines[comments + 1 :]
            else:
                yield from self.member(f"{indent}-", inner, below, indent)

    def member(self, start: str, value: Written, path: FieldPath, indent: str) -> Iterator[str]:
        """A key or a dash, and its value in the same line or below it."""
        if isinstance(value, str):
            first, *rest = _value(value, f"{indent}{_STEP}")
            yield f"{start} {first}"
            yield from rest
        elif not value:
            yield f"{start} {'{}' if isinstance(value, Mapping) else '[]'}"
        elif isinstance(value, Mapping):
            yield start
            yield from self.mapping(value, path, f"{indent}{_STEP}")
        else:
            yield start
            yield from self.items(value, path, f"{indent}{_STEP}")

    def comment(self, path: FieldPath, indent: str) -> list[str]:
        return _comment(self.comments.get(path, ()), indent)


def _comment(texts: Iterable[str], indent: str) -> list[str]:
    """The lines of comments, wrapped; further lines of one comment are indented."""
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            # A line break of a document must not end the comment.
            "".join(char if char.isprintable() else " " for char in text),
            width=_WIDTH,
            initial_indent=f"{indent}# ",
            subsequent_indent=f"{indent}#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _value(text: str, indent: str) -> list[str]:
    """The lines of a text, the first of which goes behind its key."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    is_plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    if len(lines) > 1 and is_plain and lines[0] == lines[0].lstrip() != "" and lines[-1]:
        return ["|" if text != body else "|-", *(f"{indent}{line}".rstrip() for line in lines)]
    return [_scalar(text)]


def _scalar(text: str) -> str:
    if isinstance(text, NumberText | BooleanText):
        return str(text)
    # Only in double quotes a line break is written as an escape.
    style = None if text.isprintable() else '"'
    written = yaml.dump(text, Dumper=yaml.CSafeDumper, allow_unicode=True, width=_ONE_LINE, default_style=style)
    return str(written).removesuffix("...\n").rstrip("\n")
