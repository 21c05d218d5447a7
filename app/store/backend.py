"""What differs between the kinds of databases; everything else in this package is the same for all."""

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.store.errors import StoreCorruptError, StoreError
from app.store.instances import Instance


class Backend(Protocol):
    """One opened database of some kind.

    Attributes:
        engine: its connections.
        instance: this process, as leases name it.
        read_options: with these a connection reads one consistent state and does not wait for the writer.
        is_shared: whether other processes write it too.
    """

    engine: Engine
    instance: Instance
    read_options: Mapping[str, Any]
    is_shared: bool

    @property
    def product(self) -> str:
        """The product and its version, for people."""

    def check_usable(self) -> None:
        """Make sure before a transaction that this is still the database that was opened.

        Raises:
            StoreError: it is not.
        """

    def check_writable(self, connection: Connection) -> None:
        """Make sure at the beginning of a write transaction that this process may write.

        Raises:
            StoreError: it may not.
        """

    def check_integrity(self) -> None:
        """Read the whole database if it cannot vouch for itself; may take seconds.

        Raises:
            StoreCorruptError: it is damaged.
        """

    def living(self, connection: Connection) -> frozenset[str]:
        """The ids of the processes whose leases count."""

    def put_aside(self) -> None:
        """Close it and rename its files.

        Raises:
            StoreError: it has no files of ours.
        """

    def translated(self, error: SQLAlchemyError) -> StoreError:
        """The error of the driver as one of `app.store.errors`."""

    def damaged(self, why: object) -> StoreCorruptError:
        """The error for a database that holds what nothing can have written, with what to do about it."""

    def close(self) -> None:
        """Close all connections and let another process have the database."""
