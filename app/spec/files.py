"""The files of a path, and their text: found, limited in size, decoded."""

import os
import re
import stat
from pathlib import Path

from app.spec.errors import Findings, Place

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
LARGEST_FILE = 10 * 1024 * 1024
"""Bytes; ten thousand SLOs are a third of it."""
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\\\.", re.DOTALL)


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
    if not stat.S_ISDIR(mode):
        return [path]
    found = _documents_below(path, findings)
    if not found:
        problem = "there are no SLO documents in this folder"
        findings.error(Place(file=path), problem, "add a *.yaml, *.yml or *.json file")
    root = path.resolve()
    return [file for file in found if _is_inside(file, root, findings)]


def read_text(file: Path, findings: Findings) -> str | None:
    """The text of a file; None, and an error, where it cannot be read, is too large or is not UTF-8."""
    place = Place(file=file)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            findings.error(place, "is not a regular file", "write a file with SLO documents")
            return None
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        findings.error(place, f"cannot be read: {error.strerror}", "check that it is there and may be read")
        return None
    if len(data) > LARGEST_FILE:
        findings.error(place, f"is larger than {LARGEST_FILE // 1024 // 1024} MiB", "split it into several files")
        return None
    return _decoded(data, place, findings)


def _documents_below(folder: Path, findings: Findings) -> list[Path]:
    def unreadable(error: OSError) -> None:
        findings.error(Place(file=Path(error.filename)), f"cannot be read: {error.strerror}", "check the permissions")

    found = []
    for parent, folders, names in os.walk(folder, onerror=unreadable):
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


def _decoded(data: bytes, place: Place, findings: Findings) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        at = Place(file=place.file, line=line, column=column)
        findings.error(at, f"is not UTF-8: byte 0x{data[error.start]:02x}", "save the file as UTF-8")
        return None
    return _SURROGATES.sub(_character, text) if place.file.suffix == ".json" else text


def _character(escape: re.Match[str]) -> str:
    # JSON writes characters beyond U+FFFF as two escapes, which YAML does not know.
    high, low = escape.groups()
    if high is None:
        return escape.group()
    return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
