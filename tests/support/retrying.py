"""Questions to Prometheus that are not repeated."""

from datetime import timedelta

import pytest

from app.http.backoff import Backoff
from app.prometheus import retries


def ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no second attempt fit into a deadline: what is wrong with the first is raised at once."""
    monkeypatch.setattr(retries, "_BACKOFF", Backoff(base=timedelta(days=1), cap=timedelta(days=2)))
