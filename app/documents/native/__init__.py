"""The native dialect, as docs/slo-format.md describes it.

Start at `dialect.py`. `model.py` is the structure of a document, `fields.py` and `scalars.py` its single values,
`checks.py` what its parts must be to each other, `lint.py` what is probably not meant.
"""

from app.documents.native.schema import json_schema, policies_schema

__all__ = ["json_schema", "policies_schema"]
