"""What reading BIOMEDICA archives costs, beside the published way, on one and on two processes.

    python benchmarks/biomedica.py [--records 5000 20000] [--wanted 0.096 0.15]

Archives are synthetic (`synthetic_shards.py`): 2,500 records of 14.5 kB each. Of BIOMEDICA's 2,000 clusters of images
192 have a wanted label (143 clinical, 49 light microscopy). The published way lists all members,
parses every JSON whole and keeps a small dictionary for each record. Ours walks the headers, looks at the labels,
parses what is wanted and makes figures of it, with cleaned mentions, panels and licence.
CPU is user and system time of all processes, less that of the same processes on two archives of one record; memory is
the peak of the largest process. Each run is a process of its own; of three, the least counts.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from synthetic_shards import write


def published(path: str) -> list[dict[str, Any]]:
    """The index of one archive in the published way."""
    rows = []
    with tarfile.open(path) as tar:
        for member in sorted((m for m in tar.getmembers() if m.name.endswith(".json")), key=lambda m: m.name):
            file = tar.extractfile(member)
            row = json.loads((file.read() if file else b"{}").decode("utf-8", "ignore"))
            own = row["image_cluster_id"]
            caption = next((shown["caption"] for shown in row["image_set"] if shown["image_id"] == own), None)
            kept = ("article_accession_id", "article_title", "image_file_name", "image_primary_label", "image_size")
            rows.append(
                {"caption": caption, "context": row["image_context"].get(own), **{key: row[key] for key in kept}}
            )
    return rows


def ours(path: str) -> int:
    """How many articles and rejects one archive gives."""
    from medvlsynther.rules.licence import Policy
    from medvlsynther.sources import biomedica

    root, shard = Path(path).parent, Path(path).name
    return sum(1 for _ in biomedica.read(root, shard, "0" * 16, Policy()))


def child(way: str, folder: str, processes: int) -> None:
    """One run: read all archives of a folder."""
    paths = [str(path) for path in sorted(Path(folder).rglob("*.tar"))]
    work = published if way == "published" else ours
    if processes == 1:
        found: list[Any] = [work(path) for path in paths]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(work, paths))
    assert len(found) == len(paths)


def run(way: str, folder: Path, processes: int) -> tuple[float, float]:
    """CPU seconds and peak megabytes of one run, the least of three."""
    command = [sys.executable, __file__, "--child", way, str(folder), str(processes)]
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _, _, used = os.wait4(subprocess.Popen(command).pid, 0)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((spent, used.ru_maxrss / 1024))
    return min(found)


def table(share: float, records: int) -> None:
    """The lines of one set of archives."""
    with tempfile.TemporaryDirectory() as folder:
        full, empty = Path(folder) / "full", Path(folder) / "empty"
        write(full, records, clinical=share)
        write(empty, 2, per_shard=1, clinical=1.0)
        for processes in (1, 2):
            for way in ("published", "ours"):
                start, _ = run(way, empty, processes)
                seconds, megabytes = run(way, full, processes)
                seconds -= start
                print(
                    f"{share:6.1%}  {records:7d}  {processes:9d}  {way:9s}  {seconds / records * 1000:13.3f}"
                    f"  {records / seconds:15.0f}  {megabytes:7.0f}  {start:10.2f}"
                )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[5_000, 20_000])
    parser.add_argument("--wanted", type=float, nargs="+", default=[192 / 2000, 0.15], help="shares of wanted records")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], given.child[1], int(given.child[2]))
        return
    print("wanted  records  processes  way        CPU s / 1,000  records / CPU s  peak MB  start, CPU s")
    for share in given.wanted:
        for records in given.records:
            table(share, records)


if __name__ == "__main__":
    main()
