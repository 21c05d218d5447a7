"""Adjustments in the database, which several threads of a process read and write."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Thread

from typing_extensions import override

from app.adjustments import Adjustment, AdjustmentCategory, AdjustmentEffect, CurrentAdjustments
from app.status import StoredAdjustments
from app.store import open_database_in_memory
from tests.support.set_clock import SetClock

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def test_what_is_saved_while_those_of_other_replicas_are_read_applies() -> None:
    database, current, clock = open_database_in_memory(), CurrentAdjustments(), SetClock(NOW)
    given = Adjustment(
        id="one",
        effect=AdjustmentEffect.EXCLUDE,
        category=AdjustmentCategory.MAINTENANCE,
        reason="upgrade",
        author="ana",
        start=datetime(2025, 6, 1),  # noqa: DTZ001  wall-clock time of its zone
        duration=timedelta(hours=1),
    )

    def save() -> None:
        StoredAdjustments(database, current, clock).save([given], action="created", author="ana")

    saving = Thread(target=save)

    class Slow(StoredAdjustments):
        @override
        def listed(self) -> Sequence[Adjustment]:
            found = super().listed()
            # Another thread saves, after they were read and before they apply.
            saving.start()
            saving.join(0.2)
            return found

    Slow(database, current, clock).publish()
    saving.join()
    assert [one.id for one in current.all] == ["one"]
