"""Error budget policies in documents: `policy:` of a document of a service, or a file of its own with `policies:`.

Start at `read.py`; `model.py` is the structure, which `app/documents/native` has as a key of its documents.
"""

from app.documents.policies.model import PolicyEntry
from app.documents.policies.read import PlacedPolicy, is_policy_file, policy_of_document, read_policy_file

__all__ = ["PlacedPolicy", "PolicyEntry", "is_policy_file", "policy_of_document", "read_policy_file"]
