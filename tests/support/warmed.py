"""What each service works out at its start, worked out once in the process that services of tests are forked from.

It is imported by that process only.
"""

from pathlib import Path

from app.documents import load_documents
from app.status import Board
from tests.support.sites import site

# Models of documents are built when the first document is read, and what FastAPI finds out of routes is kept by
# `tests.support.api`: two thirds of the CPU time of a start.
load_documents(Path(__file__).resolve().parents[2] / "config" / "slos")
site(Board())
