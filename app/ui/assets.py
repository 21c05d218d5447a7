"""What pages load: style sheet, scripts and icons, below a path that changes with their content.

All of them share one digest in their path, so that scripts and style sheets name each other by relative paths, and a
browser asks for each once per release.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from app.access import Needs
from app.metrics import accepts_gzip

_log = structlog.get_logger(__name__)
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_A_YEAR = "public, max-age=31536000, immutable"
# After an upgrade a page that is still open asks below the digest of the old release.
_ASK_EACH_TIME = "no-cache"
_GZIP_LEVEL = 9
# What is written for people who read the repository: comments that are lines of their own, and indentation. No text of
# the pages' own files goes over several lines; libraries are sent as they are.
_COMMENTS = {
    ".js": re.compile(rb"^[ \t]*//.*\n|^[ \t]*/\*\*.*\*/\n|^[ \t]+|^\n", re.MULTILINE),
    ".css": re.compile(rb"[ \t]*/\*.*?\*/\n?|^[ \t]+|^\n", re.MULTILINE | re.DOTALL),
}
_LIBRARIES = "vendor/"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str


class Assets:
    """The files below `app/ui/static`, read once."""

    def __init__(self) -> None:
        contents = dict(_contents(files("app.ui") / "static", ""))
        self._files: Mapping[str, Asset] = {path: _asset(path, content) for path, content in contents.items()}
        everything = b"".join(path.encode() + contents[path] for path in sorted(contents))
        self.digest = _digest(everything)
        if not self.has_libraries:
            _log.warning("the libraries of the pages are missing: run scripts/assets; charts and live updates are off")

    @property
    def has_libraries(self) -> bool:
        """Whether the libraries are there: in a work tree they are fetched by `scripts/assets`."""
        return "vendor/htmx.min.js" in self._files

    def path(self, name: str) -> str:
        """The path of a file on this service, such as `/static/0a1b/style.css`.

        Raises:
            KeyError: there is no such file.
        """
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"

    def get(self, name: str) -> Asset | None:
        """The file of a name; None if there is none."""
        return self._files.get(name)


def asset_routes(assets: Assets, *, prefix: str) -> APIRouter:
    """The routes below ``/static``; *prefix* is the path of the external URL."""
    # The page to sign in needs them too.
    router = APIRouter(include_in_schema=False, dependencies=[Depends(Needs([]))])

    @router.get("/static/{digest}/{name:path}")
    async def static_file(request: Request, digest: str, name: str) -> Response:
        asset = assets.get(name)
        if asset is None:
            return PlainTextResponse("no such file", HTTPStatus.NOT_FOUND)
        takes_gzip = accepts_gzip(", ".join(request.headers.getlist("accept-encoding")))
        headers = {
            "Cache-Control": _FOR_A_YEAR if digest == assets.digest else _ASK_EACH_TIME,
            "ETag": f'"{asset.etag}-gzip"' if takes_gzip else f'"{asset.etag}"',
            "Vary": "Accept-Encoding",
        }
        if takes_gzip:
            headers["Content-Encoding"] = "gzip"
        return Response(asset.compressed if takes_gzip else asset.content, media_type=asset.media_type, headers=headers)

    @router.get("/favicon.ico")
    async def favicon() -> Response:
        # Browsers ask for it beside what is no page, such as JSON.
        return RedirectResponse(prefix + assets.path("icon.svg"), HTTPStatus.SEE_OTHER)

    return router


def _contents(folder: Traversable, below: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{below}{entry.name}"
        if entry.is_dir():
            yield from _contents(entry, f"{path}/")
        else:
            yield path, entry.read_bytes()


def _asset(path: str, content: bytes) -> Asset:
    suffix = f".{path.rpartition('.')[2]}"
    comments = _COMMENTS.get(suffix)
    if comments is not None and not path.startswith(_LIBRARIES):
        content = comments.sub(b"", content)
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "text/plain; charset=utf-8"
    compressed = gzip.compress(content, compresslevel=_GZIP_LEVEL, mtime=0)
    return Asset(content, compressed, media_type, _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()
