"""YAML to trees: nothing crashes the reader, and every value knows its place."""

import pytest

from app.yamldoc.tree import (
    BooleanText,
    Node,
    NullText,
    NumberText,
    Position,
    SyntaxProblemError,
    locate,
    read_trees,
)


def _read(text: str) -> tuple[list[tuple[Position, Node]], list[str]]:
    reports: list[str] = []
    trees = list(read_trees(text, lambda at, problem, _: reports.append(f"{at[0]}:{at[1]} {problem}")))
    return trees, reports


def _refusal(text: str) -> SyntaxProblemError:
    with pytest.raises(SyntaxProblemError) as refused:
        _read(text)
    return refused.value


def test_scalars_keep_the_text_as_it_was_written() -> None:
    ((_, root),), _ = _read("[0.20, 1e3, true, ~, off, 1:30, '7', !!str 8, 0x10]")
    assert list(root) == ["0.20", "1e3", "true", "~", "off", "1:30", "7", "8", "0x10"]
    assert [type(item) for item in root] == [NumberText, NumberText, BooleanText, NullText, *[str] * 5]


@pytest.mark.parametrize(
    ("path", "key", "position"),
    [
        (("a", 1, "b"), False, (3, 8)),
        (("a", 1, "b"), True, (3, 5)),
        (("a", 0), False, (2, 5)),
        (("a", 9, "x"), False, (2, 3)),
        ((), False, (1, 1)),
        (("nowhere",), True, (1, 1)),
    ],
)
def test_values_know_their_place(path: tuple[str | int, ...], key: bool, position: Position) -> None:
    ((at, root),), _ = _read("a:\n  - x\n  - b: c\n")
    assert locate(root, at, path, key=key)[1] == position


def test_deep_nesting_is_refused() -> None:
    assert _read("[" * 40 + "]" * 40)[1] == []
    assert "nests too deeply" in _refusal("[" * 41 + "]" * 41).problem
    assert "nests too deeply" in _refusal("a: " + "[" * 200_000).problem
    assert "nests too deeply" in _refusal("{a: " * 200_000).problem


def test_an_alias_bomb_is_refused() -> None:
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    assert "expand to more than 500000 values" in _refusal(f"a0: &a0 [x, x]\n{levels}").problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("slos: [" + "1," * 5_000_000 + "1]", "more than 20000 items of a list"),
        ("slos:\n" + "- a\n" * 2_500_000, "more than 20000 items of a list"),
        ("".join([f"k{i}: 1\n" for i in range(30_000)]) + "k: 1\n" * 900_000, "more than 20000 keys of a mapping"),
        ("k: 1\n" * 900_000, "more than 20000 keys of a mapping"),
    ],
)
def test_a_list_of_ten_megabytes_is_refused_where_it_becomes_too_long(text: str, problem: str) -> None:
    """What comes behind is not read, so that the refusal takes a part of a second."""
    refusal = _refusal(text)
    assert problem in refusal.problem
    line, column = refusal.position
    assert line <= 20_002
    assert column <= 40_010


def test_a_file_of_very_many_small_lists_is_refused() -> None:
    text = ("- [" + "1," * 999 + "1]\n") * 501
    assert _refusal(text).problem == "this file holds more than 500000 values"


def test_aliases_end_with_their_document() -> None:
    assert "*a is not defined" in _refusal("x: &a 1\n---\ny: *a").problem
    assert "*a is not defined" in _refusal("x: &a [*a]").problem


def test_duplicate_keys_and_tags_are_reported_and_reading_goes_on() -> None:
    trees, reports = _read("a: 1\na: 2\nb: !!python/name:os.system x\nc: !mine {d: 1}\n<<: x\n")
    assert len(trees) == 1
    assert reports == [
        "2:1 a is given twice, first in line 1",
        "3:4 the tag tag:yaml.org,2002:python/name:os.system is not allowed",
        "4:4 the tag !mine is not allowed",
        "5:5 `<<` takes over the keys of a mapping",
    ]


def test_documents_before_a_syntax_error_are_read() -> None:
    trees = read_trees("a: 1\n---\nb: [\n", print)
    assert next(trees)[1] == {"a": "1"}
    with pytest.raises(SyntaxProblemError):
        next(trees)


@pytest.mark.parametrize(
    ("text", "position", "remedy"),
    [
        ("a:\n\tb: 1", (2, 1), "spaces, not with tabs"),
        ("a: b: c", (1, 5), "quote text that holds a colon"),
        ("a:\n  b: 1\n c: 2", (3, 2), "indentation and the quotes of the lines before"),
        ("? [a]\n: b", (1, 3), "write `key: value`"),
        ("a: \x07", (1, 4), "escape in double quotes"),
        ("a: {b: up{c=1}}", (1, 10), "braces, brackets or commas in quotes"),
    ],
)
def test_syntax_errors_say_where_and_what_to_do(text: str, position: Position, remedy: str) -> None:
    refused = _refusal(text)
    assert refused.position == position
    assert remedy in refused.remedy
