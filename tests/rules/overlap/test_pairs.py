"""Groups become pairs: nobody is left out, and nothing explodes."""

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.overlap.pairs import ALL_PAIRS, joined, spread


@given(st.integers(1, 300), st.integers(1, 300))
def test_every_item_stands_in_a_pair_at_a_bounded_cost(left: int, right: int) -> None:
    ours, theirs = [f"a{n}" for n in range(left)], [f"b{n}" for n in range(right)]
    pairs = list(spread(ours, theirs))
    assert {one for one, _ in pairs} == set(ours)
    assert {other for _, other in pairs} == set(theirs)
    assert len(pairs) == len(set(pairs)) <= max(ALL_PAIRS, left + right)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=300))
def test_within_a_set_nobody_is_paired_with_itself_or_twice(items: list[int]) -> None:
    pairs = list(spread(items, items, same_set=True))
    assert all(one != other for one, other in pairs)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    if len(set(items)) > 1:
        assert {item for pair in pairs for item in pair} == set(items)


def test_groups_join_in_the_order_of_the_right_side() -> None:
    assert list(joined({"a": [1], "b": [2]}, {"b": [3], "c": [4], "a": [5]})) == [("b", [2], [3]), ("a", [1], [5])]
