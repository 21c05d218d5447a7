"""Lint: what loads, and is probably not meant, in documents of every dialect.

May import what `app.documents` may. `rules.py` looks at the SLOs, `outside_total.py` at the queries of one; `names.py`
lists the names of all warnings and hints, and `comments.py` reads the comments that turn them off.
"""

from app.documents.lint.comments import name_as_written
from app.documents.lint.names import NAMES
from app.documents.lint.rules import lint

__all__ = ["NAMES", "lint", "name_as_written"]
