"""Documents as people write them: the good ones load as meant, the bad ones are explained line by line."""

import os
from pathlib import Path

import pytest

from app.documents import LoadResult, load_documents

_FIXTURES = Path(__file__).parent / "fixtures"
_BAD = sorted(_FIXTURES.glob("*-bad.yaml"))
_GOOD = sorted([*_FIXTURES.glob("*-good.yaml"), *_FIXTURES.glob("*-good.json")])


@pytest.mark.parametrize("file", _GOOD, ids=lambda file: file.name)
def test_a_good_document_loads_without_a_word(file: Path) -> None:
    result = load_documents(file)
    assert result.slos
    assert _lines(result) == []


@pytest.mark.parametrize("file", _BAD, ids=lambda file: file.name)
def test_everything_that_is_wrong_is_said_at_once(file: Path) -> None:
    """The findings are those that were reviewed; UPDATE_GOLDEN=1 writes them anew."""
    text = "".join(f"{line}\n" for line in _lines(load_documents(file)))
    golden = file.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("file", _BAD, ids=lambda file: file.name)
def test_every_finding_has_a_place_and_a_remedy(file: Path) -> None:
    result = load_documents(file)
    assert result.errors or result.warnings
    assert [found for found in result.errors if found.line <= 0 or found.column <= 0] == []
    assert [found for found in (*result.errors, *result.warnings) if not (found.problem and found.remedy)] == []


def _lines(result: LoadResult) -> list[str]:
    return [str(found).replace(f"{_FIXTURES}{os.sep}", "") for found in (*result.errors, *result.warnings)]


def test_a_finding_is_one_printable_line_whatever_the_document_holds(tmp_path: Path) -> None:
    """A document cannot write lines of its own into a log, or commands to a terminal."""
    file = tmp_path / "odd.yaml"
    file.write_text('service: "a\\e[2J\\n2024 all is well"\nslos: []\n')
    errors = [str(error) for error in load_documents(file).errors]
    assert errors
    assert [error for error in errors if not error.isprintable()] == []
