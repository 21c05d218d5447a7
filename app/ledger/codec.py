"""Cells as bytes and back, compressed; the form in which the store keeps them."""

import zlib

import numpy as np

from app.slo.arrays import Floats


def pack_cells(total: Floats, bad: Floats, measured_s: Floats) -> bytes:
    """Neighbouring cells of one row; measured seconds are kept in float32."""
    columns = (total.astype("<f8"), bad.astype("<f8"), measured_s.astype("<f4"))
    return zlib.compress(b"".join(column.tobytes() for column in columns))


def unpack_cells(data: bytes) -> tuple[Floats, Floats, Floats]:
    """The cells that `pack_cells` was given.

    Raises:
        ValueError: the bytes are not what `pack_cells` made.
    """
    try:
        raw = zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"not packed cells: {error}") from error
    cells, rest = divmod(len(raw), 20)
    if rest:
        raise ValueError(f"not packed cells: {len(raw)} bytes")
    return (
        np.frombuffer(raw, "<f8", cells).astype(np.float64),
        np.frombuffer(raw, "<f8", cells, 8 * cells).astype(np.float64),
        np.frombuffer(raw, "<f4", cells, 16 * cells).astype(np.float64),
    )
