"""What survives a restart: SQLAlchemy Core tables, their revisions, transactions; on SQLite or PostgreSQL.

May import `app.slo` and the core; the only package that imports SQLAlchemy and alembic. Start at `database.py`: it
opens a database and begins transactions; `sqlite.py` and `postgres.py` are all that differs. `ledger.py`, `alerts.py`,
`outbox.py`, `dead_letters.py`, `messages.py` and `budgets.py` hold tables; their functions take a `Connection` and
neither begin nor commit. `migrations` makes the tables.
"""

from app.store.database import (
    Database,
    Transaction,
    check_driver,
    inspect_server,
    open_database,
    open_database_beside,
    open_database_for_reading,
    open_database_in_memory,
)
from app.store.errors import (
    StoreCorruptError,
    StoreDriverError,
    StoreError,
    StoreFencedError,
    StoreGoneError,
    StoreLockedError,
    StoreNewerError,
    StoreOutdatedError,
    StoreUnavailableError,
    StoreUnreachableError,
)
from app.store.statement_spans import trace_statements

__all__ = [
    "Database",
    "StoreCorruptError",
    "StoreDriverError",
    "StoreError",
    "StoreFencedError",
    "StoreGoneError",
    "StoreLockedError",
    "StoreNewerError",
    "StoreOutdatedError",
    "StoreUnavailableError",
    "StoreUnreachableError",
    "Transaction",
    "check_driver",
    "inspect_server",
    "open_database",
    "open_database_beside",
    "open_database_for_reading",
    "open_database_in_memory",
    "trace_statements",
]
