"""The revisions of the database schema, applied by alembic when a database is opened.

`versions` holds one module for each, `env.py` is what alembic runs. Released revisions never change: a new table or
column is a new revision, which a database with data in it can take too.
"""
