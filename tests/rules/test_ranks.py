"""Lowest ranks without holding members: the same as sorting, whatever the ranks are and however they tie."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.ranks import Ranked, lowest

RANKS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 5), st.just(2**64 - 1))
MEMBERS = st.lists(st.tuples(st.sampled_from("ab"), RANKS), max_size=50).map(
    lambda found: [(group, Ranked(rank, f"m{n}")) for n, (group, rank) in enumerate(found)]
)


@given(MEMBERS, st.integers(0, 60), st.integers(0, 60), st.sampled_from([0, 1, 5, 100]))
def test_the_lowest_are_those_that_sorting_puts_first(
    members: list[tuple[str, Ranked]], a: int, b: int, held: int
) -> None:
    wanted = {"a": a, "b": b}

    def quotas(sizes: Mapping[str, int]) -> dict[str, int]:
        return {group: min(wanted[group], size) for group, size in sizes.items()}

    cut = lowest(lambda: iter(members), quotas, held=held)
    for group, quota in wanted.items():
        own = [member for at, member in members if at == group]
        assert {m for m in own if cut.takes(group, m)} == set(sorted(own)[:quota])
    assert not cut.takes("none", Ranked(0, "m"))
