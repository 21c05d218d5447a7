"""Which share of small changes of some code its tests notice: scripts/sample_mutants.py app/ledger tests/ledger.

`make mutants` makes all changes, which takes hours. This draws some, from each module by its size, and makes each in a
process of its own, which runs the tests that call the changed function, the quickest first.
"""

import argparse
import ast
import functools
import importlib
import inspect
import itertools
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning")
# Of CPU time: a change may make a loop endless. One that only waits is ended by the timeout of the tests.
LONGEST_S = 900
PAIRS: Sequence[tuple[type[ast.AST], type[ast.AST]]] = (
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.BitAnd, ast.BitOr),
)
OPPOSITES = {ast.FloorDiv: ast.Div, ast.Mod: ast.Div, **dict(PAIRS), **{other: one for one, other in PAIRS}}
NONE = ast.Constant(None)


@dataclass(frozen=True, slots=True)
class Mutant:
    """The change with this *number* of a function, of those that `changes_of` finds in it."""

    path: str
    function: str
    number: int


def changes_of(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, Callable[[], None]]]:
    """Where something can be changed in a function, and what does it."""
    for node in (node for statement in function.body for node in ast.walk(statement)):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in OPPOSITES:
            yield node, functools.partial(node.ops.__setitem__, 0, OPPOSITES[type(node.ops[0])]())
        elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OPPOSITES:
            yield node, functools.partial(setattr, node, "op", OPPOSITES[type(node.op)]())
        elif isinstance(node, ast.Constant) and type(node.value) in {bool, int, float}:
            value: Any = not node.value if isinstance(node.value, bool) else node.value + 1
            yield node, functools.partial(setattr, node, "value", value)
        elif isinstance(node, ast.Call):
            for place, argument in enumerate(node.args):
                if not isinstance(argument, ast.Constant):
                    yield node, functools.partial(node.args.__setitem__, place, NONE)
            # Whether lengths are compared is no behaviour of code that is right.
            for keyword in (keyword for keyword in node.keywords if keyword.arg != "strict"):
                yield node, functools.partial(setattr, keyword, "value", NONE)
        elif isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant):
            yield node, functools.partial(setattr, node, "value", NONE)


def functions_of(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """All functions and methods, with their qualified names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions_of(node, f"{inside}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield f"{inside}{node.name}", node


def drawn(package: str, count: int, dice: random.Random) -> Iterator[Mutant]:
    """Some mutants of each module, by how many it has."""
    by_module = {
        str(path): [
            Mutant(str(path), name, number)
            for name, function in functions_of(ast.parse(path.read_text()))
            for number, _ in enumerate(changes_of(function))
        ]
        for path in sorted(Path(package).rglob("*.py"))
    }
    every = sum(map(len, by_module.values()))
    for mutants in by_module.values():
        yield from dice.sample(mutants, min(len(mutants), max(1, round(count * len(mutants) / every))))


class Calls:
    """A plugin that notes how long each test takes, and which functions of a package it calls."""

    def __init__(self, package: str) -> None:
        self._begins = str(ROOT / package)
        self.tests: dict[str, tuple[float, list[str]]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run a test."""
        codes: set[CodeType] = set()

        def note(frame: FrameType, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(self._begins):
                codes.add(frame.f_code)

        began = time.process_time()
        sys.setprofile(note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            names = {f"{code.co_filename.removeprefix(f'{ROOT}/')}:{code.co_qualname}" for code in codes}
            self.tests[item.nodeid] = time.process_time() - began, sorted(names)


class Only:
    """A plugin that runs only some tests, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._place = {test: place for place, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out all others."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._place), key=lambda one: self._place[one.nodeid]
        )


def in_a_child(run: Callable[[], int]) -> int:
    """What *run* gives in a process of its own, whose output is dropped; below 0 if a signal ends that."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_S, LONGEST_S))
        dropped = os.open(os.devnull, os.O_WRONLY)
        os.dup2(dropped, 1)
        os.dup2(dropped, 2)
        with suppress(BaseException):
            os._exit(run())
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def change(mutant: Mutant) -> str:
    """Make a change in the function as it is loaded, and say which."""
    tree = ast.parse(Path(mutant.path).read_text())
    function = dict(functions_of(tree))[mutant.function]
    node, apply = list(changes_of(function))[mutant.number]
    before = ast.unparse(node)
    apply()
    ast.fix_missing_locations(tree)
    module = importlib.import_module(mutant.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    loaded: Any = module
    for name in mutant.function.split("."):
        loaded = inspect.getattr_static(loaded, name)
    # A property, a cached one, a class or static method.
    loaded = getattr(loaded, "fget", None) or getattr(loaded, "func", None) or inspect.unwrap(loaded)
    loaded = getattr(loaded, "__func__", loaded)
    whole = compile(tree, str(module.__file__), "exec", dont_inherit=True)
    loaded.__code__ = next(code for code in _codes(whole) if code.co_qualname == loaded.__code__.co_qualname)
    after = ast.unparse(node)
    # Long calls differ in one argument.
    same = sum(1 for _ in itertools.takewhile(lambda both: both[0] == both[1], zip(before, after, strict=False)))
    begin = max(0, same - 40)
    changed = f"{before[begin:][:100]} => {after[begin:][:100]}"
    return f"{mutant.path}:{getattr(node, 'lineno', '')} {mutant.function}: {changed}"


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def main() -> None:
    """Draw mutants, run the tests against each, and print those that no test notices, and their share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for path in Path(given.package).rglob("*.py"):
        importlib.import_module(str(path.with_suffix("")).replace("/", ".").removesuffix(".__init__"))
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "calls.json"

        def note() -> int:
            calls = Calls(given.package)
            code = pytest.main([*QUIET, *given.tests], plugins=[calls])
            noted.write_text(json.dumps(calls.tests))
            return int(code)

        if in_a_child(note) != 0:
            sys.exit("the tests do not pass as they are, or take too long")
        tests: dict[str, tuple[float, list[str]]] = json.loads(noted.read_text())
    noticed, mutants = 0, list(drawn(given.package, given.count, random.Random(given.seed)))  # noqa: S311
    for mutant in mutants:
        of_function = f"{mutant.path}:{mutant.function}"
        chosen = sorted((took_s, test) for test, (took_s, called) in tests.items() if of_function in called)
        said, saying = os.pipe()

        def run(mutant: Mutant = mutant, chosen: Sequence[tuple[float, str]] = chosen, saying: int = saying) -> int:
            os.write(saying, change(mutant).encode())
            files = sorted({test.partition("::")[0] for _, test in chosen})
            return (
                int(pytest.main(["-x", *QUIET, *files], plugins=[Only([test for _, test in chosen])])) if files else 0
            )

        code = in_a_child(run)
        os.close(saying)
        what = os.read(said, 10_000).decode()
        os.close(said)
        if not what or code > 1:
            sys.exit(f"{mutant} cannot be tried")
        noticed += code != 0
        if code == 0:
            print(f"not noticed by {len(chosen)} tests: {what}", flush=True)
    print(f"{noticed} of {len(mutants)} were noticed: {noticed / len(mutants):.0%}")


if __name__ == "__main__":
    main()
