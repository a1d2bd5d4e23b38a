"""Texts that are nearly the same among more than can be compared pair by pair: MinHash proposes, measuring decides.

Nothing that is no pair is ever given; how many pairs are lost is measured on a sample of the texts against all others,
so that it can be told beside what was found.

Source: banded MinHash as in Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medvlsynther.fingerprint import draw
from medvlsynther.rules.overlap.join import Near, measured, near_pairs
from medvlsynther.rules.overlap.shingles import HASHES, Hashes, Sketch, smallest

GRAM = 3
"""Characters in a shingle: a text of which a tenth was changed keeps more than half of these."""

ROWS = 4
"""Hashes that must agree: 32 bands of 4 lose a pair that shares 0.54 of its shingles once in 16, 0.7 once in 5,000."""

SAMPLE = 64
"""Texts of the right side that are compared with all, to measure how many pairs are lost."""

_BASE = np.uint64(0x100000001B3)


def sketches(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """A sketch of each text's runs of characters, shape (texts, 128)."""
    found = [_sketch(text) for text in texts]
    return np.array(found, np.uint32).reshape(len(texts), HASHES)


def _sketch(text: str) -> Sketch:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    size = min(GRAM, len(codes))
    total: Hashes = np.zeros(max(0, len(codes) - size + 1) if size else 0, np.uint64)
    for offset in range(size):
        total = total * _BASE + codes[offset : offset + len(total)]
    return smallest(np.unique(total))


@dataclass
class Likely:
    """Near pairs of blocks of two large sets, and a measure of what is lost."""

    seed: int = 0
    """Of the sample."""
    there: int = 0
    """Pairs that a text of the sample is in."""
    found: int = 0
    """Those of them that were found without looking at every pair."""

    @property
    def recall(self) -> float | None:
        """Share of the sample's pairs that were found; None where it is in no pair."""
        return self.found / self.there if self.there else None

    @property
    def told(self) -> str:
        """The recall in words."""
        if not self.there:
            return f"{SAMPLE} texts a block were compared with all, and none of them is nearly equal to another"
        return f"recall {self.recall:.3f}: {self.found} of {self.there} pairs of {SAMPLE} texts a block"

    def __call__(self, left: Sequence[str], right: Sequence[str], threshold: float) -> Iterator[Near]:
        """The pairs with a normalised Levenshtein similarity of at least `threshold` that sketches propose."""
        pairs = list(_candidates(left, right))
        given = set()
        for start in range(0, len(pairs), 1 << 16):
            for near in measured(pairs[start : start + (1 << 16)], left, right, threshold):
                given.add((near.left, near.right))
                yield near
        self._check(left, right, threshold, given)

    def _check(self, left: Sequence[str], right: Sequence[str], threshold: float, given: set[tuple[int, int]]) -> None:
        ranked = sorted((draw(self.seed, "likely", text), place) for place, text in enumerate(right) if text)
        sample = [place for _, place in ranked[:SAMPLE]]
        exact = near_pairs(left, [right[place] for place in sample], threshold)
        there = {(near.left, sample[near.right]) for near in exact}
        self.there += len(there)
        self.found += len(there & given)


def _candidates(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places of texts that agree in a band of their sketches, each pair once, ascending."""
    ours, theirs = ([place for place, text in enumerate(side) if text] for side in (left, right))
    if not ours or not theirs:
        return
    lefts, rights = sketches([left[place] for place in ours]), sketches([right[place] for place in theirs])
    found = [_agreeing(lefts[:, at : at + ROWS], rights[:, at : at + ROWS]) for at in range(0, HASHES, ROWS)]
    for pair in np.unique(np.concatenate(found)).tolist():
        yield ours[pair >> 32], theirs[pair & 0xFFFFFFFF]


def _agreeing(left: npt.NDArray[np.uint32], right: npt.NDArray[np.uint32]) -> Hashes:
    """Pairs of rows that are equal, as left << 32 | right."""
    own, other = _keys(left), _keys(right)
    order = np.argsort(other, kind="stable")
    first, last = (np.searchsorted(other[order], own, side=side) for side in ("left", "right"))
    counts = last - first
    lefts = np.repeat(np.arange(len(own)), counts)
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    rights = order[np.repeat(first, counts) + within]
    pairs: Hashes = lefts.astype(np.uint64) << np.uint64(32) | rights.astype(np.uint64)
    return pairs


def _keys(rows: npt.NDArray[np.uint32]) -> Hashes:
    """One number a row."""
    total: Hashes = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        total = (total ^ column) * np.uint64(0x9E3779B97F4A7C15)
    return total
