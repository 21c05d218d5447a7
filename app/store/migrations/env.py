"""What alembic runs: all revisions in the transaction that `app.store.migrate` has begun."""

from alembic import context

from app.store.migrate import REVISION_TABLE
from app.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=REVISION_TABLE,
    # SQLite changes tables by copying them.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
