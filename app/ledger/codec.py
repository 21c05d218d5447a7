"""Named columns as bytes and back, compressed; the form in which the store keeps the ledger."""

import io
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]


def pack(columns: Mapping[str, Column]) -> bytes:
    """Columns in numpy's own format, compressed."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **columns)
    return zlib.compress(buffer.getvalue(), level=1)


def unpack(data: bytes) -> dict[str, Column]:
    """The columns that `pack` was given.

    Raises:
        ValueError: the bytes are not what `pack` made.
    """
    try:
        with np.load(io.BytesIO(zlib.decompress(data)), allow_pickle=False) as archive:
            return dict(archive)
    except (zlib.error, OSError, KeyError, EOFError) as error:
        raise ValueError(f"not a packed column set: {error}") from error
