"""The times that people and tools may give."""

from datetime import UTC, datetime

EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""The first time that can be given: a year after the unix epoch, so that no step or window leads out of it."""
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Before it ends what can be given, centuries from the last time that datetime holds."""
