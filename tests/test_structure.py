"""The size of functions and packages: what a reader can hold in mind. Complexity and import directions are lint's."""

import ast
from pathlib import Path

import pytest

APP = Path("app")
LONGEST_FUNCTION = 60
"""Lines, with the docstring."""
LARGEST_PACKAGE = 2500
"""Lines of a package without sub-packages."""


@pytest.mark.parametrize("package", sorted(folder for folder in APP.iterdir() if any(folder.glob("*.py"))), ids=str)
def test_a_large_package_has_sub_packages(package: Path) -> None:
    lines = sum(len(file.read_text().splitlines()) for file in package.rglob("*.py"))
    assert lines <= LARGEST_PACKAGE or list(package.glob("*/__init__.py"))


def test_functions_are_short() -> None:
    found = {
        f"{file}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file in APP.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(found) > 1000
    assert {where: lines for where, lines in found.items() if lines > LONGEST_FUNCTION} == {}
