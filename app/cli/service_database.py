"""The database of the service, for commands that read or write it whether the service runs or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from app.cli.configuration import settings_for
from app.cli.console import EXIT_USAGE, fail
from app.store import Database, StoreError, open_database_beside

DatabaseUrlOption = Annotated[
    str | None,
    typer.Option("--database-url", help="Database of the service.", metavar="URL", show_default="SLOBURN_DATABASE_URL"),
]


@contextmanager
def service_database(url: str | None) -> Iterator[Database]:
    """The database, by default that of the settings; ends the command if it cannot be opened, read or written."""
    settings = settings_for({"database_url": url})
    try:
        database = open_database_beside(settings.database_url)
    except StoreError as error:
        fail(str(error), code=EXIT_USAGE)
    try:
        yield database
    except StoreError as error:
        fail(str(error))
    finally:
        database.close()
