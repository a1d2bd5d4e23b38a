"""Texts that differ by one word: replaced, added or left out. Exact, and linear in the number of words.

Two such texts become equal when a word is struck out of one or of both, so it is enough to look for equal texts among
all texts with at most one word struck out.

Source: the deletion neighbourhood of Bocek, Hunt and Stiller (2007), "Fast similarity search in large dictionaries".
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

Hashes = npt.NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15
_MODULUS = 1 << 64
_INVERSE = pow(_BASE, -1, _MODULUS)


@lru_cache(maxsize=1 << 17)
def word_hash(word: str) -> int:
    """64 bits that stand for a word, the same in every process."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def struck_out(text: str) -> Hashes:
    """Hashes of the text and of the text without its first, second, … word; length: number of words + 1."""
    hashes = np.array([word_hash(word) for word in text.split()], dtype=np.uint64)
    powers = _powers(len(hashes))
    before = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(hashes * powers, dtype=np.uint64)))
    total = before[-1]
    without = before[:-1] + (total - before[1:]) * np.uint64(_INVERSE)
    return np.concatenate((before[-1:], without))


@lru_cache(maxsize=512)
def _powers(count: int) -> Hashes:
    values, power = [], 1
    for _ in range(count):
        values.append(power)
        power = power * _BASE % _MODULUS
    return np.array(values, dtype=np.uint64)


def one_word_apart(left: Sequence[str], right: Sequence[str], least_words: int) -> Iterator[tuple[int, int]]:
    """Places of all pairs at word distance 1, equal texts left out, in order of the left text.

    Texts of fewer than `least_words` words are passed over: there one word is most of what is said.
    """
    keys, owners = _table(right, least_words)
    for place, text in enumerate(left):
        split = text.split()
        if len(split) < least_words:
            continue
        own = struck_out(text)
        first, last = np.searchsorted(keys, own, side="left"), np.searchsorted(keys, own, side="right")
        near = {int(owner) for start, stop in zip(first, last) for owner in owners[start:stop]}
        for other in sorted(near):
            if Levenshtein.distance(split, right[other].split(), score_cutoff=1) == 1:
                yield place, other


def _table(texts: Sequence[str], least_words: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """All hashes of all texts, sorted, and the text that each belongs to."""
    parts = [(place, struck_out(text)) for place, text in enumerate(texts) if len(text.split()) >= least_words]
    if not parts:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    keys = np.concatenate([hashes for _, hashes in parts])
    owners = np.repeat([place for place, _ in parts], [len(hashes) for _, hashes in parts])
    order = np.argsort(keys, kind="stable")
    return keys[order], owners[order]
