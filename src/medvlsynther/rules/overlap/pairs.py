"""From things that are equal to pairs of items, without letting a common thing make a million pairs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K")

ALL_PAIRS = 4096
"""Pairs of one group up to which each is named. Beyond, each item is named with the first of the other side: every
item that shares the thing still stands in a pair, at a cost that grows with the items and not with their square."""


def spread(left: Sequence[T], right: Sequence[T], *, same_set: bool = False) -> Iterator[tuple[T, T]]:
    """The pairs of a group of items that share something.

    `same_set` says that both sides are one set: then no item is paired with itself, and no pair comes twice.
    """
    if same_set:
        yield from _within(list(dict.fromkeys((*left, *right))))
    elif len(left) * len(right) <= ALL_PAIRS:
        yield from ((one, other) for one in left for other in right)
    else:
        yield from ((one, right[0]) for one in left)
        yield from ((left[0], other) for other in right[1:])


def _within(items: Sequence[T]) -> Iterator[tuple[T, T]]:
    if len(items) ** 2 <= ALL_PAIRS:
        yield from ((one, other) for place, one in enumerate(items) for other in items[place + 1 :])
    else:
        yield from ((items[0], other) for other in items[1:])


def grouped(pairs: Iterable[tuple[K, T]]) -> dict[K, list[T]]:
    """Values by key, in order of their first appearance."""
    groups: dict[K, list[T]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def joined(
    left: Mapping[K, Sequence[T]], right: Mapping[K, Sequence[T]]
) -> Iterator[tuple[K, Sequence[T], Sequence[T]]]:
    """Groups that stand on both sides, in the order of the right side."""
    for key, others in right.items():
        if key in left:
            yield key, left[key], others
