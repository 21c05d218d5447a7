"""How readers get at changes, and tools report them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from app.changes import Change
from app.store.changes import ChangeFilter


class OtherServiceError(Exception):
    """What is reported is known as a change of a service that its sender may not report for."""


class ChangeLog(Protocol):
    """Changes that are kept; called in a worker thread."""

    def add(self, change: Change, *, allows: Callable[[str], bool] | None = None) -> tuple[Change, bool]:
        """Keep a change; what is known of it by now, and whether it is new.

        Raises:
            OtherServiceError: it is one of a service that *allows* says no to.
        """
        ...

    def listed(self, wanted: ChangeFilter, *, limit: int, before: tuple[float, str] | None = None) -> Sequence[Change]:
        """The newest changes, newest first; *before* are start (unix seconds) and id of the last of a page."""
        ...

    def find(self, change: str) -> Change | None:
        """One change; None if none with this id is kept."""
        ...
