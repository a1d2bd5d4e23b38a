"""How cost grows from ten thousand to a million figures, stage by stage, and what 24 million would take on paper.

    python benchmarks/scale.py [--sizes 10000 100000 1000000] [--stages collect dedupe …] [--folder DIR]

Inputs are synthetic (synthetic_shards.py, synthetic_articles.py, synthetic_tables.py): archives of BIOMEDICA and of
articles for `collect`, tables of figures, items and labels for the others. Every measurement is a process of its own
that runs the real stage, with its tables read from and written to disk, on one core. CPU is user and system time from
the stage's first row on, imports left out; memory is the largest resident set of the whole process, the interpreter
and its libraries counted in; bytes are those of the step that the stage leaves. The exponent is the slope of a line
through the logarithms (least squares), of CPU seconds and of peak memory over figures, nothing subtracted.

`images` prepares photographs of 914 x 904 px, one for 500 figures: its cost is told for 1,000 images. `audit.images`
searches 1,000 test images of 20 parts among one hash of every figure. With --folder, inputs and measurements are kept
there, and what was measured is not measured again.
"""

import argparse
import json
import math
import os
import random
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

SIZES = (10_000, 100_000, 1_000_000)
TIME_LIMIT, MEMORY_LIMIT = 1.05, 0.1
"""Exponents of growth that are allowed."""

PAPER = 24_000_000
"""Figures of the estimate."""
NODES, CORES = (1, 10, 100), 32

PER_PICTURE = 500
"""Figures for each photograph that `images` prepares."""
PICTURES = 10


class Job(NamedTuple):
    """A stage to measure."""

    stage: str
    tables: tuple[str, ...]
    """Table parameters that it gets; the others get None."""
    settings: Mapping[str, Any]
    shards: bool
    """True where the stage works on shards in many processes (`ctx.map`); False where one process reads the table."""


JOBS: dict[str, Job] = {
    "collect biomedica": Job("collect", (), {"source": "biomedica"}, True),
    "collect articles": Job("collect", (), {"source": "pmc"}, True),
    "classify": Job("classify", ("figures",), {}, False),
    "curate": Job("curate", ("figures",), {}, False),
    "images": Job("images", ("figures",), {}, True),
    "dedupe": Job("dedupe", ("items", "figures"), {"per_article": 3}, False),
    "rebalance": Job("rebalance", ("items",), {}, False),
    "rebalance released": Job("rebalance", ("items",), {"method": "released"}, False),
    "subset": Job("subset", ("items", "labels"), {"size": 5000, "by": "modality"}, False),
    "probe": Job("probe", ("items", "figures", "labels"), {}, False),
    "audit.images": Job("audit.images", ("exhibits",), {}, True),
    "decontaminate": Job("decontaminate", ("items", "overlaps"), {}, False),
    "export.hf": Job("export.hf", ("items", "figures", "labels"), {"name": "scale", "split": 0.1}, False),
}


class Measured(NamedTuple):
    """What one process took."""

    job: str
    figures: int
    inputs: int
    """Rows that the costs are told for: figures, or photographs for `images`."""
    rows: int
    cpu_s: float
    peak_mb: float
    stored_bytes: int


# ------------------------------------------------------------------------------------------------------- inputs


