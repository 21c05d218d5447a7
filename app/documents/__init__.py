"""SLO documents to `Slo` values; errors with file, line, column and field, and what to write instead.

May import `app.slo`, `app.promql`, `app.sli`, `app.alerting` and `app.yamldoc`. Start at `load.py`, which hands all
documents of a dialect to it at once, since they may refer to each other. `native/` is the native dialect; those of
other tools are packages beside it, listed in `load.DIALECTS`, and share `importing/`.
"""

from app.documents.dialect import Defaults
from app.documents.files import FilesState, files_state, find_files, holds_documents, namespace_of
from app.documents.lint import COUNTER_NAME, NAMES, lint, name_as_written, unlike_a_counter
from app.documents.load import NO_DOCUMENT, LoadResult, digest, load_documents
from app.documents.native import json_schema, policies_schema
from app.documents.native.proposed_rules import ProposedRules, read_proposed_rules
from app.documents.objects import (
    DocumentLoader,
    DocumentObject,
    SettledObject,
    settle_objects,
    sound_objects,
    texts_of,
)
from app.documents.pyrra.windows import TIERS as PYRRA_RULES
from app.documents.tenants import keeping_unsound, load_all_documents, load_paths

__all__ = [
    "COUNTER_NAME",
    "NAMES",
    "NO_DOCUMENT",
    "PYRRA_RULES",
    "Defaults",
    "DocumentLoader",
    "DocumentObject",
    "FilesState",
    "LoadResult",
    "ProposedRules",
    "SettledObject",
    "digest",
    "files_state",
    "find_files",
    "holds_documents",
    "json_schema",
    "keeping_unsound",
    "lint",
    "load_all_documents",
    "load_documents",
    "load_paths",
    "name_as_written",
    "namespace_of",
    "policies_schema",
    "read_proposed_rules",
    "settle_objects",
    "sound_objects",
    "texts_of",
    "unlike_a_counter",
]
