"""Near hashes, found by looking at all of them: at a nanosecond a pair nothing cleverer pays at these sizes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

CHUNK = 1 << 17
"""Hashes looked at together: what stays in a processor's cache."""


class Hits(NamedTuple):
    """Hashes near a query."""

    places: npt.NDArray[np.int64]
    """Where they stand, ascending."""
    bits: npt.NDArray[np.uint8]
    """In how many bits each differs."""


def parsed(hashes: "list[str] | tuple[str, ...]") -> Hashes:
    """Hashes of 16 hex digits as numbers."""
    return np.array([int(text, 16) for text in hashes], dtype=np.uint64)


def within(query: int, hashes: Hashes, radius: int) -> Hits:
    """Every hash that differs from the query in at most `radius` bits."""
    number = np.uint64(query)
    places, bits = [], []
    for start in range(0, len(hashes), CHUNK):
        apart = np.bitwise_count(hashes[start : start + CHUNK] ^ number)
        near = np.flatnonzero(apart <= radius)
        places.append(near + start)
        bits.append(apart[near])
    if not places:
        return Hits(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8))
    return Hits(np.concatenate(places), np.concatenate(bits))
