"""The lowest ranks of groups of any size, found in passes that hold counts and a few ranks, never the members.

A pass counts the ranks of each group by their leading bits, and so finds the span in which the last member to be taken
lies; when so few lie in it that they may be held, the last pass looks at those alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

STEP_BITS = 12
"""Bits of a rank by which one pass counts: 4,096 counters a group."""

HELD = 1 << 14
"""Members of one span that are held; two passes do for 64 million members of random ranks."""


class Ranked(NamedTuple):
    """A member with its rank; equal ranks are ordered by the member's name."""

    rank: int
    """As many bits as `lowest` is told, e.g. the 64 of `fingerprint.draw`."""
    member: str


Read = Callable[[], Iterable[tuple[str, Ranked]]]
"""Gives group and member of all there are, in any order, anew at each call."""


class Cut:
    """Who is among the lowest of each group."""

    def __init__(self, last: Mapping[str, Ranked]) -> None:
        self._last = last

    def takes(self, group: str, member: Ranked) -> bool:
        """Whether a member of a group was among its lowest."""
        last = self._last.get(group)
        return last is not None and member <= last


@dataclass
class _Span:
    """The ranks of one group that begin with the same bits; the last member to be taken is the `need`-th of them."""

    need: int
    count: int
    prefix: int = 0
    bits: int = 0
    """Bits of the prefix."""

    def holds(self, rank: int, bits: int) -> bool:
        return rank >> (bits - self.bits) == self.prefix

    def narrow(self, counts: list[int], step: int) -> None:
        """Go to the part of this span that the last member lies in; `counts` tells the parts' sizes."""
        for part, count in enumerate(counts):
            if self.need <= count:
                self.count, self.prefix, self.bits = count, self.prefix << step | part, self.bits + step
                return
            self.need -= count
        raise ValueError("the members changed between two passes")


def lowest(
    read: Read, quotas: Callable[[Mapping[str, int]], Mapping[str, int]], *, bits: int = 64, held: int = HELD
) -> Cut:
    """The lowest members of each group: as many as `quotas` makes of the sizes of the groups, and no more than these.

    `bits` is the width of a rank.
    """
    first = min(STEP_BITS, bits)
    counts = _counted(read, None, bits, first)
    quota = quotas({group: sum(parts) for group, parts in counts.items()})
    spans = {group: _Span(quota[group], sum(parts)) for group, parts in counts.items() if quota.get(group, 0) > 0}
    for group, span in spans.items():
        span.narrow(counts[group], first)
    while wide := {group: span for group, span in spans.items() if span.count > held and span.bits < bits}:
        step = min(STEP_BITS, bits - next(iter(wide.values())).bits)
        finer = _counted(read, wide, bits, step)
        for group, span in wide.items():
            span.narrow(finer[group], step)
    members: dict[str, list[Ranked]] = {group: [] for group in spans}
    for group, member in read():
        if group in spans and spans[group].holds(member.rank, bits):
            members[group].append(member)
    return Cut({group: sorted(found)[spans[group].need - 1] for group, found in members.items()})


def _counted(read: Read, within: Mapping[str, _Span] | None, bits: int, step: int) -> dict[str, list[int]]:
    """How many members of each group, or of its span, begin with which of the next `step` bits."""
    counts: dict[str, list[int]] = {}
    for group, member in read():
        span = within.get(group) if within is not None else _Span(0, 0)
        if span is not None and span.holds(member.rank, bits):
            parts = counts.setdefault(group, [0] * (1 << step))
            parts[(member.rank >> (bits - span.bits - step)) & ((1 << step) - 1)] += 1
    return counts
