"""The documents of objects of Kubernetes as the store has them, for loading beside files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from app.documents import (
    Defaults,
    DocumentLoader,
    DocumentObject,
    FilesState,
    LoadResult,
    holds_documents,
    load_all_documents,
    namespace_of,
    sound_objects,
    texts_of,
)
from app.integrations import LoadedConfig
from app.kubernetes import WATCHED_KINDS, ApiServer
from app.service.source_clients import known_sources
from app.settings import Settings
from app.slo import Slo, Tenant
from app.store import Database, StoreError
from app.store.kubernetes import StoredObject, WatchState, load_objects, load_watch_state

_log = structlog.get_logger(__name__)
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def api_server(settings: Settings, environment: Mapping[str, str]) -> ApiServer:
    """Where the API server is: as the settings say, else as the cluster tells its pods.

    Raises:
        ValueError: neither says where.
    """
    url, ca_file, token_file = settings.kubernetes_url, settings.kubernetes_ca_file, settings.kubernetes_token_file
    if url is None:
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise ValueError(
                "SLOBURN_KUBERNETES_URL: missing, and this is no pod of a cluster; write the URL of the API"
            )
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return ApiServer(
        url=url,
        token_file=token_file or _if_there(_ACCOUNT / "token"),
        ca_file=ca_file or _if_there(_ACCOUNT / "ca.crt"),
    )


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def document_loader(settings: Settings, delivery: LoadedConfig, *, active: LoadResult | None = None) -> DocumentLoader:
    """Loads the files of the service and of its tenants, and objects beside them.

    A folder without documents is an error, such as a disk that is not mounted. Where objects of Kubernetes are read
    too, it is only one if documents of it are *active*.
    """
    path: Path | None = settings.specs
    in_files = active is not None and any(_is_of_file(active, slo) for slo in active.slos)
    if settings.kubernetes_kinds and not in_files and not holds_documents(settings.specs):
        path = None
    defaults = Defaults.of(settings.default_window, known_sources(settings, delivery))

    def load(objects: Mapping[Path, str]) -> LoadResult:
        return load_all_documents(path, delivery.config.tenants, defaults=defaults, objects=objects)

    return load


def _is_of_file(active: LoadResult, slo: Slo) -> bool:
    """Whether an SLO is from a file of the service itself."""
    return not slo.tenant and slo.id in active.places and not _is_object(active.places[slo.id].file)


def _is_object(file: Path) -> bool:
    return str(file).partition(" ")[0] in {kind.kind for kind in WATCHED_KINDS.values()}


def is_watched(settings: Settings, name: str) -> bool:
    """Whether the settings ask for the object ``Kind namespace/name``."""
    kind = name.partition(" ")[0]
    kinds = {WATCHED_KINDS[one].kind for one in settings.kubernetes_kinds}
    namespaces = settings.kubernetes_namespaces
    return kind in kinds and (not namespaces or namespace_of(name) in namespaces)


def unwatched_namespaces(settings: Settings, tenants: Sequence[Tenant]) -> Sequence[str]:
    """The namespaces of tenants whose objects the settings do not ask for."""
    watched = settings.kubernetes_namespaces
    return [
        name
        for tenant in tenants
        for name in tenant.namespaces
        if not settings.kubernetes_kinds or (watched and name not in watched)
    ]


class ObjectDocuments:
    """What the store has, read again when it has changed; the last that was read where it cannot be."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._objects: Sequence[StoredObject] = ()
        self._state = WatchState()
        # What this version does not take of what one before has accepted.
        self._unsound: Mapping[str, str] = {}

    def load_at_start(self, load: DocumentLoader) -> LoadResult:
        """Files and objects; an object that this version does not take is left out, and said. Blocks.

        Raises:
            StoreError: the store cannot be read.
        """
        self._read()
        loaded: list[LoadResult] = []

        def load_and_keep(objects: Mapping[Path, str]) -> LoadResult:
            loaded.append(load(objects))
            return loaded[-1]

        found = sound_objects(self._in_use(), load_and_keep)
        self._unsound = {one.name: str(one.findings[0]) for one in found if one.findings}
        for name, why in self._unsound.items():
            _log.error("an object of Kubernetes is not used", object=name, error=why)
        # Of the sound ones, which were loaded last.
        return loaded[-1]

    def load(self, load: DocumentLoader) -> LoadResult:
        """Files and objects as they are now. Blocks."""
        try:
            self._read()
        except StoreError as error:
            _log.warning("objects of Kubernetes are those that were read last", error=str(error))
        return load(texts_of(self._in_use()))

    def state(self) -> FilesState:
        """What differs once other objects are in use, beside the state of files. Blocks."""
        try:
            with self._database.read() as transaction:
                self._state = load_watch_state(transaction)
        except StoreError:
            # Evaluations go on in memory, and so do documents.
            pass
        return self.loaded

    @property
    def loaded(self) -> FilesState:
        """As `state`, as of the last look."""
        return (("objects of Kubernetes", self._state.revision, 0, 0),)

    @property
    def refused(self) -> Sequence[str]:
        """What is wrong with objects whose newest version is not in use, in words."""
        newer = [
            f"{one.name} is refused{'' if one.active is None else ', and its last good version stays active'}: "
            f"{one.findings[0]}"
            for one in self._objects
            if one.findings
        ]
        return [*newer, *(f"{name} is not used: {why}" for name, why in self._unsound.items())]

    @property
    def problems(self) -> Sequence[str]:
        """Why objects are not kept up to date, in words."""
        return [f"objects of Kubernetes are not watched: {one}" for one in self._state.problems]

    def _read(self) -> None:
        with self._database.read() as transaction:
            self._state = load_watch_state(transaction)
            found = load_objects(transaction)
        before = {one.name: one for one in self._objects}
        changed = {one.name for one in found if one != before.get(one.name)}
        self._objects = [one for one in found if is_watched(self._settings, one.name)]
        self._unsound = {name: why for name, why in self._unsound.items() if name not in changed}

    def _in_use(self) -> Sequence[DocumentObject]:
        used = [one for one in self._objects if one.active is not None and one.name not in self._unsound]
        return [
            DocumentObject(name=one.name, created_at=one.created_at, offered=one.active, active=one.active)
            for one in used
        ]
