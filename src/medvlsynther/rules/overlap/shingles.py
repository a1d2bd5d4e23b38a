"""Passages that two texts share: runs of 13 words, and MinHash over shingles of 5.

A run finds a copied passage inside longer texts; the sketch finds texts with much in common in whatever order, and
stands in for a text that may not be handed on.

Source: 13-word overlap as in the GPT-3 report (Brown et al. 2020, appendix C); MinHash as in Broder (1997).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medvlsynther.fingerprint import draw
from medvlsynther.rules.overlap.edits import word_hash

RUN = 13
"""Words in a run."""

SHINGLE = 5
"""Words in a shingle."""

HASHES = 128
"""Hash functions of a sketch."""

ROWS = 4
"""Hashes that must agree for two sketches to be looked at: 32 bands of 4, so that a pair that shares half of its
shingles is missed once in 8, and one that shares 0.7 once in 5,000."""

SEED = 5
"""Of the hash functions: fixed, so that sketches made at different places can be compared."""

Hashes = npt.NDArray[np.uint64]
Sketch = npt.NDArray[np.uint32]

_EMPTY = np.iinfo(np.uint32).max


class Shared(NamedTuple):
    """Two texts by their places, and how much of them is shared, 0..1."""

    left: int
    right: int
    score: float


def grams(text: str, size: int) -> Hashes:
    """Hashes of all runs of `size` words, each once, sorted; none for a shorter text."""
    words = np.array([word_hash(word) for word in text.split()], dtype=np.uint64)
    if len(words) < size:
        return np.zeros(0, dtype=np.uint64)
    total = np.zeros(len(words) - size + 1, dtype=np.uint64)
    for offset in range(size):
        total = total * np.uint64(0x100000001B3) + words[offset : offset + len(total)]
    return np.unique(total)


def shared_runs(left: Sequence[str], right: Sequence[str], size: int = RUN) -> Iterator[Shared]:
    """All pairs that share a run of `size` words; the score is the share of the shorter text's runs."""
    known = [grams(text, size) for text in right]
    keys, owners = _index(known)
    for place, text in enumerate(left):
        own = grams(text, size)
        first, last = np.searchsorted(keys, own, side="left"), np.searchsorted(keys, own, side="right")
        counts: dict[int, int] = {}
        for start, stop in zip(first.tolist(), last.tolist()):
            for owner in owners[start:stop].tolist():
                counts[owner] = counts.get(owner, 0) + 1
        for owner in sorted(counts):
            yield Shared(place, owner, counts[owner] / min(len(own), len(known[owner])))


def _index(parts: Sequence[Hashes]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    keys = np.concatenate([*parts, np.zeros(0, dtype=np.uint64)])
    owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(keys, kind="stable")
    return keys[order], owners[order]


# ------------------------------------------------------------------------------------------------------ MinHash


@cache
def _functions() -> tuple[Hashes, Hashes]:
    """Odd factors and offsets of the hash functions."""
    factors = [draw(SEED, "factor", str(number)) | 1 for number in range(HASHES)]
    offsets = [draw(SEED, "offset", str(number)) for number in range(HASHES)]
    return np.array(factors, dtype=np.uint64), np.array(offsets, dtype=np.uint64)


def sketch(text: str, size: int = SHINGLE) -> Sketch:
    """The smallest hash of the text's shingles under each of 128 functions.

    A text shorter than a shingle is one shingle.
    """
    return smallest(grams(text, max(1, min(size, text.count(" ") + 1))))


def smallest(shingles: Hashes) -> Sketch:
    """The smallest hash of some shingles under each function; all ones for none."""
    factors, offsets = _functions()
    if not len(shingles):
        return np.full(HASHES, _EMPTY, dtype=np.uint32)
    mixed = shingles[:, None] * factors[None, :] + offsets[None, :]
    found: Sketch = (mixed >> np.uint64(32)).astype(np.uint32).min(axis=0)
    return found


def likeness(one: Sketch, other: Sketch) -> float:
    """The estimated share of shingles that two texts have in common (Jaccard); standard error about 0.04."""
    return float(np.mean(one == other))


def sketched_pairs(left: Sequence[Sketch], right: Sequence[Sketch], threshold: float) -> Iterator[Shared]:
    """Pairs whose sketches agree in `threshold` of all hashes or more, and in all of one band; none is cut off."""
    bands: list[dict[bytes, list[int]]] = [{} for _ in range(HASHES // ROWS)]
    for place, own in enumerate(right):
        for band, key in zip(bands, _bands(own)):
            band.setdefault(key, []).append(place)
    for place, own in enumerate(left):
        near = {other for band, key in zip(bands, _bands(own)) for other in band.get(key, ())}
        for other in sorted(near):
            score = likeness(own, right[other])
            if score >= threshold:
                yield Shared(place, other, score)


def _bands(own: Sketch) -> Iterator[bytes]:
    if own[0] == _EMPTY and (own == _EMPTY).all():
        return
    data = own.tobytes()
    width = ROWS * own.itemsize
    for start in range(0, len(data), width):
        yield data[start : start + width]


def detection(likeness_of_pair: float) -> float:
    """The chance that a pair with that true likeness comes up in `sketched_pairs` as a candidate."""
    return float(1 - (1 - likeness_of_pair**ROWS) ** (HASHES // ROWS))
