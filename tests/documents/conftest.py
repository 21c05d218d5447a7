"""Fixtures of all tests of documents."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.documents import NAMES
from app.yamldoc.findings import Findings


@pytest.fixture(autouse=True, scope="session")
def names_of_warnings() -> Iterator[None]:
    """Every warning that any of these tests provokes has a name of the list."""
    warning = Findings.warning

    def named(self: Findings, *args: Any, code: str, **others: Any) -> None:
        assert code in NAMES, f"{code!r} is missing in app/documents/lint/names.py"
        warning(self, *args, code=code, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Findings, "warning", named)
        yield
