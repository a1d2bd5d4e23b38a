"""One way to write PNG, quick and always the same: every row Paeth-filtered, then the quickest level of deflate.

That is as small as Pillow's quickest setting at less than half its time: no search for a filter row by row.
Source: PNG, Third Edition (W3C).
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from medvlsynther.store.resample import paeth

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """The PNG file of RGB pixels, shape (height, width, 3)."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    return (
        _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(paeth(pixels), 1)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
