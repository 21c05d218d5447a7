"""The files of documents below a path."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from app.yamldoc.findings import Findings, Place

FilesState = tuple[tuple[str, int, int, int], ...]
"""Each file with its size and times, and each path that cannot be read."""
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def find_files(path: Path, findings: Findings) -> list[Path]:
    """The documents' files at *path*: itself, or all *.yaml, *.yml and *.json below it, sorted.

    Hidden files and folders are passed over, as Kubernetes keeps old versions of a mounted ConfigMap in them. A link
    that leads out of the folder is an error, since what it leads to can be any file of the machine.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        findings.error(Place(file=path), "there is no such file or folder", "write the path of SLO documents")
        return []
    # A pipe or /dev/stdin may be given by itself; only folders are searched.
    if not stat.S_ISDIR(mode):
        return [path]
    found = _documents_below(path, findings)
    if not found:
        problem = "there are no SLO documents in this folder"
        findings.error(Place(file=path), problem, "add a *.yaml, *.yml or *.json file")
    root = path.resolve()
    return [file for file in found if _is_inside(file, root, findings)]


def holds_documents(path: Path) -> bool:
    """Whether there are documents at *path*."""
    return bool(find_files(path, Findings())) and path.exists()


def files_state(*paths: Path) -> FilesState:
    """What differs once documents at *paths* have been added, changed or removed, from the metadata of their files.

    Links are followed, so a mounted ConfigMap differs when Kubernetes swaps the folder that its files are linked to.
    """
    findings = Findings()
    files = dict.fromkeys(file for path in paths for file in find_files(path, findings))
    return (*map(_state, files), *((str(error), 0, 0, 0) for error in findings.errors))


def is_below(file: Path, folders: Iterable[Path]) -> bool:
    """Whether a file is one of these, or below one of them, by its path or by what that leads to."""
    return not files_outside([file], folders)


def files_outside(files: Iterable[Path], folders: Iterable[Path]) -> list[Path]:
    """The files that are, as `is_below` has it, below none of the folders."""
    known = {path for folder in folders for path in (folder.absolute(), folder.resolve())}

    def is_known(file: Path) -> bool:
        # A link in one of the folders is below it, wherever it leads.
        mine = (file.absolute(), file.resolve())
        return any(one.is_relative_to(folder) for one in mine for folder in known)

    # To resolve a path asks the disk: not for thousands of files where there are no tenants, and so no folders.
    return [file for file in files if not is_known(file)] if known else list(files)


def namespace_of(name: str) -> str:
    """The namespace of an object, by what it or one of its texts is called; empty for the path of a file.

    >>> namespace_of("ConfigMap shop/documents/checkout.yaml"), namespace_of("slos/my shop/checkout.yaml")
    ('shop', '')
    """
    kind, _, rest = name.partition(" ")
    return "" if "/" in kind else rest.partition("/")[0]


def _state(file: Path) -> tuple[str, int, int, int]:
    try:
        found = file.stat()
    except OSError as error:
        return str(file), 0, 0, error.errno or 0
    # The inode is left out: network and overlay file systems may give a file another one at any time.
    return str(file), found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _documents_below(folder: Path, findings: Findings) -> list[Path]:
    def unreadable(error: OSError) -> None:
        findings.error(Place(file=Path(error.filename)), f"cannot be read: {error.strerror}", "check the permissions")

    found = []
    for parent, folders, names in os.walk(folder, onerror=unreadable):
        # In place: os.walk goes into what is left of the list.
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = [Path(parent, name) for name in names if not name.startswith(".")]
        found += [file for file in files if file.suffix in _SUFFIXES]
    return sorted(found)


def _is_inside(file: Path, root: Path, findings: Findings) -> bool:
    try:
        if not file.is_symlink() or file.resolve(strict=True).is_relative_to(root):
            return True
    except (OSError, RuntimeError):
        findings.error(Place(file=file), "is a link to nothing", "remove it")
        return False
    problem = "is a link to a file outside this folder"
    findings.error(Place(file=file), problem, "copy the file, or give its own path as well")
    return False
