"""The metadata that every table of the store hangs on, and the version of the whole."""

from sqlalchemy import MetaData

metadata = MetaData()
SCHEMA_VERSION = 1
