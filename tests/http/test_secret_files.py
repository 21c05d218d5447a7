"""Secrets in files that block, are replaced, or begin with a byte order mark."""

import asyncio
import codecs
import os
from pathlib import Path

import pytest

from app.http import SecretFileError, known_secret, read_secret, read_secret_now


@pytest.mark.parametrize(
    "content",
    [
        b"canary\n",
        codecs.BOM_UTF8 + b"canary\r\n",
        codecs.BOM_UTF16_LE + "canary\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "canary".encode("utf-16-be"),
        b" \n" + codecs.BOM_UTF8 + b"canary",
    ],
)
def test_spaces_line_ends_and_a_byte_order_mark_are_no_part_of_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert read_secret_now(tmp_path / "secret") == "canary"


def test_a_file_that_blocks_is_left_after_the_deadline(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    with pytest.raises(SecretFileError, match=r"could not be read within 0\.05 s"):
        asyncio.run(read_secret(tmp_path / "secret", within_s=0.05))
    with pytest.raises(SecretFileError, match=r"could not be read within 0\.05 s"):
        read_secret_now(tmp_path / "secret", within_s=0.05)


@pytest.mark.parametrize("fault", ["blocks", "missing", "empty", "no text", "a folder"])
def test_the_last_good_value_is_used_until_the_file_can_be_read_again(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert known_secret(path) is None
    path.write_text("first")
    assert asyncio.run(read_secret(path)) == "first"
    path.unlink()
    match fault:
        case "blocks":
            os.mkfifo(path)
        case "empty":
            path.touch()
        case "no text":
            path.write_bytes(b"\xff\x00\xfa")
        case "a folder":
            path.mkdir()
    assert asyncio.run(read_secret(path, within_s=0.1)) == "first"
    assert known_secret(path) == "first"
    new = tmp_path / "new"
    new.write_text("second")
    if fault == "a folder":
        path.rmdir()
    new.replace(path)
    if fault != "blocks":
        assert asyncio.run(read_secret(path)) == "second"


def test_a_file_without_end_is_no_secret() -> None:
    with pytest.raises(SecretFileError, match="larger than 64 KiB"):
        read_secret_now(Path("/dev/zero"))
