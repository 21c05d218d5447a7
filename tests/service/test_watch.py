"""Documents whose files change are reloaded once they are whole, without a signal."""

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.documents import FilesState, files_state, load_documents
from app.metrics import BuildInfo, Instruments
from app.service.watch import FilesWatch

_EVERY = timedelta(seconds=10)
_GOOD = """\
service: shop
slos:
  - {name: NAME, objective: 99.9, window: 30d, sli: {total: a_total, bad: 'a_total{code="500"}'}}
"""


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class _Files:
    """The files of a folder, and what was loaded from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded_files: FilesState = files_state(folder)
        self.reload_failed = False
        self.names: list[str] = []
        self.reloads = 0
        self.is_hung = False

    async def current_files(self) -> FilesState | None:
        return None if self.is_hung else files_state(self.folder)

    async def reload_changed(self) -> None:
        self.reloads += 1
        self.loaded_files = files_state(self.folder)
        found = load_documents(self.folder)
        self.reload_failed = bool(found.errors)
        if not found.errors:
            self.names = [slo.name for slo in found.slos]


def _write(path: Path, text: str) -> None:
    """Write a file at a time of its own: two writes may be within one tick of the clock of the file system."""
    path.write_text(text)
    count = len(list(path.parent.rglob("*")))
    os.utime(path, ns=(count, path.stat().st_mtime_ns + 1_000_000_000))


@pytest.fixture
def files(tmp_path: Path) -> _Files:
    _write(tmp_path / "a.yaml", _GOOD.replace("NAME", "a"))
    return _Files(tmp_path)


def _look(files: _Files, clock: _Clock | None = None, looks: int = 1) -> None:
    clock = clock or _Clock()
    watch = FilesWatch(files, every=_EVERY, clock=clock, sleep=clock.sleep)

    async def look() -> None:
        for _ in range(looks):
            await clock.sleep(10)
            await watch.look()

    asyncio.run(look())


def test_what_has_not_changed_is_not_reloaded(files: _Files) -> None:
    _look(files, looks=20)
    assert files.reloads == 0


def test_files_that_are_changed_added_and_removed_are_reloaded(files: _Files) -> None:
    _write(files.folder / "a.yaml", _GOOD.replace("NAME", "changed"))
    _look(files)
    assert files.names == ["changed"]
    (files.folder / "below").mkdir()
    _write(files.folder / "below" / "b.yaml", _GOOD.replace("NAME", "b"))
    _look(files)
    assert files.names == ["changed", "b"]
    (files.folder / "a.yaml").unlink()
    _look(files)
    assert files.names == ["b"]


def test_a_config_map_that_kubernetes_swaps_is_reloaded(tmp_path: Path) -> None:
    """Each file is a link into `..data`, which is a link to the folder of a version; names and sizes stay the same."""
    for version in "ab":
        (tmp_path / f"..{version}").mkdir()
        _write(tmp_path / f"..{version}" / "slos.yaml", _GOOD.replace("NAME", version))
    (tmp_path / "..data").symlink_to("..a")
    (tmp_path / "slos.yaml").symlink_to("..data/slos.yaml")
    files = _Files(tmp_path)
    (tmp_path / "..next").symlink_to("..b")
    (tmp_path / "..next").replace(tmp_path / "..data")
    _look(files, looks=3)
    assert (files.names, files.reloads) == (["b"], 1)


def test_a_file_that_is_still_written_to_is_waited_for(files: _Files, monkeypatch: pytest.MonkeyPatch) -> None:
    text = _GOOD.replace("NAME", "whole")
    pieces = [text[:end] for end in range(10, len(text), 30)] + [text]
    clock = _Clock()
    sleep = clock.sleep

    async def write_on(seconds: float) -> None:
        if pieces:
            _write(files.folder / "a.yaml", pieces.pop(0))
        await sleep(seconds)

    monkeypatch.setattr(clock, "sleep", write_on)
    _look(files, clock)
    assert (files.names, files.reloads) == (["whole"], 1)


def test_what_never_comes_to_rest_is_reloaded_all_the_same(files: _Files, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter(range(10_000))

    async def never_the_same() -> FilesState:
        return ((str(next(states)), 0, 0, 0),)

    monkeypatch.setattr(files, "current_files", never_the_same)
    _look(files)
    assert files.reloads == 1


def test_a_broken_file_is_tried_again_when_it_changes_and_every_minute(files: _Files) -> None:
    clock = _Clock()
    files.names = ["a"]
    _write(files.folder / "a.yaml", "service: [")
    _look(files, clock, looks=6)
    assert (files.names, files.reloads, files.reload_failed) == (["a"], 1, True)
    _look(files, clock, looks=7)
    assert files.reloads == 2
    _write(files.folder / "a.yaml", _GOOD.replace("NAME", "mended"))
    _look(files, clock)
    assert (files.names, files.reload_failed) == (["mended"], False)


def test_files_that_cannot_be_looked_at_in_time_change_nothing(files: _Files) -> None:
    files.is_hung = True
    _look(files, looks=10)
    assert files.reloads == 0


def test_a_folder_that_disappears_differs(files: _Files) -> None:
    files.folder.rename(files.folder.with_name("elsewhere"))
    _look(files)
    assert files.reload_failed


def test_looking_goes_on_after_an_error(files: _Files, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = _Clock(), 0

    async def fails() -> FilesState | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError
        raise asyncio.CancelledError

    monkeypatch.setattr(files, "current_files", fails)
    watch = FilesWatch(files, every=_EVERY, clock=clock, sleep=clock.sleep)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch.run(Instruments(build=BuildInfo.current())))
    assert looks == 2