def inputs(job: str, folder: Path, figures: int) -> Path:
    """The folder with a job's inputs, made where it is not there yet."""
    kind = {"collect biomedica": "shards", "collect articles": "articles", "images": "pictures"}.get(job, "tables")
    if job == "export.hf":
        kind = "stored"
    made = folder / f"{kind}-{figures}"
    if not made.is_dir():
        part = made.with_name(f"{made.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        MAKERS[kind](part, figures)
        part.rename(made)
    return made


def _shards(folder: Path, figures: int) -> None:
    from synthetic_shards import write

    write(folder / "corpus", figures, 1000, clinical=1.0, figures=2, json_bytes=5_000)


def _articles(folder: Path, figures: int) -> None:
    from synthetic_articles import write

    write(folder / "corpus", figures)


def _tables(folder: Path, figures: int) -> None:
    from synthetic_tables import tables

    tables(folder, figures)


def _pictures(folder: Path, figures: int) -> None:
    """Figures whose images are photographs in an archive; each file has bytes of its own."""
    from images import picture
    from synthetic_shards import member
    from synthetic_tables import figure, write

    from medvlsynther.records import Figure
    from medvlsynther.store.corpus import Corpus
    from medvlsynther.store.layout import Store

    pictures, places = [picture(seed) for seed in range(PICTURES)], []
    (folder / "corpus").mkdir()
    with tarfile.open(folder / "corpus" / "a.tar", "w") as archive:
        for number in range(max(1, figures // PER_PICTURE)):
            data = pictures[number % PICTURES] + str(number).encode()
            member(archive, f"{number}.jpg", data)
            places.append(f"a.tar@{archive.offset - -(-len(data) // 512) * 512}+{len(data)}")
    corpus = Corpus.at(folder / "corpus")
    rows = (
        figure(number, {"name": "a.jpg", "corpus": corpus.digest, "member": place, "notes": []})
        for number, place in enumerate(places)
    )
    write(folder / "figures.parquet", Figure, rows)
    store = Store(folder / "store")
    store.prepare()


def _stored(folder: Path, figures: int) -> None:
    """Tables of items and of figures whose images lie in the store: few small pictures, many figures each."""
    from synthetic_shards import picture
    from synthetic_tables import figure, item, label, write

    from medvlsynther.records import Figure, Item, Label
    from medvlsynther.store.images import ImageStore
    from medvlsynther.store.layout import Store

    store = Store(folder / "store")
    store.prepare()
    kept = ImageStore(store.images)
    digests = [kept.put(picture(random.Random(seed)), ".jpg") for seed in range(PICTURES)]
    shown = [{"name": "a.jpg", "corpus": "", "member": "", "notes": [], "sha256": digest} for digest in digests]
    write(folder / "figures.parquet", Figure, (figure(n, shown[n % PICTURES]) for n in range(figures)))
    write(folder / "items.parquet", Item, map(item, range(figures)))
    write(folder / "labels.parquet", Label, map(label, range(figures)))


MAKERS: dict[str, Callable[[Path, int], None]] = {
    "shards": _shards,
    "articles": _articles,
    "tables": _tables,
    "pictures": _pictures,
    "stored": _stored,
}


# ---------------------------------------------------------------------------------------------------- measuring


def child(name: str, made: Path, place: Path) -> None:
    """Run one stage on its inputs in this process and print what it took."""
    from medvlsynther import catalog
    from medvlsynther.context import Context
    from medvlsynther.engines.base import Endpoint
    from medvlsynther.executors.local import Local
    from medvlsynther.pipeline.plan import bind, signature
    from medvlsynther.progress import Board, Budget, Meter
    from medvlsynther.records import Reject
    from medvlsynther.store.corpus import Corpus
    from medvlsynther.store.layout import Store
    from medvlsynther.store.table import Table, TableWriter

    job = JOBS[name]
    kept = made / "store"
    store = Store(kept if kept.is_dir() else place / "store")
    store.prepare()
    if (made / "corpus").is_dir():
        store.remember_corpus(Corpus.at(made / "corpus").digest, made / "corpus")
    takes = signature(job.stage)
    given = {**job.settings, "path": str(made / "corpus")} if job.stage == "collect" else job.settings
    settings = bind(takes.settings, given, name, None)
    tables: dict[str, Any] = {
        table: Table(record, made / f"{table}.parquet") if table in job.tables else None
        for table, record in takes.tables.items()
    }
    work = catalog.module("stages", job.stage).run
    folder = place / "step"
    folder.mkdir()
    with TableWriter(Reject, folder / "rejects.parquet") as rejects, TableWriter(takes.output, folder / "rows") as rows:
        ctx = Context(
            store,
            folder,
            Meter(Board(None), name, None),
            endpoint=lambda _: Endpoint(),
            executor=Local(1),
            on_reject=rejects.add,
            budget=Budget(),
        )
        before = time.process_time()
        with closing(ctx):
            for row in work(ctx, **tables, **settings):
                rows.add(row)
    spent = time.process_time() - before
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(json.dumps({"rows": rows.rows, "cpu_s": spent, "peak_mb": peak_mb(), "stored_bytes": stored}))


def peak_mb() -> float:
    """The largest resident set of this process so far. `ru_maxrss` would begin with that of the process before it."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(told.split()[1]) for told in status.read_text().splitlines() if told.startswith("VmHWM")) / 1024


def measured(name: str, folder: Path, figures: int) -> Measured:
    """One measurement, in a process of its own."""
    made = inputs(name, folder, figures)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = [sys.executable, __file__, "--child", name, str(made), place]
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=alone)
    if done.returncode:
        raise SystemExit(f"{name} failed at {figures} figures")
    told = json.loads(done.stdout.splitlines()[-1])
    return Measured(name, figures, max(1, figures // PER_PICTURE) if name == "images" else figures, **told)


def all_of(names: list[str], sizes: list[int], folder: Path) -> Iterator[Measured]:
    """Every measurement; those that the folder remembers are not taken again."""
    notes = folder / "measured.jsonl"
    lines = notes.read_text().splitlines() if notes.is_file() else []
    known = {(one.job, one.figures): one for one in (Measured(**json.loads(line)) for line in lines)}
    for name in names:
        for figures in sizes:
            one = known.get((name, figures))
            if one is None:
                one = measured(name, folder, figures)
                with notes.open("a") as file:
                    file.write(json.dumps(one._asdict()) + "\n")
            yield one


# ------------------------------------------------------------------------------------------------------ telling


class Growth(NamedTuple):
    """How one stage grows."""

    time: float
    """Exponent of CPU seconds."""
    memory: float
    """Exponent of peak memory."""


def slope(sizes: list[int], values: list[float]) -> float:
    """The exponent of the power law that fits best."""
    xs, ys = [math.log(size) for size in sizes], [math.log(value) for value in values]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def growth(taken: list[Measured]) -> Growth:
    """The exponents of measurements of several sizes."""
    sizes = [one.figures for one in taken]
    return Growth(slope(sizes, [one.cpu_s for one in taken]), slope(sizes, [one.peak_mb for one in taken]))


def line(one: Measured) -> str:
    """One measurement as a line of the table."""
    each = 1000 * one.cpu_s / one.inputs
    return (
        f"{one.job:<20}{one.figures:>10,}{each:>14.3f}{one.peak_mb:>9.0f}{one.stored_bytes / one.inputs:>12.0f}"
        f"{one.rows:>11,}"
    )


def met(value: float, limit: float) -> str:
    """A value beside its limit."""
    return f"{value:6.3f} {'met' if value <= limit else 'NOT MET'}"


def tell_growth(found: Mapping[str, list[Measured]]) -> None:
    """The exponents of every stage, and of all together: the sum of their times, the largest of their memories."""
    print(f"\n{'growth exponent':<20}{f'time, at most {TIME_LIMIT}':>26}{f'memory, at most {MEMORY_LIMIT}':>26}")
    for name, taken in found.items():
        fitted = growth(taken)
        print(f"{name:<20}{met(fitted.time, TIME_LIMIT):>26}{met(fitted.memory, MEMORY_LIMIT):>26}")
    together = [
        Measured("overall", at[0].figures, 0, 0, sum(one.cpu_s for one in at), max(one.peak_mb for one in at), 0)
        for at in zip(*found.values(), strict=True)
    ]
    fitted = growth(together)
    print(f"{'overall':<20}{met(fitted.time, TIME_LIMIT):>26}{met(fitted.memory, MEMORY_LIMIT):>26}")


def on_paper(found: Mapping[str, list[Measured]]) -> None:
    """What the largest measurement and its growth make of 24 million figures."""
    print(f"\non paper, {PAPER:,} figures, every stage on all of them; nodes of {CORES} cores")
    header = "".join(f"{f'{nodes} nodes, h':>14}" for nodes in NODES)
    print(f"{'stage':<20}{'CPU h':>9}{'stored GB':>11}{header}")
    sums = [0.0] * (2 + len(NODES))
    for name, taken in found.items():
        last = taken[-1]
        rate = max(1.0, growth(taken).time)
        # A photograph for every figure, not for every 500th.
        inputs_of = PAPER * last.inputs / last.figures * (PER_PICTURE if name == "images" else 1)
        hours = last.cpu_s * (PAPER / last.figures) ** rate / 3600 * (PER_PICTURE if name == "images" else 1)
        told = [hours, last.stored_bytes / last.inputs * inputs_of / 1e9]
        told += [hours / (CORES * nodes) if JOBS[name].shards else hours for nodes in NODES]
        sums = [one + other for one, other in zip(sums, told, strict=True)]
        print(f"{name:<20}{told[0]:>9.1f}{told[1]:>11.1f}" + "".join(f"{value:>14.2f}" for value in told[2:]))
    print(f"{'sum':<20}{sums[0]:>9.1f}{sums[1]:>11.1f}" + "".join(f"{value:>14.2f}" for value in sums[2:]))
    print(
        "Assumed: CPU from the largest size by the fitted exponent, never below 1; `collect`, `images` and "
        "`audit.images` work on shards and divide by all cores; the others read their tables in one process, on one "
        "core of one node; disks and network keep up; image bytes beside the tables are not counted."
    )


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--stages", nargs="+", default=list(JOBS), choices=JOBS)
    parser.add_argument("--folder", type=Path, help="keeps inputs and measurements")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]), Path(given.child[2]))
        return
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'stage':<20}{'figures':>10}{'CPU s / 1,000':>14}{'peak MB':>9}{'bytes each':>12}{'rows':>11}")
        found: dict[str, list[Measured]] = {}
        for one in all_of(given.stages, given.sizes, folder):
            found.setdefault(one.job, []).append(one)
            print(line(one), flush=True)
    if len(given.sizes) > 1:
        tell_growth(found)
        on_paper(found)


if __name__ == "__main__":
    main()
