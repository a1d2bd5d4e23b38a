"""Indices of packs: sorted arrays answer as a dictionary does."""

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.store._pack_index import EMPTY, Entries


@given(st.dictionaries(st.binary(min_size=32, max_size=32), st.tuples(st.integers(0, 2**40), st.integers(0, 2**32))))
def test_arrays_answer_as_a_dictionary_does(members: dict[bytes, tuple[int, int]]) -> None:
    entries = Entries.of(7, members)
    assert {key: entries.get(key) for key in members} == members
    assert entries.members() == members
    assert entries.get(b"\xff" * 31 + b"\xfe") == members.get(b"\xff" * 31 + b"\xfe")


def test_hashes_that_begin_alike_are_never_taken_for_each_other() -> None:
    alike = [b"\x07" * 8 + bytes([last]) * 24 for last in range(5)]
    entries = Entries.of(0, {key: (n, n) for n, key in enumerate(alike[:4])})
    assert [entries.get(key) for key in alike] == [(0, 0), (1, 1), (2, 2), (3, 3), None]
    assert EMPTY.get(alike[0]) is None
