from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.prometheus import RuntimeInfo, ServerBuild
from app.prometheus.server_info import build_info, metric_types, runtime_info


@pytest.mark.parametrize(
    ("text", "days"), [("15d", 15), ("2w", 14), ("100d or 10GiB", 100), ("10GiB", None), ("", None), (7, None)]
)
def test_retention_is_read_where_it_is_a_time(text: Any, days: int | None) -> None:
    expected = None if days is None else timedelta(days=days)
    assert runtime_info({"storageRetention": text}).retention == expected


def test_the_start_time_is_read_in_utc() -> None:
    info = runtime_info({"startTime": "2026-01-01T13:00:00.123456789+01:00"})
    assert info.started_at == datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("data", [{}, {"startTime": "now"}, {"startTime": 7}, {"startTime": "2026-01-01T13:00:00"}])
def test_what_is_absent_or_unknown_is_none(data: dict[str, Any]) -> None:
    assert runtime_info(data) == RuntimeInfo()
    assert build_info(data) == ServerBuild()


def test_types_of_a_metric_that_are_no_text_are_left_out() -> None:
    entries = [{"type": "counter"}, {"type": ["gauge"]}, {"type": {}}, {"type": None}, "counter", {"type": "unknown"}]
    assert metric_types("rq_total", {"rq_total": entries}) == {"counter"}
