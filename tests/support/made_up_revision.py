"""A revision that follows those that there are, as a later version would bring it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.store import Database, open_database
from app.store.migrate import MIGRATIONS, REVISION, migrate

NEXT = f"{int(REVISION) + 1:04}"
"""Its number."""
WIDENED = ("alert", "change", "incident", "instance", "outbox", "shard", "shown_shard", "sli_state", "transition")
"""The tables that get a column which may be null, `added`."""

_APP = MIGRATIONS.parents[1]


@contextmanager
def opened_by_the_next_version(url: str, folder: Path, *, works_with: str = REVISION) -> Iterator[Database]:
    """A database as code of the next revision opens it: with more columns, and the oldest code that *works_with* it.

    Raises:
        StoreError: it cannot be opened.
    """
    migrations = folder / f"migrations-{works_with}"
    if not migrations.exists():
        shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
        _write_revision(migrations, works_with)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.store.migrate.MIGRATIONS", migrations)
        patch.setattr("app.store.migrate.REVISION", NEXT)
        patch.setattr("app.store.postgres.REVISION", NEXT)
        # Elsewhere in the tests their tables are made at once.
        patch.setattr("app.store.sqlite.migrate", migrate)
        opened = open_database(url)
    try:
        yield opened
    finally:
        opened.close()


def next_version(folder: Path) -> Path:
    """A copy of the code of which the made-up revision is the newest, below a folder for `PYTHONPATH`."""
    # With what was compiled of it, which is valid for files of the same times.
    shutil.copytree(_APP, folder / "app")
    migrations = folder / "app" / MIGRATIONS.relative_to(_APP)
    _write_revision(migrations, REVISION)
    module = migrations.with_name("migrate.py")
    module.write_text(module.read_text().replace(f'REVISION = "{REVISION}"', f'REVISION = "{NEXT}"'))
    return folder


def _write_revision(migrations: Path, works_with: str) -> None:
    columns = "".join(f"    op.add_column({name!r}, sa.Column('added', sa.String))\n" for name in WIDENED)
    (migrations / "versions" / f"{NEXT}_made_up.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision, down_revision, branch_labels, depends_on = {NEXT!r}, {REVISION!r}, None, None\n"
        f"works_with = {works_with!r}\n"
        f"def upgrade():\n{columns}"
    )
