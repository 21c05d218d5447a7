"""Objects of Kubernetes that hold SLO documents: listed, watched, and their status written.

A small list and watch over our own HTTP client (ADR-0095). Start at `feed.py`, which keeps the objects of one kind up
to date; `client.py` sends requests, `objects.py` writes an object as kubectl prints it, `status.py` is what is written
back.
"""

from app.kubernetes.client import ApiServer, ApiServerError, KubernetesClient
from app.kubernetes.feed import ObjectFeed
from app.kubernetes.kinds import DOCUMENT_KIND, WATCHED_KINDS, WatchedKind
from app.kubernetes.objects import WatchedObject
from app.kubernetes.status import is_reported, is_same, status_of

__all__ = [
    "DOCUMENT_KIND",
    "WATCHED_KINDS",
    "ApiServer",
    "ApiServerError",
    "KubernetesClient",
    "ObjectFeed",
    "WatchedKind",
    "WatchedObject",
    "is_reported",
    "is_same",
    "status_of",
]
