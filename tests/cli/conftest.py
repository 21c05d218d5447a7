"""Fixtures of several tests of commands."""

import pytest

from app.cli import live, remote
from testbed.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command wait for the answers of a service in this process, however busy the machine is."""
    monkeypatch.setattr(remote, "_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
def patient_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `check --live` wait for a server that is there, however busy the machine is."""
    monkeypatch.setattr(live, "_FIRST_ANSWER_S", PATIENCE_S)
    monkeypatch.setattr(live, "_DEADLINE_S", PATIENCE_S)
