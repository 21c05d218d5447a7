"""Lint: what loads, and is probably not meant, in documents of every dialect.

May import what `app.documents` may. `rules.py` looks at the SLOs, `outside_total.py` at the queries of one,
`counter_names.py` at the names of metrics; `names.py` lists the names of all warnings and hints, and `comments.py`
reads the comments that turn them off.
"""

from app.documents.lint.comments import name_as_written
from app.documents.lint.counter_names import COUNTER_NAME, unlike_a_counter
from app.documents.lint.names import NAMES
from app.documents.lint.rules import lint

__all__ = ["COUNTER_NAME", "NAMES", "lint", "name_as_written", "unlike_a_counter"]
