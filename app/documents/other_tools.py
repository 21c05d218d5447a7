"""Which other tool a document is of, so that its error names it; such documents are not read."""

import re
from collections.abc import Mapping
from typing import Final

from app.yamldoc.tree import Node

# The beginning of `apiVersion` in the documents of each tool.
_API_VERSIONS = (
    ("monitoring.coreos.com/", "the Prometheus Operator"),
    ("operator.victoriametrics.com/", "the operator of VictoriaMetrics"),
)
_RULES: Final = "Prometheus (rules)"
_BESIDE_SLOS = frozenset({*(tool for _, tool in _API_VERSIONS), _RULES})
_HOLDS_SLOS = re.compile(r"\bslos:|ServiceLevel|\bopenslo|\bn9/")
_OF_SLO_GENERATOR = frozenset({"error_budget_policies", "error_budget_policy_step_name"})
_KUBERNETES = ("apps/", "batch/", "policy/", "autoscaling/")
# The `apiVersion` of kinds that are read.
_READ: Final = {
    "PrometheusServiceLevel": "sloth.slok.dev/v1",
    "AlertWindows": "sloth.slok.dev/v1",
    "ServiceLevelObjective": "pyrra.dev/v1alpha1, or sre.google.com/v2 for slo-generator",
    "SLO": "openslo/v1, or n9/v1alpha for Nobl9",
    "SLI": "openslo/v1",
    "AlertPolicy": "openslo/v1, or n9/v1alpha for Nobl9",
}
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
    if _kind(root) in _READ:
        return None
    if "groups" in root and "slos" not in root:
        return _RULES
    if not _OF_SLO_GENERATOR.isdisjoint(root) or root.keys() >= {"backends", "exporters"}:
        return "slo-generator (its configuration)"
    if version == "v1" or version.startswith(_KUBERNETES) or ".k8s.io/" in version:
        return f"Kubernetes ({root.get('kind', 'of no kind')})"
    if version.startswith("template.openshift.io/"):
        return "OpenShift (Template)"
    return next((tool for start, tool in _API_VERSIONS if version.startswith(start)), None)


def is_beside_slos(root: Mapping[str, Node]) -> bool:
    """Whether a document of another tool holds no SLOs and may lie among documents that do, as `helm template` writes.

    >>> is_beside_slos({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}})
    True
    """
    version, kind, data = str(root.get("apiVersion", "")), _kind(root), root.get("data")
    texts = data.values() if kind == "ConfigMap" and isinstance(data, Mapping) else ()
    if kind in _READ or kind == "Template" or any(_HOLDS_SLOS.search(str(text)) for text in texts):
        return False
    is_object = isinstance(root.get("kind"), str) and isinstance(root.get("metadata"), Mapping)
    return tool_of(root) in _BESIDE_SLOS or (
        is_object and (version == "v1" or version.startswith(_KUBERNETES) or "." in version.partition("/")[0])
    )


def remedy_for(root: Mapping[str, Node]) -> str:
    """What to do with a document that is not read."""
    kind = _kind(root)
    return f"write apiVersion: {_READ[kind]}" if kind in _READ else _REMEDIES.get(kind, _WRITE_SLOS)


def has_no_slos(root: Mapping[str, Node]) -> bool:
    """Whether a document lies beside SLOs by its nature, and never holds any: the list of files of Kustomize."""
    return str(root.get("apiVersion", "")).startswith("kustomize.config.k8s.io/")


def _kind(root: Mapping[str, Node]) -> str:
    """The kind as text: what a document has there may be a list, too."""
    return str(root.get("kind", ""))
