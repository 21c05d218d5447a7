"""What survives a restart: SQLAlchemy Core tables, their version, transactions.

May import `app.slo` and the core; the only room that imports SQLAlchemy. `database.py` opens and locks, `ledger.py`,
`alerts.py` and `outbox.py` hold the tables of their rooms, `dead_letters.py` is what the outbox has given up; their
functions take a `Connection` and neither begin nor commit.
"""

from app.store.database import Database, Transaction, open_database, unreadable_is_damaged
from app.store.errors import StoreCorruptError, StoreError, StoreLockedError, StoreNewerError, StoreUnavailableError

__all__ = [
    "Database",
    "StoreCorruptError",
    "StoreError",
    "StoreLockedError",
    "StoreNewerError",
    "StoreUnavailableError",
    "Transaction",
    "open_database",
    "unreadable_is_damaged",
]
