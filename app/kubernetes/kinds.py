"""The kinds of objects that can hold SLO documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedKind:
    """A kind of object, by the names that the API of Kubernetes has for it.

    Attributes:
        setting: what `SLOBURN_KUBERNETES_KINDS` calls it.
        kind: its name in objects.
        root: the path of its group and version.
        plural: its name in paths and in rules of RBAC.
        is_labelled: whether only those with the label of documents are read: there are many others.
    """

    setting: str
    kind: str
    root: str
    plural: str
    is_labelled: bool = False

    def path(self, namespace: str | None, name: str | None = None, *, status: bool = False) -> str:
        """The path of all objects, of those in a namespace, of one, or of its status."""
        within = "" if namespace is None else f"/namespaces/{namespace}"
        below = "" if name is None else f"/{name}"
        return f"{self.root}{within}/{self.plural}{below}{'/status' if status else ''}"


DOCUMENT_KIND: Final = WatchedKind(
    setting="slodocuments", kind="SloDocument", root="/apis/sloburn.dev/v1alpha1", plural="slodocuments"
)
"""Our own kind, and the only one that we write to: the status of others belongs to their operators."""
_KINDS: Final = (
    WatchedKind(setting="configmaps", kind="ConfigMap", root="/api/v1", plural="configmaps", is_labelled=True),
    DOCUMENT_KIND,
    WatchedKind(
        setting="sloth",
        kind="PrometheusServiceLevel",
        root="/apis/sloth.slok.dev/v1",
        plural="prometheusservicelevels",
    ),
    WatchedKind(
        setting="pyrra",
        kind="ServiceLevelObjective",
        root="/apis/pyrra.dev/v1alpha1",
        plural="servicelevelobjectives",
    ),
)
WATCHED_KINDS: Final[Mapping[str, WatchedKind]] = {one.setting: one for one in _KINDS}
"""Every kind, by what the setting calls it."""
