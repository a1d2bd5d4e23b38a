"""Every pair of texts that are nearly the same, found without comparing every pair and without losing one.

Two texts whose normalised Levenshtein similarity is at least t differ by at most (1 - t) of the longer one's length.
That bounds the difference of their lengths and of their bags of characters, and both are cheap to look at for whole
blocks of pairs; only what passes is measured. The result is the same under any order and hash seed.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

COARSE, FINE = 8, 32
"""Buckets of characters looked at first, and then."""

CELLS = 1 << 21
"""Pairs looked at together: a few MB."""

_EPSILON = 1e-9

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
    places, others = _by_length(left), _by_length(right)
    lengths = np.array([len(right[place]) for place in others], dtype=np.int64)
    coarse, fine = (bags([right[place] for place in others], buckets) for buckets in (COARSE, FINE))
    block = max(1, min(256, CELLS // max(1, len(others))))
    for start in range(0, len(places), block):
        chosen = places[start : start + block]
        texts = [left[place] for place in chosen]
        sizes = np.array([len(text) for text in texts], dtype=np.int64)
        first, last = np.searchsorted(
            lengths, (sizes[0] * threshold - _EPSILON, sizes[-1] / max(threshold, _EPSILON) + _EPSILON)
        )
        if first == last:
            continue
        rows, columns = _survivors(texts, sizes, lengths[first:last], coarse[first:last], fine[first:last], threshold)
        found = zip(rows.tolist(), (columns + first).tolist())
        yield from _measured([(chosen[row], others[column]) for row, column in found], left, right, threshold)


def _by_length(texts: Sequence[str]) -> list[int]:
    return sorted((place for place, text in enumerate(texts) if text), key=lambda place: len(texts[place]))


def _survivors(
    texts: Sequence[str],
    sizes: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    coarse: Bags,
    fine: Bags,
    threshold: float,
) -> tuple[Indices, Indices]:
    """Rows and columns of the pairs that lengths and bags leave possible."""
    longest = np.maximum(sizes[:, None], lengths[None, :])
    # A bag distance is half of (sum of differences + difference of lengths): each edit changes at most two counts.
    room = (2 * np.floor((1 - threshold) * longest + _EPSILON)).astype(np.int32)
    room -= np.abs(sizes[:, None] - lengths[None, :]).astype(np.int32)
    own = bags(texts, COARSE)
    apart = np.zeros(longest.shape, dtype=np.int16)
    for bucket in range(COARSE):
        apart += np.abs(own[:, bucket, None] - coarse[None, :, bucket])
    rows, columns = np.nonzero(apart <= room)
    details = bags(texts, FINE)
    kept = np.zeros(len(rows), dtype=bool)
    step = CELLS // FINE
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        differences = np.abs(details[rows[part]] - fine[columns[part]]).sum(axis=1, dtype=np.int32)
        kept[part] = differences <= room[rows[part], columns[part]]
    return rows[kept], columns[kept]


def _measured(
    pairs: Sequence[tuple[int, int]], left: Sequence[str], right: Sequence[str], threshold: float
) -> Iterator[Near]:
    if not pairs:
        return
    scores = process.cpdist(
        [left[one] for one, _ in pairs],
        [right[other] for _, other in pairs],
        scorer=Levenshtein.normalized_similarity,
        score_cutoff=threshold,
        dtype=np.float64,
    )
    for (one, other), score in zip(pairs, scores.tolist()):
        if score >= threshold:
            yield Near(one, other, score)
