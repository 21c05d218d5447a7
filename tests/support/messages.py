"""The texts that a package can print: its string constants, each joined as Python joins it."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def printed_texts() -> tuple[str, ...]:
    """Every string constant of the service, and every constant part of an f-string."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "app").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return tuple(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
