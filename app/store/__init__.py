"""What survives a restart: SQLAlchemy Core tables, migrations, transactions.

The only room that imports SQLAlchemy.
"""
