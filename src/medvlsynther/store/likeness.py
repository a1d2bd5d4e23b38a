"""Perceptual hashes: near pictures have near hashes, in bits that differ.

Source: the pHash and dHash of the ImageHash package, hash for hash.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medvlsynther.store.resample import resize

SIDE = 8
"""Bits along one side of a hash."""

_DCT_SIDE = 4 * SIDE


def phash(grey: Image.Image) -> str:
    """64-bit hash of the lowest frequencies of a picture in mode L, 16 hex digits."""
    pixels = np.asarray(resize(grey, (_DCT_SIDE, _DCT_SIDE)), dtype=np.float64)
    basis = _basis()
    low = basis @ pixels @ basis.T
    return _hex(low > np.median(low))


def dhash(grey: Image.Image) -> str:
    """64-bit hash of which pixel is brighter than its left neighbour, of a picture in mode L, 16 hex digits."""
    pixels = np.asarray(resize(grey, (SIDE + 1, SIDE)))
    return _hex(pixels[:, 1:] > pixels[:, :-1])


def distance(one: str, other: str) -> int:
    """Bits in which two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


@cache
def _basis() -> NDArray[np.float64]:
    """The first cosines of a DCT-II, one a row."""
    angles = [[math.pi * k * (2 * n + 1) / (2 * _DCT_SIDE) for n in range(_DCT_SIDE)] for k in range(SIDE)]
    return np.array([[2 * math.cos(angle) for angle in row] for row in angles], dtype=np.float64)


def _hex(bits: NDArray[np.bool_]) -> str:
    return np.packbits(bits).tobytes().hex()
