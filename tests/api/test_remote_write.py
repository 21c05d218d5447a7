"""What is said of remote write."""

from datetime import UTC, datetime

from fastapi.testclient import TestClient

from app.remote_write import RemoteWriteStatus
from tests.support.api import Served


def test_the_progress_and_the_problem_of_each_receiver_are_shown() -> None:
    status = RemoteWriteStatus(
        receiver="mimir:9009",
        live_until=datetime(2026, 3, 1, tzinfo=UTC),
        slos=3,
        parts_pending=1,
        samples_sent=100,
        samples_dropped=0,
        problem="it fails, and is tried again: 503",
    )
    served = Served(remote_write=(status,))
    (item,) = TestClient(served.app()).get("/api/v1/status/remote_write").json()["items"]
    assert item == {
        "receiver": "mimir:9009",
        "live_until": "2026-03-01T00:00:00Z",
        "slos": 3,
        "parts_pending": 1,
        "samples_sent": 100,
        "samples_dropped": 0,
        "problem": "it fails, and is tried again: 503",
    }
