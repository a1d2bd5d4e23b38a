"""Columns side by side: like rows side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import MissingInput
from medvlsynther.store.joins import columns_along


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
def test_each_left_tuple_meets_its_own(shape: list[tuple[int, bool]]) -> None:
    right = [(f"k{n}", n) for n in range(len(shape))]
    left = [(f"k{n}", time) for n, (times, _) in enumerate(shape) for time in range(times)]
    found = list(columns_along(iter(left), iter(right)))
    assert [one for one, _ in found] == left
    assert all(one[0] == other[0] for one, other in found)


@pytest.mark.parametrize("left", [[("x",)], [("b",), ("a",)]])
def test_a_tuple_without_a_partner_is_no_silent_loss(left: list[tuple[str]]) -> None:
    with pytest.raises(MissingInput, match="No row"):
        list(columns_along(left, [("a", 1), ("b", 2)]))
