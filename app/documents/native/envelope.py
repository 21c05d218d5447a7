"""The native document in an object of Kubernetes: the kind `SloDocument` has it below `spec`."""

from app.yamldoc.document import Document
from app.yamldoc.findings import Findings
from app.yamldoc.scalars import kind
from app.yamldoc.tree import Table

GROUP = "sloburn.dev"
"""The API group of our own kind."""
_VERSION, _KIND = f"{GROUP}/v1alpha1", "SloDocument"


def without_envelope(document: Document, findings: Findings) -> Document | None:
    """The document within an object of our own kind, at its place in the file; any other document as it is.

    None, and an error, where the object holds no document.
    """
    root = document.root
    api_version = str(root.get("apiVersion", ""))
    if api_version.partition("/")[0] != GROUP:
        return document
    if api_version != _VERSION or root.get("kind") != _KIND:
        problem = f"there is no kind {root.get('kind')} of {api_version}"
        findings.error(document.place(("apiVersion",)), problem, f"write apiVersion: {_VERSION} and kind: {_KIND}")
        return None
    path = ("spec",)
    spec = document.value(path)
    if isinstance(spec, Table):
        place = document.place(path)
        return Document(file=document.file, root=spec, at=(place.line, place.column))
    problem = "is missing" if spec is None else f"must be a mapping, not {kind(spec)}"
    findings.error(document.place(path), problem, "write service: and slos: below spec:", field=path)
    return None
