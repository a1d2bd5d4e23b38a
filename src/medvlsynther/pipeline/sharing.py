"""Work on shards that several processes share: one does its part and keeps the results, another collects them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from medvlsynther.executors.base import Executor
from medvlsynther.store.shares import Leavings, Results, Share, Writer

A = TypeVar("A")
B = TypeVar("B")


class Collecting:
    """Work on shards of which shares did some already: theirs is taken, the rest is worked out."""

    def __init__(self, inner: Executor, leavings: Leavings) -> None:
        self._inner = inner
        self._leavings = leavings
        self._calls = 0

    def map(self, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        """What `work` gives for each shard, in shard order.

        Raises: what the executor behind raises.
        """
        call, self._calls = self._calls, self._calls + 1
        if call == 0:
            self._leavings.gather()
        return self._merged(call, work, shards) if self._leavings.folder.is_dir() else self._inner.map(work, shards)

    def _merged(self, call: int, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        known: deque[list[int]] = deque()  # runs of shards whose results are there, [first, behind last]
        with self._leavings.results() as ahead, self._leavings.results() as kept:
            fresh = self._inner.map(partial(_together, work), _unknown(call, shards, ahead, known))
            at = 0
            for results in fresh:
                while known and known[0][0] == at:
                    first, at = known.popleft()
                    yield from self._taken(call, first, at, kept)
                yield from results
                at += 1
            for first, end in known:
                yield from self._taken(call, first, end, kept)

    def _taken(self, call: int, first: int, end: int, kept: Results) -> Iterator[Any]:
        for shard in range(first, end):
            found = kept.take(call, shard)
            assert found is not None  # it was there a moment ago, and files of results are only appended to
            yield from found


def _unknown(call: int, shards: Iterable[A], ahead: Results, known: deque[list[int]]) -> Iterator[A]:
    """The shards without results; the others are noted as runs."""
    for number, shard in enumerate(shards):
        if ahead.take(call, number) is None:
            yield shard
        elif known and known[-1][1] == number:
            known[-1][1] = number + 1
        else:
            known.append([number, number + 1])


def _together(work: Callable[[A], Iterable[B]], shard: A) -> list[list[B]]:
    """What one shard gives, in one piece; runs in the worker."""
    return [list(work(shard))]


class Sharing:
    """Work on the shards of one share; what they give is kept beside the step."""

    def __init__(self, inner: Executor, leavings: Leavings, share: Share, writer: Writer) -> None:
        self._inner = inner
        self._leavings = leavings
        self._share = share
        self._writer = writer
        self._calls = 0

    def map(self, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        """What `work` gives for the shards of this share that have no results yet.

        Raises: what the executor behind raises; StoreTrouble where results cannot be kept.
        """
        call, self._calls = self._calls, self._calls + 1
        return self._own(call, work, shards)

    def _own(self, call: int, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        with self._leavings.results() as ahead:
            numbers: deque[int] = deque()
            mine = self._mine(call, shards, ahead, numbers)
            for results in self._inner.map(partial(_together, work), mine):
                self._writer.keep(call, numbers.popleft(), results)
                yield from results

    def _mine(self, call: int, shards: Iterable[A], ahead: Results, numbers: deque[int]) -> Iterator[A]:
        for number, shard in enumerate(shards):
            if self._share.has(number) and ahead.take(call, number) is None:
                numbers.append(number)
                yield shard
