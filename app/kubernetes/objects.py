"""One object: what it is called, and the documents that it holds as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import yaml
from typing_extensions import override

from app.kubernetes.kinds import WatchedKind

# As `kubectl get -o yaml` leaves them out, or as they come after what people write.
_LEFT_OUT = frozenset({"status"})
# It differs with each write of the status. The line stays, so that lines count as people see them.
_WITHOUT_VERSION = ""
_SUFFIXES = (".yaml", ".yml", ".json")
_ONE_LINE = 10**6
DEEPEST: Final = 100
"""More levels than any document may have; what is deeper is left out, so that a document is refused for its depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedObject:
    """An object as it was last seen.

    Attributes:
        name: kind, namespace and name, as messages show it: ``SloDocument shop/checkout``.
        texts: its documents by what findings call them: the name, for a ConfigMap with the key.
        content: the object itself.
    """

    kind: WatchedKind
    name: str
    texts: Mapping[str, str]
    content: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.content["metadata"]["namespace"])

    @property
    def own_name(self) -> str:
        """Its name within the namespace."""
        return str(self.content["metadata"]["name"])

    @property
    def version(self) -> str:
        """What the API calls this state of it."""
        return str(self.content["metadata"].get("resourceVersion", ""))

    @property
    def generation(self) -> int:
        """How often what people write of it has changed."""
        known = self.content["metadata"].get("generation")
        return known if isinstance(known, int) else 0

    @property
    def created_at(self) -> datetime:
        """When it was made, to the second; long ago where the object does not say."""
        try:
            made = datetime.fromisoformat(self.content["metadata"]["creationTimestamp"])
            return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)
        except (KeyError, TypeError, ValueError, OverflowError):
            return datetime.fromtimestamp(0, tz=UTC)


def watched_object(kind: WatchedKind, content: Mapping[str, Any]) -> WatchedObject:
    """An object as the API server sends it; items of a list have no kind of their own.

    Raises:
        ValueError: it is not an object of the API.
    """
    metadata = content.get("metadata")
    if not isinstance(metadata, Mapping) or not metadata.get("name") or not metadata.get("namespace"):
        raise ValueError(f"an object of {kind.plural} has no name or no namespace")
    name = object_name(kind, metadata)
    return WatchedObject(kind=kind, name=name, texts=_texts(kind, name, content), content=content)


def object_name(kind: WatchedKind, metadata: Mapping[str, Any]) -> str:
    """Kind, namespace and name, as messages show it."""
    return f"{kind.kind} {metadata.get('namespace')}/{metadata.get('name')}"


def _texts(kind: WatchedKind, name: str, content: Mapping[str, Any]) -> Mapping[str, str]:
    if not kind.is_labelled:
        return {name: _printed(kind, content)}
    data = content.get("data")
    files = data.items() if isinstance(data, Mapping) else ()
    return {f"{name}/{file}": str(text) for file, text in sorted(files) if str(file).endswith(_SUFFIXES)}


def _printed(kind: WatchedKind, content: Mapping[str, Any]) -> str:
    """The object as `kubectl get -o yaml` prints it, so that lines of findings are those that people see."""
    metadata = {key: value for key, value in content["metadata"].items() if key != "managedFields"}
    if "resourceVersion" in metadata:
        metadata["resourceVersion"] = _WITHOUT_VERSION
    shown = {key: value for key, value in content.items() if key not in _LEFT_OUT}
    api_version = kind.root.removeprefix("/apis/").removeprefix("/api/")
    whole = {**shown, "apiVersion": api_version, "kind": kind.kind, "metadata": metadata}
    return yaml.dump(_cut(whole), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=_ONE_LINE)


def _cut(value: Any, levels: int = DEEPEST) -> Any:
    """A value without what is deeper, of which writing it would need more stack than there is."""
    if not levels:
        return None
    if isinstance(value, Mapping):
        return {key: _cut(one, levels - 1) for key, one in value.items()}
    return [_cut(one, levels - 1) for one in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as kubectl does, and no aliases."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _written_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _written_text)
