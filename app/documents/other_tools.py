"""Which other tool a document is of, so that its error names it; such documents are not read."""

from collections.abc import Mapping

from app.yamldoc.tree import Node

# The beginning of `apiVersion` in the documents of each tool.
_API_VERSIONS = (("monitoring.coreos.com/", "the Prometheus Operator"),)


def tool_of(root: Mapping[str, Node]) -> str | None:
    """The tool that a document is of; None where nothing says so.

    >>> tool_of({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule"})
    'the Prometheus Operator'
    """
    version = str(root.get("apiVersion", ""))
    if "groups" in root and "slos" not in root:
        return "Prometheus (rules)"
    return next((tool for start, tool in _API_VERSIONS if version.startswith(start)), None)
