"""Changes for tests."""

from datetime import datetime

from app.changes import Change, ChangeKind, change_id


def a_change(
    service: str = "checkout",
    *,
    version: str = "",
    started_at: datetime,
    kind: ChangeKind = ChangeKind.DEPLOY,
    environment: str = "prod",
) -> Change:
    """A change that took no time."""
    return Change(
        id=change_id("test", service, environment, kind, version, started_at.isoformat()),
        source="test",
        kind=kind,
        service=service,
        environment=environment,
        version=version,
        started_at=started_at,
        finished_at=started_at,
    )
