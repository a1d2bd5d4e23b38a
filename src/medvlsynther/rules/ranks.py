"""The lowest ranks of groups of any size, found in two passes that hold counts and a few ranks, never the members.

The first pass counts the ranks of each group by their leading bits, and so finds the span in which the last member to
be taken lies; the second looks at the ranks within that span alone.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

_BITS, _LEADING = 64, 12
"""Bits of a rank, and those by which ranks are counted: 4,096 counters a group; one span in 4,096 is held."""


class Ranked(NamedTuple):
    """A member with its rank; ranks that are equal are ordered by the member's name."""

    rank: int
    """64 bits, as `fingerprint.draw` gives them."""
    member: str


class Cut:
    """Who is among the lowest of each group."""

    def __init__(self, last: Mapping[str, Ranked]) -> None:
        self._last = last

    def takes(self, group: str, member: Ranked) -> bool:
        """Whether a member of a group was among its lowest."""
        last = self._last.get(group)
        return last is not None and member <= last


def lowest(
    read: Callable[[], Iterable[tuple[str, Ranked]]], quotas: Callable[[Mapping[str, int]], Mapping[str, int]]
) -> Cut:
    """The lowest members of each group: so many as `quotas` says, from the number of members of every group.

    `read` gives group and member, all of them, each time it is called, in any order.
    """
    counts: dict[str, list[int]] = {}
    for group, member in read():
        counts.setdefault(group, [0] * (1 << _LEADING))[_span(member)] += 1
    wanted = quotas({group: sum(spans) for group, spans in counts.items()})
    decisive = {group: _decisive(counts[group], quota) for group, quota in wanted.items() if quota > 0}
    held: dict[str, list[Ranked]] = {group: [] for group in decisive}
    for group, member in read():
        if group in decisive and _span(member) == decisive[group][0]:
            held[group].append(member)
    return Cut({group: sorted(members)[decisive[group][1] - 1] for group, members in held.items()})


def _span(member: Ranked) -> int:
    return member.rank >> (_BITS - _LEADING)


def _decisive(spans: list[int], quota: int) -> tuple[int, int]:
    """The span with the last member to be taken, and how many of that span are taken."""
    before = 0
    for span, count in enumerate(spans):
        if before + count >= quota:
            return span, quota - before
        before += count
    raise ValueError(f"{quota} of {before} members")
