"""The order of rows as a shortcut: a key that follows from the row's number, or from the key before it."""

from collections.abc import Iterable
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from medvlsynther.records import LETTERS

LONGEST_PERIOD = 20
"""Longest cycle of keys that is looked for."""

_CHUNK = 1 << 14

Keys = NDArray[np.int64]


class Order:
    """The keys of all rows in their order, counted as they pass by: what the order of rows tells of any set, in memory
    that does not grow with it.
    """

    def __init__(self) -> None:
        letters = len(LETTERS)
        self._cycles = np.zeros((LONGEST_PERIOD, 2, LONGEST_PERIOD, letters))
        """By period, parity of the cycle, place in the cycle and letter."""
        self._following = np.zeros((letters, letters))
        """By a key and the next one."""
        self._counts = np.zeros(letters, np.int64)
        self._waiting: list[int] = []
        self._last: int | None = None

    @classmethod
    def of(cls, keys: Iterable[int]) -> "Order":
        """The order of keys that are at hand."""
        order = cls()
        for key in keys:
            order.add(key)
        return order

    def add(self, key: int) -> None:
        """Count the next row's key, as the index of its letter."""
        self._waiting.append(key)
        if len(self._waiting) >= _CHUNK:
            self._count()

    def _count(self) -> None:
        keys, self._waiting = np.array(self._waiting, np.int64), []
        if not len(keys):
            return
        places = np.arange(len(keys)) + int(self._counts.sum())
        for period in range(1, LONGEST_PERIOD + 1):
            np.add.at(self._cycles[period - 1], (places // period % 2, places % period, keys), 1)
        before = keys if self._last is None else np.concatenate([[self._last], keys])
        np.add.at(self._following, (before[:-1], before[1:]), 1)
        self._counts += np.bincount(keys, minlength=len(LETTERS))
        self._last = int(keys[-1])

    @property
    def counts(self) -> Keys:
        """Rows by letter of the key, up to the last letter that is one."""
        self._count()
        return self._counts[: int(np.flatnonzero(self._counts).max(initial=-1)) + 1]

    def earned(self, period: int, places: Keys, keys: Keys) -> NDArray[np.float64]:
        """Credit for guessing, from a row's place in a cycle, the commonest letter there in the cycles of other parity.

        `places` and `keys` are those of the rows that are guessed.
        """
        phase, parity = places % period, places // period % 2
        learned = self._cycles[period - 1][1 - parity, phase][:, : len(self.counts)]
        best = learned == learned.max(axis=1, keepdims=True)
        return np.asarray(best[np.arange(len(keys)), keys] / best.sum(axis=1))

    def mutual_information(self) -> float:
        """Bits that a key tells about the next one, less what as many independent keys would show (Miller-Madow)."""
        letters = len(self.counts)
        joint = self._following[:letters, :letters]
        total = int(joint.sum())
        if not total:
            return 0.0
        share = joint / total
        apart = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
        seen = share > 0
        bits = float((share[seen] * np.log2(share[seen] / apart[seen])).sum())
        excess: float = (letters - 1) ** 2 / (2 * total * log(2))
        return max(0.0, bits - excess)

    def runs_z(self) -> float:
        """Standard score of the number of equal neighbours: far below 0 for a rotation, far above for blocks."""
        counts = self.counts
        total = int(counts.sum())
        pairs = total - 1
        share = float(np.square(counts / total).sum()) if total else 0.0
        if pairs < 1 or share in (0.0, 1.0):
            return 0.0
        equal = int(np.trace(self._following))
        return float((equal - pairs * share) / sqrt(pairs * share * (1 - share)))
