"""`sloburn db`: the database of the service, while it is stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from app.cli.configuration import settings_for
from app.cli.console import EXIT_FAILED, EXIT_USAGE, errors, fail, output
from app.store import Database, StoreError, open_database, open_database_for_reading
from app.store.copying import CopiedTable, copy_database

app = typer.Typer(
    name="db",
    help="Copy the database.\n\nExample: sloburn db copy sqlite:///data/sloburn.db",
    no_args_is_help=True,
)


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="SOURCE", hidden=True)],
    *,
    database_url: Annotated[
        str | None,
        typer.Option("--database-url", help="Database to copy to.", metavar="URL", show_default="SLOBURN_DATABASE_URL"),
    ] = None,
) -> None:
    """Copy a database into another, as from SQLite to PostgreSQL.

    SOURCE is its URL. The service must be stopped. A copy that was
    interrupted goes on when it is run again; at the end the sums of all
    tables are compared.

    Example: sloburn db copy sqlite:///data/sloburn.db
    """
    to = settings_for({"database_url": database_url}).database_url
    if to == source:
        fail("SOURCE is SLOBURN_DATABASE_URL itself: name another database to copy to", code=EXIT_USAGE)
    with _opened(source, exists=True) as one, _opened(to) as other:
        if not one.is_shared and other.is_shared:
            _copy(one, other)
        else:
            fail("a database is copied from SQLite to PostgreSQL; use pg_dump or a copy of the file", code=EXIT_USAGE)


def _copy(source: Database, target: Database) -> None:
    def show(table: CopiedTable) -> None:
        verdict = "same sums" if table.is_whole else "NOT the same sums"
        output().print(f"{table.name}: {table.source.rows} rows, {verdict}", markup=False, highlight=False)

    try:
        done = copy_database(source, target, copied=show)
    except StoreError as error:
        fail(str(error))
    different = [one.name for one in done if not one.is_whole]
    if different:
        errors().print(
            f"{', '.join(different)}: the target has rows that the source has not: empty it, and copy again",
            markup=False,
        )
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _opened(url: str, *, exists: bool = False) -> Iterator[Database]:
    try:
        if exists:
            # Else a file that is misspelt would be made.
            open_database_for_reading(url).close()
        database = open_database(url)
    except StoreError as error:
        fail(str(error), code=EXIT_USAGE)
    try:
        yield database
    finally:
        database.close()
