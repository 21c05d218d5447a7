"""Which other tool a document is of, so that its error names it; such documents are not read."""

from collections.abc import Mapping
from typing import Final

from app.yamldoc.tree import Node

# The beginning of `apiVersion` in the documents of each tool.
_API_VERSIONS = (
    ("monitoring.coreos.com/", "the Prometheus Operator"),
    ("operator.victoriametrics.com/", "the operator of VictoriaMetrics"),
)
_KUBERNETES = ("apps/", "batch/", "policy/", "autoscaling/")
_WRITE_SLOS: Final = "write its SLOs below service: and slos:, see docs/slo-format.md"
_REMEDIES: Final = {
    "ConfigMap": "write each document of its data to a file of its own",
    "Template": "process it first, and give the result: oc process -f",
}
"""What to do instead, by the kinds of Kubernetes and OpenShift that hold documents in another form."""


def tool_of(root: Mapping[str, Node]) -> str | None:
    """The tool that a document is of; None where nothing says so.

    >>> tool_of({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule"})
    'the Prometheus Operator'
    >>> tool_of({"apiVersion": "v1", "kind": "ConfigMap"})
    'Kubernetes (ConfigMap)'
    """
    version = str(root.get("apiVersion", ""))
    if "groups" in root and "slos" not in root:
        return "Prometheus (rules)"
    if "error_budget_policies" in root or ("backends" in root and "exporters" in root):
        return "slo-generator (its configuration)"
    if version == "v1" or version.startswith(_KUBERNETES) or ".k8s.io/" in version:
        return f"Kubernetes ({root.get('kind', 'of no kind')})"
    if version.startswith("template.openshift.io/"):
        return "OpenShift (Template)"
    return next((tool for start, tool in _API_VERSIONS if version.startswith(start)), None)


def remedy_for(root: Mapping[str, Node]) -> str:
    """What to do with a document that is not read."""
    return _REMEDIES.get(str(root.get("kind", "")), _WRITE_SLOS)


def has_no_slos(root: Mapping[str, Node]) -> bool:
    """Whether a document lies beside SLOs by its nature, and never holds any: the list of files of Kustomize."""
    return str(root.get("apiVersion", "")).startswith("kustomize.config.k8s.io/")
