"""Vectors of texts or images, and the nearest of them: what looks or sounds alike, a ranking and never a finding."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

BLOCK = 1024
"""Queries compared at once."""


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
    for start in range(0, len(theirs), BLOCK if count else len(theirs) + 1):
        cosines = theirs[start : start + BLOCK] @ ours.T
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        for row, places in enumerate(best):
            for place in places.tolist():
                if cosines[row, place] >= least:
                    yield Neighbour(place, start + row, float(cosines[row, place]))
