"""Adjustments in the database, which several threads of a process read and write."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from typing_extensions import override

from app.adjustments import Adjustment, AdjustmentCategory, AdjustmentEffect, CurrentAdjustments
from app.status import StoredAdjustments, TooManyAdjustmentsError
from app.store import open_database_in_memory
from tests.support.set_clock import SetClock

NOW = datetime(2025, 6, 1, tzinfo=UTC)


GIVEN = Adjustment(
    id="one",
    effect=AdjustmentEffect.EXCLUDE,
    category=AdjustmentCategory.MAINTENANCE,
    reason="upgrade",
    author="ana",
    start=datetime(2025, 6, 1),  # noqa: DTZ001  wall-clock time of its zone
    duration=timedelta(hours=1),
)


def test_occurrences_are_counted_before_the_database_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A calendar of a thousand hourly rules takes seconds to count, for which no evaluation could be written."""
    monkeypatch.setattr("app.status.stored_adjustments._MOST_OCCURRENCES_A_YEAR", 700)
    database, current, clock = open_database_in_memory(), CurrentAdjustments(), SetClock(NOW)
    log = StoredAdjustments(database, current, clock)
    daily = [replace(GIVEN, id=str(number), rrule="FREQ=DAILY") for number in range(2)]
    with monkeypatch.context() as locked:
        locked.setattr(database, "begin", None)
        with pytest.raises(TooManyAdjustmentsError):
            log.save(daily, action="imported", author="ana")
    # With those that are known there are as many.
    log.save(daily[:1], action="created", author="ana")
    with pytest.raises(TooManyAdjustmentsError):
        log.save(daily[1:], action="created", author="ana")
    assert [one.id for one in current.all] == ["0"]


def test_what_is_saved_while_those_of_other_replicas_are_read_applies() -> None:
    database, current, clock = open_database_in_memory(), CurrentAdjustments(), SetClock(NOW)

    def save() -> None:
        StoredAdjustments(database, current, clock).save([GIVEN], action="created", author="ana")

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
