"""A Ray cluster: batches of shards as tasks, on whatever nodes there are.

A bounded number of batches is under way, so that neither the driver nor the object store fills up; what does not fit
into the store waits on the disk. A task whose worker or node dies is done again elsewhere: work is a function of its
shards, and writes only under names made of content. A batch that alone keeps everybody waiting is given to a second
worker, and whichever is done first counts.
"""

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import orjson

from medvlsynther.errors import StepFailed
from medvlsynther.executors import _nodes
from medvlsynther.executors.base import AHEAD, Batches, trouble
from medvlsynther.executors.cluster import CLUSTERS, Cluster, Wanted, differing
from medvlsynther.progress import LOG
from medvlsynther.store.layout import Store, write_aside

A = TypeVar("A")
B = TypeVar("B")

LOOK_S = 10.0
"""How often the size of the cluster is asked for, and slow batches are looked at."""
PATIENCE_S = 60.0
"""A batch that alone is waited for is given away a second time after this, or `SLOWER` times the slowest so far."""
SLOWER = 4.0
LOSSES = 3
"""So often is a batch sent again that Ray has given up: its own retries do not cover all that may get lost."""
INLINE_BYTES = 64 << 10
"""Work up to this size travels with each task, and depends on no object that may get lost."""


@contextlib.contextmanager
def joined(wanted: Wanted, store: Store) -> Iterator["OnRay"]:
    """The executor on that cluster, once every node is known to see the store and to have this package.

    Raises: MissingExtra, ClusterTrouble.
    """
    cluster = CLUSTERS.take(wanted)
    try:
        yield OnRay(cluster, None if cluster.ours else _compared(cluster, store))
    finally:
        CLUSTERS.leave(wanted)


def _compared(cluster: Cluster, store: Store) -> dict[str, Any]:
    """What all nodes have in common with this process; asked once for a store and its corpora."""
    corpora = _corpora(store)
    known = (str(store.root.resolve()), *map(str, corpora))
    if known not in cluster.compared:
        token = store.locks / f"ray-{secrets.token_hex(8)}"
        common = _nodes.common(corpora, token)
        cluster.at_end.callback(_forget, token)
        write_aside(token, common.name.encode("ascii"))
        cluster.check(common)
        cluster.compared[known] = common.plain()
    return cluster.compared[known]


def _forget(token: Path) -> None:
    """Remove a mark in the store, and those that nodes left beside it."""
    for file in token.parent.glob(f"{token.name}*"):
        file.unlink(missing_ok=True)


def _corpora(store: Store) -> list[Path]:
    """The corpora that this store knows, as far as they are here."""
    noted = (Path(orjson.loads(note.read_bytes())["path"]) for note in sorted(store.corpora.glob("*.json")))
    return sorted({path for path in noted if path.is_dir()})


@dataclass(slots=True)
class _Task:
    """A batch under way."""

    shards: int
    batch: bytes
    began_s: float
    tries: list[Any]
    """References to its result: one, or two when it was given away again."""
    lost: int = 0
    """How often Ray gave it up."""


class OnRay:
    """The executor."""

    def __init__(self, cluster: Cluster, common: dict[str, Any] | None) -> None:
        self._cluster = cluster
        self._common = common

    def map(self, work: Callable[[A], Iterable[B]], shards: Iterable[A]) -> Iterator[B]:
        """What `work` gives for each shard, in shard order.

        Raises: as every executor; StepFailed when workers keep dying; ClusterTrouble for a node that joined later and
        is not like the others.
        """
        yield from _Errand(self._cluster, self._common, work).answers(Batches(shards))


class _Errand:
    """One `map` under way."""

    def __init__(self, cluster: Cluster, common: dict[str, Any] | None, work: Callable[[Any], Iterable[Any]]) -> None:
        self._cluster = cluster
        self._ray = cluster.ray
        self._common = common
        self._packed: bytes = self._ray.cloudpickle.dumps(work)
        self._work = self._sent()
        self._home = str(Path.cwd())
        self._tasks: deque[_Task] = deque()
        self._slowest_s = 0.0
        self._most = 0
        self._counted_s = -LOOK_S

    def _sent(self) -> Any:
        """The work as an argument: within each task where it is small, once for all where it is large."""
        return self._packed if len(self._packed) <= INLINE_BYTES else self._ray.put(self._packed)

    def answers(self, batches: Batches[Any]) -> Iterator[Any]:
        """The results, in order."""
        # What is no longer wanted runs to its end and is forgotten: Ray 2.60 ends the whole process with a failed check
        # when a task is cancelled at the moment at which it completes.
        while True:
            while len(self._tasks) < self._ahead() and (batch := batches.take()):
                self._tasks.append(self._started(batch))
            if not self._tasks:
                return
            results, seconds = self._head()
            batches.learn(self._tasks.popleft().shards, seconds)
            self._slowest_s = max(self._slowest_s, seconds)
            yield from results

    def _ahead(self) -> int:
        """Batches that may be under way: the cluster may grow and shrink."""
        if monotonic() - self._counted_s >= LOOK_S:
            self._counted_s = monotonic()
            self._most = AHEAD * max(self._cluster.cpus, 1)
        return self._most

    def _started(self, batch: list[Any]) -> _Task:
        task = _Task(len(batch), self._ray.cloudpickle.dumps(batch), monotonic(), [])
        self._try(task)
        return task

    def _try(self, task: _Task) -> None:
        task.tries.append(self._cluster.task.remote(self._home, self._common, self._work, task.batch))

    def _head(self) -> tuple[list[Any], float]:
        """The result of the first batch under way."""
        task = self._tasks[0]
        while True:
            done, _ = self._ray.wait(task.tries, num_returns=1, timeout=min(LOOK_S, PATIENCE_S))
            if done:
                if (result := self._result(task, done[0])) is not None:
                    return result
            elif self._lags(task):
                self._try(task)

    def _lags(self, task: _Task) -> bool:
        """Whether a batch that has one worker is all that is waited for, and has been for long."""
        patience_s = max(PATIENCE_S, SLOWER * self._slowest_s)
        if len(task.tries) > 1 or monotonic() - task.began_s < patience_s:
            return False
        others = [each for other in list(self._tasks)[1:] for each in other.tries]
        return not others or not self._ray.wait(others, num_returns=len(others), timeout=0)[1]

    def _result(self, task: _Task, done: Any) -> tuple[list[Any], float] | None:
        """What a try gave; None when Ray gave it up and it was sent again."""
        try:
            faults, results, seconds = self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            if not isinstance(cause, self._ray.exceptions.RayError):
                raise trouble(cause) from None
            if task.lost >= LOSSES:
                raise StepFailed(f"The cluster gave a batch of shards up: {_line(cause)}") from None
            LOG.info("a batch of shards was lost and is sent again: %s", _line(cause))
            task.lost += 1
            task.tries.clear()
            self._work = self._sent()
            self._try(task)
            return None
        if faults:
            raise differing([f"a node that joined later: {fault}" for fault in faults])
        return results, seconds


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
