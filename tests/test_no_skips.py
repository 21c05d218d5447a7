"""A test that is skipped proves nothing: what it needs is installed by `scripts/setup --tests`, or it fails."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
_SKIPS = re.compile(r"pytest\.(?:skip|importorskip|xfail)\b|mark\.(?:skip|skipif|xfail)\b|\bunittest\b")


def test_no_test_can_be_skipped() -> None:
    files = [path for path in TESTS.rglob("*.py") if path != Path(__file__)]
    assert [str(path.relative_to(TESTS)) for path in files if _SKIPS.search(path.read_text(encoding="utf-8"))] == []
