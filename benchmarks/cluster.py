"""What reading BIOMEDICA archives gains from more processes: one, a local pool, tasks on a Ray that is started here.

    python benchmarks/cluster.py [--workers 1 2] [--shards 12] [--repeat 18]

Archives are synthetic (`synthetic_shards.py`): 2,500 records of 14.5 kB each, every one read `--repeat` times through
`ctx.map`'s executors, from the page cache. Wall is from the first shard to the last result, with the pool's start but
without Ray's, which is printed apart; CPU is what the readers used, whatever process they were in. Where wall and CPU
of one process differ by much, others use the machine, and the gain in wall time is what they leave: the last column
says what the same CPU would need on idle cores.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from synthetic_shards import write

from medvlsynther.executors.base import Executor
from medvlsynther.executors.cluster import CLUSTERS, Wanted
from medvlsynther.executors.local import Local
from medvlsynther.executors.ray import joined
from medvlsynther.rules.licence import Policy
from medvlsynther.sources import biomedica
from medvlsynther.store.layout import Store

PER_SHARD = 2_500


def read(root: Path, shard: str) -> Iterator[tuple[int, int, float]]:
    """The process that read a shard, how much it found, and the CPU seconds that it took."""
    began_s = time.process_time()
    found = sum(1 for _ in biomedica.read(root, shard, "0" * 16, Policy()))
    yield os.getpid(), found, time.process_time() - began_s


def nothing(number: int) -> list[int]:
    """For processes that are to be there before the clock runs."""
    time.sleep(0.2)
    return [number]


def way(name: str, workers: int, store: Store) -> AbstractContextManager[Executor]:
    """An executor."""
    return joined(Wanted(cpus=workers), store) if name == "ray" else nullcontext(Local(workers))


def line(name: str, workers: int, folder: Path, shards: list[str], alone_s: float | None) -> float:
    """Read all shards one way; gives the wall seconds."""
    began_s = time.monotonic()
    with way(name, workers, Store(folder / "store")) as executor:
        if name == "ray":
            list(executor.map(nothing, range(2 * workers)))
        start_s = time.monotonic() - began_s
        began_s = time.monotonic()
        found = list(executor.map(partial(read, folder / "corpus"), shards))
        wall_s = time.monotonic() - began_s
    CLUSTERS.clear()
    cpu_s = sum(seconds for *_, seconds in found)
    records = len(shards) * PER_SHARD
    print(
        f"{name:6s} {workers:7d} {len({pid for pid, *_ in found}):9d} {start_s:8.2f} {wall_s:8.2f} {cpu_s:8.2f}"
        f" {records / wall_s:11.0f} {(alone_s or wall_s) / wall_s:6.2f} {cpu_s / workers:11.2f}"
    )
    return wall_s


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--repeat", type=int, default=18)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        Store(root / "store").prepare()
        paths = write(root / "corpus", given.shards * PER_SHARD, PER_SHARD, clinical=0.3)
        shards = [path.relative_to(root / "corpus").as_posix() for path in paths] * given.repeat
        print(f"{len(shards) * PER_SHARD} records; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print("way    workers processes  start s   wall s    CPU s   records/s   gain  idle, wall s")
        alone_s = line("local", 1, root, shards, None)
        for name in ("local", "ray"):
            for workers in given.workers:
                if (name, workers) != ("local", 1):
                    line(name, workers, root, shards, alone_s)


if __name__ == "__main__":
    main()
