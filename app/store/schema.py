"""The metadata that every table of the store hangs on, and the version of the whole."""

from sqlalchemy import Column, Integer, MetaData, Table

metadata = MetaData()
SCHEMA_VERSION = 1

schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))
