"""What pages load: fetched as the lock file pins it, in every wheel, and asked for once per release."""

import gzip
import importlib.util
import json
import re
import zipfile
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hatchling.builders.wheel import WheelBuilder

from app.api.manual import manual_files
from app.clock import SystemClock
from app.status import Board
from app.ui import pages

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "app/ui/static/vendor"
PACKAGE = json.loads((ROOT / "package.json").read_text())


@pytest.fixture(scope="module")
def http() -> TestClient:
    app = FastAPI()
    app.include_router(pages(Board(), clock=SystemClock()))
    return TestClient(app)


def test_every_dependency_is_pinned_to_one_version_and_a_checksum() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    wanted = {**PACKAGE["dependencies"], **PACKAGE["devDependencies"]}
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(locked["integrity"].startswith("sha512-") for path, locked in lock.items() if path)
    # Where packages come from is a setting of the machine.
    assert all("resolved" not in locked for locked in lock.values())


def test_the_libraries_are_those_of_the_lock_file() -> None:
    """`scripts/assets` fetches them again when the lock file has changed."""
    assert (VENDOR / "package-lock.json").read_bytes() == (ROOT / "package-lock.json").read_bytes()
    versions = PACKAGE["dependencies"]
    assert f'version="{versions["htmx.org"]}"' in (VENDOR / "htmx.min.js").read_text().replace("'", '"')
    assert f"v{versions['uplot']}" in (VENDOR / "uPlot.iife.min.js").read_text()
    assert {name.partition(".")[0] for name in PACKAGE["vendored"] if name.endswith("LICENSE")} == {"htmx", "uPlot"}


def test_comments_are_for_people_who_read_the_repository(http: TestClient) -> None:
    for name in ("charts.js", "slo.css"):
        written = (ROOT / "app/ui/static" / name).read_text()
        sent = http.get(f"/static/x/{name}").text
        assert len(sent) < len(written)
        code = [line.strip() for line in written.splitlines() if not line.strip().startswith(("//", "/*"))]
        assert [line for line in code if line] == sent.splitlines()


def test_a_wheel_has_what_its_pages_load(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"app/ui/static/vendor/{name}" for name in PACKAGE["vendored"]} <= names
    assert {"app/ui/static/style.css", "app/ui/static/icons.svg", "app/ui/templates/base.html"} <= names
    assert not [name for name in names if "node_modules" in name]
    assert {f"app/documentation/{path}" for path in manual_files()} <= names


def test_nothing_is_built_without_the_libraries(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "package.json").write_text(json.dumps({"vendored": {"htmx.min.js": "htmx.org/dist/htmx.min.js"}}))
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/assets").write_text("raise SystemExit(1)")
    hook = module.VendoredAssets(str(tmp_path), {}, None, None, str(tmp_path), "wheel")

    hook.initialize("editable", {})
    with pytest.raises(FileNotFoundError, match=r"lacks htmx\.min\.js: run scripts/assets"):
        hook.initialize("standard", {})


def test_everything_a_page_loads_is_kept_for_a_year_below_a_digest_of_its_content(http: TestClient) -> None:
    """A reader downloads it once per release; a script finds the others beside it."""
    links = re.findall(r'(?:href|src)="(/static/[^"#]+)', http.get("/").text)
    assert {link.rpartition("/")[2] for link in links} >= {"style.css", "htmx.min.js", "times.js", "icon.svg"}
    assert len({link.split("/")[2] for link in links}) == 1
    for link in links:
        response = http.get(link)
        assert (response.status_code, response.headers["vary"]) == (200, "Accept-Encoding")
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    types = {link.rpartition(".")[2]: http.get(link).headers["content-type"] for link in links}
    assert types == {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


def test_the_page_of_an_older_release_still_finds_its_files(http: TestClient) -> None:
    response = http.get("/static/000000000000/style.css")
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-cache")
    assert http.get("/static/000000000000/nothing.css").status_code == 404
    assert http.get("/static/000000000000/../pages.py").status_code == 404


def test_files_are_compressed_for_those_who_read_it(http: TestClient) -> None:
    link = next(iter(re.findall(r'href="(/static/[^"]+style.css)"', http.get("/").text)))
    plain, packed = (http.get(link, headers={"Accept-Encoding": encoding}) for encoding in ("identity", "gzip"))
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, 9))
    assert plain.headers["etag"] != packed.headers["etag"]
