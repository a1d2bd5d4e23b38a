"""What every executor is: work on shards in, its results out, in shard order.

Shards travel in batches. How many are in one is learnt from those that came back, so that a batch takes about
`BATCH_S`: tars that take seconds go one by one, thousands of small figures go together. Order and results know
nothing of it.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from time import monotonic
from typing import Generic, Protocol, TypeVar

from medvlsynther.errors import MedvlsyntherError, StepFailed

A = TypeVar("A")
B = TypeVar("B")
S = TypeVar("S")

BATCH_S = 0.5
"""How long a batch should take: no worker idles long at the end, and travelling counts for little."""
MOST = 256
"""Most shards of a batch: what it gives is in memory together."""
YOUNG = 10_000
"""New objects after which the collector looks for cycles. Records hold none, but live by the thousand at a time: a
collector that walks them as often as Python's default would take a fifth of a stage's time and find nothing."""
AHEAD = 4
"""Batches under way, in multiples of the workers: a slow one then holds nobody else up, and memory is bounded."""


def calm_collector() -> None:
    """Have this process look for cycles of garbage as often as records need it; for the command and its workers."""
    gc.set_threshold(YOUNG)


class Executor(Protocol):
    """The door that `Context.map` leads through."""

    def map(self, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        """What `work` gives for each shard, in shard order.

        Raises: what `work` raises, where it is a MedvlsyntherError or an OSError; StepFailed for all else.
        """
        ...


class Batches(Generic[S]):
    """Shards on their way, in batches of a learnt size."""

    def __init__(self, shards: Iterable[S]) -> None:
        self._remaining = iter(shards)
        self._size = 1

    def take(self) -> list[S]:
        """The next batch; empty when nothing is left."""
        return list(islice(self._remaining, self._size))

    def learn(self, shards: int, seconds: float) -> None:
        """Hear how long so many shards took; the size at most doubles at a time."""
        fitting = int(BATCH_S * shards / max(seconds, 1e-6))
        self._size = max(1, min(fitting, 2 * max(self._size, shards), MOST))


def drained(work: Callable[[A], Iterable[B]], shards: list[A]) -> tuple[list[B], float]:
    """What a batch gives, and the seconds that it took; runs in the worker."""
    began_s = monotonic()
    return [result for shard in shards for result in work(shard)], monotonic() - began_s


def trouble(error: BaseException) -> BaseException:
    """How an error of `work` goes on: the house's own and the system's as they are, others as a failed step."""
    if isinstance(error, (MedvlsyntherError, OSError)) or not isinstance(error, Exception):
        return error
    return StepFailed(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
