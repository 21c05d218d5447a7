import re
from dataclasses import replace
from pathlib import Path

from app.status import Problem, ProblemCode, ProblemLevel, most_serious_first
from tests.support.snapshots import a_snapshot

DOCS = Path(__file__).parents[2] / "docs" / "http.md"


def a_problem(code: ProblemCode, level: ProblemLevel) -> Problem:
    return Problem(code=code, level=level, detail=f"{code} in words")


def test_the_docs_list_every_code() -> None:
    section = DOCS.read_text().split("## Problems")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(ProblemCode)


def test_the_most_serious_problem_comes_first_and_hints_are_no_problem_in_words() -> None:
    hint = a_problem(ProblemCode.WAITING, ProblemLevel.HINT)
    warning = a_problem(ProblemCode.STALE, ProblemLevel.WARNING)
    error = a_problem(ProblemCode.NO_SERIES, ProblemLevel.ERROR)

    assert most_serious_first([hint, warning, error]) == (error, warning, hint)
    assert replace(a_snapshot(), problems=(warning, hint)).problem == "stale in words"
    assert replace(a_snapshot(), problems=(hint,)).problem is None
