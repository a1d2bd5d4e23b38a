"""Every pair of texts that are nearly the same, found without comparing every pair and without losing one.

Two texts whose normalised Levenshtein similarity is at least t differ by at most (1 - t) of the longer one's length.
That bounds the difference of their lengths and of their bags of characters, and both are cheap to look at for whole
blocks of pairs; only what passes is measured. The result is the same under any order and hash seed.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

COARSE, FINE = 16, 64
"""Buckets of characters looked at first, and then."""

CELLS = 1 << 21
"""Pairs looked at together: a few MB."""

_EPSILON = 1e-9

_SLACK = 1e-4
"""Taken off the cut-off that the library gets: at the cut-off itself its rounding loses pairs."""

Bags = npt.NDArray[np.int16]
Indices = npt.NDArray[np.intp]


class Near(NamedTuple):
    """Two texts by their places in the two lists, and how similar they are, 0..1."""

    left: int
    right: int
    score: float


def bags(texts: Sequence[str], buckets: int) -> Bags:
    """How often characters of each bucket stand in each text; shape (texts, buckets).

    Characters that share a bucket only make two bags look more alike, so a bound drawn from them stays a bound.
    """
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    cells = np.repeat(np.arange(len(texts)) * buckets, lengths) + codes % buckets
    counts = np.bincount(cells, minlength=len(texts) * buckets).reshape(len(texts), buckets)
    return np.minimum(counts, np.iinfo(np.int16).max // buckets).astype(np.int16)


def near_pairs(left: Sequence[str], right: Sequence[str], threshold: float) -> Iterator[Near]:
    """All pairs with a normalised Levenshtein similarity of at least `threshold`; empty texts are like nothing.

    Grows with len(left) * len(right), at a few nanoseconds a pair; memory is bounded by the texts themselves.
    """
    others = _by_length(right)
    lengths = np.array([len(right[place]) for place in others], dtype=np.int64)
    coarse, fine = (bags([right[place] for place in others], buckets) for buckets in (COARSE, FINE))
    columns_first = np.ascontiguousarray(coarse.T)
    most = max(1, min(256, CELLS // max(1, len(others))))
    for chosen in _blocks(left, most):
        size = len(left[chosen[0]])
        shortest, longest = size * threshold - _EPSILON, size / max(threshold, _EPSILON) + _EPSILON
        first, last = np.searchsorted(lengths, (shortest, longest))
        if first == last:
            continue
        room = _room(size, lengths[first:last], threshold)
        texts = [left[place] for place in chosen]
        rows, columns = _survivors(texts, room, columns_first[:, first:last], fine[first:last])
        found = zip(rows.tolist(), (columns + first).tolist())
        yield from measured([(chosen[row], others[column]) for row, column in found], left, right, threshold)


def _blocks(texts: Sequence[str], most: int) -> Iterator[list[int]]:
    """Places of texts of one length, no more than `most` together, from short to long."""
    for _, same in groupby(_by_length(texts), key=lambda place: len(texts[place])):
        while block := list(islice(same, most)):
            yield block


def _by_length(texts: Sequence[str]) -> list[int]:
    return sorted((place for place, text in enumerate(texts) if text), key=lambda place: len(texts[place]))


def _room(size: int, lengths: npt.NDArray[np.int64], threshold: float) -> npt.NDArray[np.int16]:
    """How far the bags of a text of that length and of texts of those lengths may be apart.

    Each edit changes at most two counts, and a difference in length is edits that change one each.
    """
    edits = np.floor((1 - threshold) * np.maximum(size, lengths) + _EPSILON)
    room: npt.NDArray[np.int16] = np.minimum(2 * edits - np.abs(size - lengths), np.iinfo(np.int16).max).astype(
        np.int16
    )
    return room


def _survivors(texts: Sequence[str], room: npt.NDArray[np.int16], coarse: Bags, fine: Bags) -> tuple[Indices, Indices]:
    """Rows and columns of the pairs that bags leave possible; `coarse` has a row a bucket, `fine` a row a text."""
    own = bags(texts, COARSE)
    apart = np.abs(own[:, 0, None] - coarse[0])
    for bucket in range(1, COARSE):
        apart += np.abs(own[:, bucket, None] - coarse[bucket])
    rows, columns = np.nonzero(apart <= room)
    details = bags(texts, FINE)
    kept = np.zeros(len(rows), dtype=bool)
    step = CELLS // FINE
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        differences = np.abs(details[rows[part]] - fine[columns[part]]).sum(axis=1, dtype=np.int32)
        kept[part] = differences <= room[columns[part]]
    return rows[kept], columns[kept]


def measured(
    pairs: Sequence[tuple[int, int]], left: Sequence[str], right: Sequence[str], threshold: float
) -> Iterator[Near]:
    """Those of some pairs of places whose texts have a similarity of at least `threshold`, in their order."""
    if not pairs:
        return
    scores = process.cpdist(
        [left[one] for one, _ in pairs],
        [right[other] for _, other in pairs],
        scorer=Levenshtein.normalized_similarity,
        score_cutoff=max(0.0, threshold - _SLACK),
        dtype=np.float64,
    )
    for (one, other), score in zip(pairs, scores.tolist()):
        if score >= threshold:
            yield Near(one, other, score)
