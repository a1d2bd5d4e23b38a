"""Near hashes: all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.overlap.hamming import within

HASH = st.integers(0, (1 << 64) - 1)


@given(HASH, st.lists(HASH, max_size=20), st.lists(st.integers(0, 63), max_size=5), st.integers(0, 64))
def test_every_hash_in_reach_is_found(query: int, others: list[int], flips: list[int], radius: int) -> None:
    near = query
    for bit in flips:
        near ^= 1 << bit
    hashes = [*others, near]
    found = within(query, np.array(hashes, dtype=np.uint64), radius)
    wanted = [(place, (query ^ one).bit_count()) for place, one in enumerate(hashes)]
    assert list(zip(found.places.tolist(), found.bits.tolist())) == [one for one in wanted if one[1] <= radius]


def test_nothing_is_near_in_an_empty_set() -> None:
    assert within(1, np.zeros(0, dtype=np.uint64), 64).places.tolist() == []
