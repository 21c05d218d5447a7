"""Errors of the store.

StoreError
├── StoreUnavailableError   cannot be opened or written: folder, disk, rights
│   ├── StoreDriverError    its driver is not installed
│   └── StoreGoneError      its files were deleted or replaced while in use
├── StoreLockedError        another process holds it
│   └── StoreFencedError    another replica has taken what is written
├── StoreCorruptError       the file is damaged
├── StoreNewerError         written by a newer version of Sloburn
└── StoreOutdatedError      written by a version whose format is not read any more
"""


class StoreError(Exception):
    """The store cannot be used; the message says why in one line and what to do. *reason* doubles as a metric label."""

    reason = "store"


class StoreUnavailableError(StoreError):
    """The database cannot be opened or written."""


class StoreUnreachableError(StoreUnavailableError):
    """The server of the database cannot be reached, or lets no client in: another attempt may succeed."""


class StoreDriverError(StoreUnavailableError):
    """The package that the kind of database needs is not installed."""


class StoreGoneError(StoreUnavailableError):
    """The files of the database were deleted or replaced while in use: nothing of it can be read or written."""


class StoreLockedError(StoreError):
    """Another process holds the database."""

    reason = "store_locked"


class StoreCorruptError(StoreError):
    """The database file is damaged."""

    reason = "store_corrupt"


class StoreNewerError(StoreError):
    """The database was written by a newer version."""


class StoreOutdatedError(StoreError):
    """The database was written by a version whose format is not read any more."""


class StoreFencedError(StoreLockedError):
    """Another replica has taken what this one was about to write."""
