"""Processes of this machine."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Generic, TypeVar

from medvlsynther.errors import StepFailed
from medvlsynther.executors.base import AHEAD, Batches, calm_collector, drained, trouble

A = TypeVar("A")
B = TypeVar("B")

ALONE_S = 1.0
"""Seconds of work below which starting processes costs more than it saves."""
DEATHS = 3
"""So often in a row may a process die over the same batch."""


class Local:
    """Work in this process, and once it is worth it in `workers` others."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(self, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        """What `work` gives for each shard, in shard order.

        Raises: as every executor; StepFailed when processes keep dying.
        """
        batches = Batches(shards)
        spent_s = 0.0
        while self._workers <= 1 or spent_s < ALONE_S:
            batch = batches.take()
            if not batch:
                return
            try:
                results, seconds = drained(work, batch)
            except Exception as error:
                raise trouble(error) from error
            if self._workers > 1:
                batches.learn(len(batch), seconds)
            spent_s += seconds
            yield from results
        yield from _Pool(work, self._workers).answers(batches)


@dataclass(slots=True)
class _Job(Generic[A, B]):
    """A batch under way."""

    batch: list[A]
    future: "Future[tuple[list[B], float]]"


class _Pool(Generic[A, B]):
    """Processes that do one kind of work; those that die are replaced, and what they had is done anew."""

    def __init__(self, work: Callable[[A], Iterable[B]], workers: int) -> None:
        self._work = work
        self._workers = workers
        self._pool = self._started()
        self._jobs: deque[_Job[A, B]] = deque()

    def answers(self, batches: Batches[A]) -> Iterator[B]:
        deaths = 0
        try:
            while True:
                while len(self._jobs) < AHEAD * self._workers and (batch := batches.take()):
                    self._jobs.append(_Job(batch, self._sent(batch)))
                if not self._jobs:
                    return
                error = self._jobs[0].future.exception()
                if isinstance(error, BrokenProcessPool):
                    deaths += 1
                    self._replace(deaths)
                    continue
                if error is not None:
                    raise trouble(error) from error
                deaths = 0
                job = self._jobs.popleft()
                results, seconds = job.future.result()
                batches.learn(len(job.batch), seconds)
                yield from results
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"), initializer=calm_collector)

    def _sent(self, batch: list[A]) -> "Future[tuple[list[B], float]]":
        try:
            return self._pool.submit(drained, self._work, batch)
        except BrokenProcessPool as error:
            broken: Future[tuple[list[B], float]] = Future()
            broken.set_exception(error)
            return broken

    def _replace(self, deaths: int) -> None:
        if deaths > DEATHS:
            raise StepFailed(f"A process died {deaths} times over {str(self._jobs[0].batch)[:200]}: out of memory?")
        self._pool.shutdown()
        self._pool = self._started()
        for job in self._jobs:
            if isinstance(job.future.exception(), BrokenProcessPool):
                job.future = self._sent(job.batch)
