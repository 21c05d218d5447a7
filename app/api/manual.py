"""The documentation of this release as Markdown, for programs that read it: `/llms.txt` names the pages.

The format: https://llmstxt.org
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from app.api.problems import not_found

_APP = Path(__file__).parents[1]
# Where the build puts the files; in a work tree they are beside the package.
_PACKAGED, _REPOSITORY = _APP / "documentation", _APP.parent
INDEX = "llms.txt"
_PAGES = "docs"


def manual_routes() -> APIRouter:
    """The routes ``/llms.txt`` and ``/docs/*.md``."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"/{INDEX}")
    async def index() -> Response:
        return _file(INDEX)

    @router.get(f"/{_PAGES}/{{page:path}}.md")
    async def page(page: str) -> Response:
        return _file(f"{_PAGES}/{page}.md")

    return router


def _file(path: str) -> Response:
    found = manual_files().get(path)
    if found is None:
        raise not_found(f"there is no document {path!r:.200}; /{INDEX} names all")
    kind = "text/plain" if path == INDEX else "text/markdown"
    return FileResponse(found, media_type=f"{kind}; charset=utf-8")


@lru_cache
def manual_files() -> Mapping[str, Path]:
    """The files by their paths in URLs; a path that is asked for is looked up here, and never opened."""
    root = _PACKAGED if _PACKAGED.is_dir() else _REPOSITORY
    files = [root / INDEX, *sorted((root / _PAGES).rglob("*.md"))]
    return {file.relative_to(root).as_posix(): file for file in files if file.is_file()}
