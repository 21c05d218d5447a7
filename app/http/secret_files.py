"""Secrets in files, read each time so that they can rotate, with a deadline.

A file may be on a disk that hangs, or be in the middle of its replacement: the last value that could be read is used
then, and the log says so once.
"""

import codecs
from functools import partial
from pathlib import Path

import structlog

from app.http.detached import DetachedCalls

_log = structlog.get_logger(__name__)
READ_S = 2.0
"""What reading a secret may take on the way to a receiver."""
START_S = 5.0
"""What reading it may take when the service starts or reloads."""
# Bytes; a path may be that of a device or of a log by mistake, and no token is longer than a header may be.
_LONGEST = 64 * 1024
# PowerShell's `>` writes UTF-16 with a byte order mark.
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

# What reading may take while the last value is in use: not every message has to wait for a disk that hangs.
_SINCE_STALE_S = 0.1
# A read that outlasted its deadline serves the next who asks, or a slow disk would never be read in time.
_reads = DetachedCalls(kept_s=5.0)
_last: dict[Path, str] = {}
_stale: set[Path] = set()


class SecretFileError(OSError):
    """The file holds no secret that can be read, and never has."""


class SecretFileBlocksError(SecretFileError):
    """Reading the file does not end, as on a disk that hangs: it may hold a secret."""


async def read_secret(path: Path, *, within_s: float = READ_S) -> str:
    """The secret in the file, else the last that could be read.

    Raises:
        SecretFileError: there is neither.
    """
    within_s = min(within_s, _SINCE_STALE_S) if path in _stale else within_s
    try:
        return _note(path, await _reads.call(path, partial(_read, path), within_s=within_s))
    except OSError as error:
        return _last_good(path, error, within_s)


def read_secret_now(path: Path, *, within_s: float = START_S) -> str:
    """As `read_secret`, for threads that may wait."""
    try:
        return _note(path, _reads.call_now(path, partial(_read, path), within_s=within_s))
    except OSError as error:
        return _last_good(path, error, within_s)


def known_secret(path: Path) -> str | None:
    """The last value that could be read; None if there is none. Never waits."""
    return _last.get(path)


def probe_file(path: Path, *, within_s: float = START_S) -> None:
    """Make sure that a file, such as a certificate, can be read without waiting.

    Raises:
        OSError: it cannot.
    """
    try:
        _reads.call_now(("probe", path), partial(_beginning, path), within_s=within_s)
    except TimeoutError as error:
        raise _timed_out(within_s) from error


def _note(path: Path, secret: str) -> str:
    _last[path] = secret
    if path in _stale:
        _stale.discard(path)
        _log.info("secret file can be read again", path=str(path))
    return secret


def _last_good(path: Path, error: OSError, within_s: float) -> str:
    why = _timed_out(within_s) if isinstance(error, TimeoutError) else error
    if path not in _last:
        kind = SecretFileBlocksError if isinstance(error, TimeoutError) else SecretFileError
        raise kind(why.strerror or str(why)) from error
    if path not in _stale:
        _stale.add(path)
        _log.warning(
            "secret file cannot be read; the last value is used", path=str(path), error=why.strerror or str(why)
        )
    return _last[path]


def _timed_out(within_s: float) -> OSError:
    return OSError(f"it could not be read within {within_s:g} s")


def _read(path: Path) -> str:
    content = _beginning(path)
    if len(content) > _LONGEST:
        raise SecretFileError(f"it is larger than {_LONGEST // 1024} KiB")
    # A byte order mark is how editors on Windows begin a file, and no part of the secret.
    encoding = _BOMS.get(content[:2], "utf-8-sig")
    try:
        text = content.decode(encoding).strip().strip("\ufeff").strip()
    except UnicodeDecodeError:
        raise SecretFileError("not text") from None
    if not text:
        raise SecretFileError("it is empty")
    return text


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST + 1)
