"""SLO documents to `Slo` values; errors with file, line, column and field, and what to write instead.

May import `app.slo`, `app.promql`, `app.alerting` and `app.yamldoc`. Start at `load.py`. `native/` is the native
dialect. Another dialect is a package beside it, listed in `load.DIALECTS`.
"""

from app.documents.dialect import Defaults
from app.documents.load import LoadResult, digest, load_documents
from app.documents.native import COUNTER_NAME, json_schema, unlike_a_counter

__all__ = ["COUNTER_NAME", "Defaults", "LoadResult", "digest", "json_schema", "load_documents", "unlike_a_counter"]
