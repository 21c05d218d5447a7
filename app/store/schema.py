"""The metadata of all tables; `migrations/versions` makes them, and a test compares the two."""

from sqlalchemy import MetaData

metadata = MetaData(
    # Every constraint has a name that a migration can refer to, the same in every database.
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
