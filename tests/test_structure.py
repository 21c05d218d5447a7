"""The size of functions and packages: what a reader can hold in mind. Complexity and import directions are lint's."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

APP = Path("app")
LONGEST_FUNCTION = 60
"""Lines, with the docstring."""
LARGEST_PACKAGE = 2500
"""Lines of a package without sub-packages."""


@cache
def modules() -> Mapping[Path, ast.Module]:
    return {file: ast.parse(file.read_text()) for file in APP.rglob("*.py")}


@pytest.mark.parametrize("package", sorted(folder for folder in APP.iterdir() if any(folder.glob("*.py"))), ids=str)
def test_a_large_package_has_sub_packages(package: Path) -> None:
    lines = sum(len(file.read_text().splitlines()) for file in package.rglob("*.py"))
    assert lines <= LARGEST_PACKAGE or list(package.glob("*/__init__.py"))


def test_functions_are_short() -> None:
    found = {
        f"{file}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file, tree in modules().items()
        for node in _functions(tree)
    }
    assert len(found) > 1000
    assert {where: lines for where, lines in found.items() if lines > LONGEST_FUNCTION} == {}


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions below, found without a look into expressions: most of a tree is those."""
    for node in (child for child in ast.iter_child_nodes(tree) if not isinstance(child, ast.expr)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        yield from _functions(node)


def test_libraries_of_remote_write_are_loaded_where_it_is_used() -> None:
    loaded = {
        name.partition(".")[0]
        for file in (APP / "remote_write").glob("*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert "app" in loaded
    assert not loaded & {"cramjam", "google"}


def test_no_two_packages_define_the_same_public_name() -> None:
    """A class or function of one name would have to be told apart by where it is imported from."""
    packages = defaultdict[str, set[str]](set)
    for file, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith(
                "_"
            ):
                packages[node.name].add(file.relative_to(APP).parts[0])
    assert {name: sorted(found) for name, found in packages.items() if len(found) > 1} == {}


BROAD_EXCEPTS = {
    "delivery/outcome.py failing_attempt": "an error in one alert or receiver must not keep others from being sent",
    "delivery/restarting.py restarting": "delivery goes on after an error in one of its tasks",
    "evaluation/judging/fault_isolation.py attempt": "the judgement or the forecast of one SLO",
    "http/detached.py _run": "raised by the callers that wait for the thread",
    "schedule.py guarded": "an evaluation, and work beside evaluations",
    "service/engine.py _run": "raised by `start`, in the thread that started the engine",
    "wording/templates.py _as_problem": "the rendering of one alert: Jinja raises anything for a template",
}
"""Where any error is caught, and why it must be; everywhere else only what can be raised is."""


def test_any_error_is_caught_only_where_it_must_be() -> None:
    found = {
        f"{file.relative_to(APP)} {function.name}"
        for file, tree in modules().items()
        if _catches_any_error(tree)
        for function in _functions(tree)
        if _catches_any_error(function)
    }
    assert found == set(BROAD_EXCEPTS)


def _catches_any_error(tree: ast.AST) -> bool:
    return any(
        node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
    )
