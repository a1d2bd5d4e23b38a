"""Near hashes from files: the pairs that memory would find, in the order in which each hash would find its own."""

from itertools import combinations
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medvlsynther.rules import dedupe
from medvlsynther.store.near import near_hashes

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=40)
FLIPS = st.lists(st.tuples(st.integers(0, 39), st.integers(0, 2**64 - 1)), max_size=40)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HASHES, FLIPS, st.integers(0, 6), st.integers(1, 60))
def test_pairs_do_not_depend_on_what_is_held(
    tmp_path: Path, hashes: list[int], flips: list[tuple[int, int]], bits: int, held: int
) -> None:
    near = [hashes[at % len(hashes)] ^ (flip & flip >> 1 & flip >> 2 & flip >> 3) for at, flip in flips if hashes]
    given_twice = [*hashes, *near, *hashes[:5]]
    values = sorted(set(given_twice))
    expected = {pair for pair in combinations(values, 2) if (pair[0] ^ pair[1]).bit_count() <= bits}
    found = list(near_hashes(given_twice, bits, tmp_path / "near", held=held))
    assert set(found) == expected
    assert len(found) == len(expected)
    assert not any((tmp_path / "near").iterdir())
    # Which of several near images an item is said to repeat must not depend on the way either.
    inside = [(values[one], values[other]) for one, other in dedupe.near_hashes(values, bits)]
    for value in values:
        assert [p for p in found if value in p] == [p for p in inside if value in p]
