"""SLO documents to `Slo` values; errors with file, line, column and field, and what to write instead.

May import `app.slo`, `app.promql` and `app.alerting`; the only room that reads YAML. Start at `load.py`. `native.py` is
the native dialect, `native_model.py` its structure, `scalars.py` its single values, `checks.py` what its parts must be
to each other. Another dialect is a module beside `native.py`, listed in `load.DIALECTS`.
"""

from app.spec.errors import Finding, Place, SpecError, SpecHint, SpecWarning
from app.spec.lint import COUNTER_NAME, unlike_a_counter
from app.spec.load import LoadResult, digest, load_documents
from app.spec.schema import json_schema

__all__ = [
    "COUNTER_NAME",
    "Finding",
    "LoadResult",
    "Place",
    "SpecError",
    "SpecHint",
    "SpecWarning",
    "digest",
    "json_schema",
    "load_documents",
    "unlike_a_counter",
]
