"""What is said of sources."""

from datetime import UTC, datetime

from fastapi.testclient import TestClient

from app.status import SourceStatus
from tests.support.api import Served


def test_the_health_of_each_source_is_shown() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    answering = SourceStatus(name="eu", answered_at=at, seconds=0.5, slis=3, failing=0, answers=True, problem=None)
    away = SourceStatus(name="us", answered_at=None, seconds=20, slis=2, failing=2, answers=False, problem="refused")
    served = Served(sources=(answering, away))
    eu, us = TestClient(served.app()).get("/api/v1/status/sources").json()["items"]
    assert eu == {
        "name": "eu",
        "answers": True,
        "answered_at": "2026-03-01T00:00:00Z",
        "query_seconds": 0.5,
        "slis": 3,
        "failing_slis": 0,
        "problem": None,
    }
    assert (us["answers"], us["answered_at"], us["failing_slis"], us["problem"]) == (False, None, 2, "refused")
