"""Where the replies of a ledger stand: 24 bytes a reply."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_FRESH_MOST = 1 << 15


class Place(NamedTuple):
    """Where a line stands."""

    segment: int
    offset: int
    size: int


_PLACE = np.dtype([("segment", "<u4"), ("offset", "<u8"), ("size", "<u4")])


class Index:
    """Places by 64-bit key: a small dict of the latest, and sorted arrays of the rest."""

    def __init__(self) -> None:
        self._fresh: dict[int, Place] = {}
        self._keys: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._places: npt.NDArray[Any] = np.empty(0, dtype=_PLACE)

    def __setitem__(self, key: int, place: Place) -> None:
        self._fresh[key] = place
        if len(self._fresh) >= _FRESH_MOST:
            self._settle()

    def get(self, key: int) -> Place | None:
        """The latest place of a key."""
        if (place := self._fresh.get(key)) is not None:
            return place
        at = int(np.searchsorted(self._keys, np.uint64(key)))
        if at == len(self._keys) or int(self._keys[at]) != key:
            return None
        return Place(*self._places[at].item())

    def places(self) -> npt.NDArray[Any]:
        """All places, in the order of their keys."""
        self._settle()
        return self._places.copy()

    def _settle(self) -> None:
        keys = np.array(sorted(self._fresh), dtype=np.uint64)
        places = np.array([self._fresh[key] for key in keys.tolist()], dtype=_PLACE)
        self._fresh.clear()
        at = np.searchsorted(self._keys, keys)
        known = at < len(self._keys)
        known[known] = self._keys[at[known]] == keys[known]
        self._places[at[known]] = places[known]
        self._places = np.insert(self._places, at[~known], places[~known])
        self._keys = np.insert(self._keys, at[~known], keys[~known])
