"""Vectors of texts or images, and the nearest of them: what looks or sounds alike, a ranking and never a finding."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

BLOCK = 1024
"""Most queries that are compared at once."""

CELLS = 1 << 23
"""Cosines held at once: 32 MB."""


class Neighbour(NamedTuple):
    """A pair of vectors by their places, and their cosine."""

    left: int
    right: int
    cosine: float


def unit(vectors: Vectors) -> Vectors:
    """Vectors at length 1; shape (n, d)."""
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)


def nearest(left: Vectors, right: Vectors, count: int, least: float) -> Iterator[Neighbour]:
    """For each right vector its `count` nearest left ones with a cosine of at least `least`, nearest first."""
    ours, theirs = unit(left), unit(right)
    count = min(count, len(ours))
    size = min(BLOCK, max(1, CELLS // max(1, len(ours))))
    for start in range(0, len(theirs) if count else 0, size):
        cosines = theirs[start : start + size] @ ours.T
        limits = np.partition(cosines, len(ours) - count, axis=1)[:, len(ours) - count]
        for row, values in enumerate(cosines):
            places = np.flatnonzero(values >= max(limits[row], least))
            for place in places[np.argsort(-values[places], kind="stable")[:count]].tolist():
                yield Neighbour(place, start + row, float(values[place]))
