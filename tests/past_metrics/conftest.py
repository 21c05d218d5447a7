"""A service that has stopped, for those who read its database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.store.changes import save_change
from tests.past_metrics.shop import DAY, NOW, run_shop
from tests.support.changes import a_change


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database and the documents of a service that has stopped; it kept a month more than its window."""
    found = tmp_path_factory.mktemp("service")
    with run_shop(found / "db", found / "slos") as one:
        with one.database.begin() as transaction:
            for version, ago in (("v1", 3 * DAY), ("v2", 7_200), ("v3", 7_100)):
                deploy = a_change("shop", version=version, started_at=datetime.fromtimestamp(NOW - ago, UTC))
                save_change(transaction, deploy, at=deploy.started_at)
        one.tick(NOW + 30)
    return found


@pytest.fixture
def set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands know it."""
    monkeypatch.setenv("SLOBURN_DATABASE_URL", f"sqlite:///{folder / 'db'}")
    monkeypatch.setenv("SLOBURN_SPECS", str(folder / "slos"))
