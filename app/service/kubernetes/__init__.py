"""SLO documents in objects of Kubernetes (ADR-0095): one replica watches and decides, all load the same from the store.

`watching.py` is the first, `stored.py` the second.
"""

from app.service.kubernetes.stored import ObjectDocuments, api_server, document_loader, unwatched_namespaces
from app.service.kubernetes.watching import KubernetesWatch

__all__ = ["KubernetesWatch", "ObjectDocuments", "api_server", "document_loader", "unwatched_namespaces"]
