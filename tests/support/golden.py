"""Golden files: what is printed is compared with what was reviewed; ``UPDATE_GOLDEN=1`` writes them again."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "golden"


def golden(name: str) -> str:
    """A golden file as it was reviewed."""
    return (_FOLDER / name).read_text()


def assert_golden(name: str | Path, text: str) -> None:
    """The text equals the golden file of this name, or the file of this absolute path, to the byte."""
    path = _FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text(), f"{path} differs; UPDATE_GOLDEN=1 writes it again, then review the diff"
