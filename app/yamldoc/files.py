"""The text of a file: limited in size, decoded."""

import os
import re
import stat
from pathlib import Path

from app.yamldoc.findings import Findings, Place

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes; ten thousand SLOs are a third of it."""
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\\\.", re.DOTALL)


def read_text(file: Path, findings: Findings) -> str | None:
    """The text of a file; None, and an error, where it cannot be read, is too large or is not UTF-8."""
    place = Place(file=file)
    try:
        # A pipe, or a device that never ends, would be waited for; /dev/null is how people write "none".
        if not stat.S_ISREG(file.stat().st_mode) and file != Path(os.devnull):
            findings.error(place, "is not a regular file", "give the path of a YAML or JSON file")
            return None
        # One byte more than is allowed, to see that there is more: the size on disk may change, or be 0 as in /proc.
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        findings.error(place, f"cannot be read: {error.strerror}", "check that it is there and may be read")
        return None
    if len(data) > LARGEST_FILE:
        findings.error(place, f"is larger than {LARGEST_FILE // 1024 // 1024} MiB", "split it into several files")
        return None
    return _decoded(data, place, findings)


def _decoded(data: bytes, place: Place, findings: Findings) -> str | None:
    try:
        # Editors on Windows begin a file with a byte order mark, which YAML would take for a character of the first
        # key.
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
