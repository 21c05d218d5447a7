"""An API server of Kubernetes that keeps the protocol of lists, watches and statuses, with nothing behind it.

There is no kube-apiserver to install here. What this does is what the documentation of the API says
(https://kubernetes.io/docs/reference/using-api/api-concepts/): versions that a client only compares for equality, lists
in chunks that expire, watches that begin after a version, with bookmarks, 410 Gone as answer or event, statuses
as a subresource with 409 Conflict, and RBAC.
"""

import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from testbed.http_thread import HttpThread, Quiet

Key = tuple[str, str, str]
_LABEL = "sloburn.dev/documents"
_CREATED = "2026-05-04T07:%02d:%02dZ"


@dataclass(frozen=True, slots=True)
class _Event:
    version: int
    plural: str
    kind: str
    content: Mapping[str, Any]


@dataclass(slots=True)
class _State:
    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    events: list[_Event] = field(default_factory=list)
    version: int = 100
    oldest: int = 100
    # Lists of which a part was answered, by their token.
    parts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class KubernetesApi(HttpThread):
    """The server, and what a test does to it.

    Attributes:
        token: what a client logs in with; None for no login.
        missing: kinds that are not installed, by their plural.
        forbidden: what RBAC refuses: ("list", "configmaps").
        gone_in_stream: whether a version that is too old is an event of the watch instead of an answer.
        intercept: answers a list or watch itself, and returns whether it has.
        asked: each request: verb, plural and, of a watch, the version.
        tokens: each token that a client has shown.
    """

    def __init__(self, *, token: str | None = None) -> None:
        self.token = token
        self.missing: set[str] = set()
        self.forbidden: set[tuple[str, str]] = set()
        self.gone_in_stream = False
        self.intercept: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
        self.asked: list[tuple[str, str, str]] = []
        self.tokens: list[str] = []
        self.most_in_page = 1000
        self._state = _State()
        self._changed = threading.Condition()
        self._is_down = False
        self._streams = 0
        super().__init__(_handler(self))

    def apply(self, plural: str, name: str, content: Mapping[str, Any], *, labelled: bool = False) -> None:
        """Make or change an object, named ``namespace/name``; its status stays."""
        with self._changed:
            state = self._state
            namespace, _, own = name.partition("/")
            key = (plural, namespace, own)
            state.version += 1
            known = state.objects.get(key)
            made = len(state.objects)
            metadata = {
                "name": own,
                "namespace": namespace,
                "uid": f"uid-{own}-{state.version}" if known is None else known["metadata"]["uid"],
                "resourceVersion": str(state.version),
                "generation": 1 if known is None else known["metadata"]["generation"] + 1,
                "creationTimestamp": _CREATED % divmod(made, 60) if known is None else _created(known),
                "managedFields": [{"manager": "kubectl", "operation": "Update"}],
            }
            if labelled:
                metadata["labels"] = {_LABEL: "true"}
            status = {} if known is None or "status" not in known else {"status": known["status"]}
            state.objects[key] = {"metadata": metadata, **copy.deepcopy(dict(content)), **status}
            self._note(plural, "ADDED" if known is None else "MODIFIED", state.objects[key])

    def delete(self, plural: str, name: str) -> None:
        """Delete an object."""
        with self._changed:
            state = self._state
            namespace, _, own = name.partition("/")
            state.version += 1
            content = state.objects.pop((plural, namespace, own))
            content["metadata"]["resourceVersion"] = str(state.version)
            self._note(plural, "DELETED", content)

    def set_status(self, plural: str, name: str, status: Mapping[str, Any]) -> None:
        """Write a status as somebody else does."""
        with self._changed:
            namespace, _, own = name.partition("/")
            content = self._state.objects[(plural, namespace, own)]
            self._state.version += 1
            content["status"] = dict(status)
            content["metadata"]["resourceVersion"] = str(self._state.version)
            self._note(plural, "MODIFIED", content)

    def bookmark(self) -> None:
        """Send every watch a bookmark of a new version, as after a time without events of its kind."""
        with self._changed:
            self._state.version += 1
            self._note("", "BOOKMARK", {"metadata": {"resourceVersion": str(self._state.version)}})

    def compact(self) -> None:
        """Forget every version before now, and every list that is under way."""
        with self._changed:
            self._state.version += 1
            self._state.oldest = self._state.version
            self._state.parts.clear()

    def cut(self) -> None:
        """End all streams in the middle of a line."""
        with self._changed:
            self._streams += 1
            self._changed.notify_all()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Answer no request meanwhile, and cut all streams."""
        self._is_down = True
        self.cut()
        try:
            yield
        finally:
            self._is_down = False

    def object(self, plural: str, name: str) -> dict[str, Any]:
        """An object as it is now."""
        namespace, _, own = name.partition("/")
        with self._changed:
            return copy.deepcopy(self._state.objects[(plural, namespace, own)])

    def count(self, verb: str, plural: str) -> int:
        """How many such requests there were."""
        return len([one for one in self.asked if one[:2] == (verb, plural)])

    def _note(self, plural: str, kind: str, content: Mapping[str, Any]) -> None:
        self._state.events.append(_Event(self._state.version, plural, kind, copy.deepcopy(dict(content))))
        self._changed.notify_all()

    def answer_get(
        self, handler: BaseHTTPRequestHandler, plural: str, namespace: str, query: Mapping[str, str]
    ) -> None:
        """Answer a list or a watch."""
        if query.get("watch"):
            self._watch(handler, plural, namespace, query)
            return
        with self._changed:
            state = self._state
            onward = query.get("continue")
            if onward is not None and onward not in state.parts:
                answer(handler, HTTPStatus.GONE, _status(HTTPStatus.GONE, "the provided continue parameter is too old"))
                return
            if onward is not None:
                items = state.parts.pop(onward)
            else:
                items = [
                    one for key, one in sorted(state.objects.items()) if _wanted(key[0], one, plural, namespace, query)
                ]
            limit = min(int(query.get("limit", 0)) or len(items), self.most_in_page)
            metadata: dict[str, Any] = {"resourceVersion": str(state.version)}
            if len(items) > limit:
                metadata["continue"] = f"part-{state.version}-{len(items) - limit}"
                state.parts[metadata["continue"]] = items[limit:]
            body = {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items[:limit]}
            text = json.dumps(body).encode()
        answer(handler, HTTPStatus.OK, text)

    def _watch(self, handler: BaseHTTPRequestHandler, plural: str, namespace: str, query: Mapping[str, str]) -> None:
        version, streams = int(query["resourceVersion"]), self._streams
        is_gone = version < self._state.oldest
        gone = _status(HTTPStatus.GONE, "too old resource version")
        if is_gone and not self.gone_in_stream:
            answer(handler, HTTPStatus.GONE, gone)
            return
        handler.send_response_only(HTTPStatus.OK)
        handler.end_headers()
        if is_gone:
            handler.wfile.write(b'{"type": "ERROR", "object": ' + gone + b"}\n")
            return
        ends = threading.Event()
        timer = threading.Timer(float(query.get("timeoutSeconds", 300)), partial(self._end, ends))
        timer.daemon = True
        timer.start()
        with suppress(OSError):
            self._stream(handler, (plural, namespace, query), version, ends, streams)
        timer.cancel()

    def _stream(
        self,
        handler: BaseHTTPRequestHandler,
        wanted: tuple[str, str, Mapping[str, str]],
        version: int,
        ends: threading.Event,
        streams: int,
    ) -> None:
        while not ends.is_set() and not self.stopping.is_set():
            with self._changed:
                due = [one for one in self._state.events if one.version > version]
                if not due and self._streams == streams:
                    self._changed.wait(0.5)
                    continue
            if self._streams != streams:
                handler.wfile.write(b'{"type": "MODIFIED", "obj')
                return
            for event in due:
                version = event.version
                if event.kind == "BOOKMARK" or _wanted(event.plural, event.content, *wanted):
                    line = json.dumps({"type": event.kind, "object": event.content})
                    handler.wfile.write(line.encode() + b"\n")
            handler.wfile.flush()

    def _end(self, ends: threading.Event) -> None:
        ends.set()
        with self._changed:
            self._changed.notify_all()

    def patch_status(self, handler: BaseHTTPRequestHandler, key: Key, content: Mapping[str, Any]) -> None:
        """Answer a merge patch of a status."""
        with self._changed:
            known = self._state.objects.get(key)
            if known is None:
                answer(handler, HTTPStatus.NOT_FOUND, _status(HTTPStatus.NOT_FOUND, "not found"))
                return
            given = content.get("metadata", {}).get("resourceVersion")
            if given is not None and given != known["metadata"]["resourceVersion"]:
                said = "the object has been modified; please apply your changes to the latest version"
                answer(handler, HTTPStatus.CONFLICT, _status(HTTPStatus.CONFLICT, said))
                return
            self._state.version += 1
            known["status"] = {**known.get("status", {}), **content["status"]}
            known["metadata"]["resourceVersion"] = str(self._state.version)
            self._note(key[0], "MODIFIED", known)
        answer(handler, HTTPStatus.OK, json.dumps(known).encode())

    def refusal(self, verb: str, plural: str, authorization: str | None) -> tuple[HTTPStatus, bytes] | None:
        """Why a request is refused; None if it is not."""
        shown = (authorization or "").removeprefix("Bearer ")
        self.tokens.append(shown)
        if self.token is not None and shown != self.token:
            return HTTPStatus.UNAUTHORIZED, _status(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if plural in self.missing:
            return HTTPStatus.NOT_FOUND, b"404 page not found\n"
        if (verb, plural) in self.forbidden:
            said = f'{plural} is forbidden: User "system:serviceaccount:a:b" cannot {verb} resource "{plural}"'
            return HTTPStatus.FORBIDDEN, _status(HTTPStatus.FORBIDDEN, said)
        return None

    @property
    def is_down(self) -> bool:
        """Whether no request is answered."""
        return self._is_down


def _created(content: Mapping[str, Any]) -> str:
    return str(content["metadata"]["creationTimestamp"])


def _wanted(of_plural: str, content: Mapping[str, Any], plural: str, namespace: str, query: Mapping[str, str]) -> bool:
    metadata = content["metadata"]
    if of_plural != plural or namespace not in {"", metadata["namespace"]}:
        return False
    label, _, value = query.get("labelSelector", "").partition("=")
    return not label or metadata.get("labels", {}).get(label) == value


def _status(code: HTTPStatus, message: str) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": int(code)}).encode()


def answer(handler: BaseHTTPRequestHandler, code: HTTPStatus, body: bytes) -> None:
    """Send a whole answer."""
    handler.send_response_only(code)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _place(path: str) -> tuple[str, str, str, bool]:
    """Namespace, plural, name and whether the status is meant; the group is not looked at."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    is_status = rest[-1] == "status"
    rest = rest[:-1] if is_status else rest
    namespace = ""
    if rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    return namespace, rest[0], rest[1] if len(rest) > 1 else "", is_status


def _handler(server: KubernetesApi) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            namespace, plural, _, _ = _place(parts.path)
            verb = "watch" if query.get("watch") else "list"
            server.asked.append((verb, plural, query.get("resourceVersion", "")))
            if self._is_refused(verb, plural):
                return
            if not server.intercept(self):
                server.answer_get(self, plural, namespace, query)

        def do_PATCH(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            namespace, plural, name, is_status = _place(urlsplit(self.path).path)
            server.asked.append(("patch", f"{plural}/status" if is_status else plural, name))
            if not self._is_refused("patch", f"{plural}/status" if is_status else plural):
                server.patch_status(self, (plural, namespace, name), content)

        def _is_refused(self, verb: str, plural: str) -> bool:
            if server.is_down:
                self.close_connection = True
                return True
            refused = server.refusal(verb, plural, self.headers.get("Authorization"))
            if refused is not None:
                answer(self, *refused)
            return refused is not None

    return Handler
