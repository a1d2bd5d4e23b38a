"""What exporting costs: CPU, memory and bytes of each format, beside the published chain of scripts.

Run with `make bench-export`. The published combine, construct, prep and convert scripts take 8.5 s of CPU for 1,000
rows and 4.3 GB of memory at 5,000 rows, and write each image about ten times.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from medvlsynther import catalog
from medvlsynther.pipeline.plan import signature
from medvlsynther.records import ArticleRef, Figure, ImageRef, Item, Licence, Origin, Reject
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table, TableWriter

PUBLISHED_CPU_S = 8.5
"""CPU seconds of the published chain for 1,000 rows."""

SIDE_PX = 384
PICTURES = 100
"""Different pictures; each file differs by a text chunk, so that every image of the set has bytes of its own."""

ORIGIN = Origin(prompt="exam", prompt_hash="0" * 64, model="writer", model_hash="1" * 64)
LICENCE = Licence(code="CC-BY-4.0", standing="allowed", attribution="A. Author, Journal of Cases, CC BY 4.0")
FORMATS: dict[str, dict[str, object]] = {
    "export.hf": {"split": 0.1},
    "export.verl": {},
    "export.trl": {"kind": "grpo"},
    "export.sharegpt": {},
    "export.chat": {},
    "export.lmms": {},
    "export.inspect": {},
}


@dataclass
class Desk:
    """As much of a stage's context as exporters use."""

    store: Store
    folder: Path
    images: ImageStore

    def reject(self, id: str, reason: str, detail: str = "") -> None:  # noqa: A002
        """No item of the benchmark may be refused."""
        raise RuntimeError(str(Reject(id=id, reason=reason, detail=detail)))


def pictures() -> list[Image.Image]:
    """Smooth shapes with noise, about as hard to compress as a radiograph."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(PICTURES):
        coarse = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)).astype(np.int16)
        noise = rng.integers(-1, 2, (SIDE_PX, SIDE_PX, 1), dtype=np.int16) * (rng.random((SIDE_PX, SIDE_PX, 1)) < 0.3)
        made.append(Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8)))
    return made


def fill(root: Path, items: int, images: int) -> None:
    """Tables and images of `items` questions with `images` images between them."""
    store = Store(root / "store")
    store.prepare()
    kept, bases = ImageStore(store.images), [_chunks(image) for image in pictures()]
    extra, number = images - items, 0
    with (
        TableWriter(Figure, root / "figures.parquet") as figures,
        TableWriter(Item, root / "items.parquet") as written,
    ):
        for row in range(items):
            refs = []
            for _ in range(2 if row < extra else 1):
                data = _distinct(bases[number % PICTURES], number)
                refs.append(ImageRef(name=f"{number}.png", sha256=kept.put(data), phash="0" * 16))
                number += 1
            article = ArticleRef(article_id=f"PMC{row // 2}.1", licence=LICENCE)
            figure = Figure(
                figure_id=f"PMC{row // 2}.1/F{row}",
                article=article,
                caption="Axial computed tomography of the chest. " * 12,
                mentions=("The finding is shown in the figure. " * 20,) * 3,
                images=tuple(refs),
            )
            figures.add(figure)
            options = tuple(f"{word} in place {row}" for word in ("mass", "cyst", "fracture", "effusion", "stone"))
            key = "ABCDE"[row % 5]
            stem = "Which finding does the image show?"
            named = f"{figure.figure_id}#0"
            written.add(
                Item(
                    item_id=named, figure_id=figure.figure_id, question=stem, options=options, answer=key, origin=ORIGIN
                )
            )


def _chunks(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _distinct(data: bytes, number: int) -> bytes:
    """The same picture in a file of its own: a text chunk before the end."""
    chunk = BytesIO()
    PngImagePlugin.putchunk(chunk, b"tEXt", b"Comment\0" + str(number).encode())
    return data[:-12] + chunk.getvalue() + data[-12:]


def export(root: Path, stage: str) -> tuple[int, float, int, int]:
    """Run one exporter in this process; rows, CPU seconds, peak memory and written size in bytes."""
    folder = root / stage
    folder.mkdir()
    store = Store(root / "store")
    desk = Desk(store, folder, ImageStore(store.images))
    tables: dict[str, Table[Any] | None] = dict.fromkeys(signature(stage).tables)
    tables |= {"items": Table(Item, root / "items.parquet"), "figures": Table(Figure, root / "figures.parquet")}
    run = catalog.module("stages", stage).run
    before = time.process_time()
    rows = sum(1 for _ in run(desk, **tables, name="bench", **FORMATS[stage]))
    spent = time.process_time() - before
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return rows, spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, size


def main() -> None:
    """Print one line a format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=13_000)
    parser.add_argument("--images", type=int, default=15_000)
    parser.add_argument("--formats", nargs="*", default=list(FORMATS))
    given = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="bench-export-") as folder:
        root = Path(folder)
        fill(root, given.items, given.images)
        stored = sum(path.stat().st_size for path in (root / "store").rglob("*") if path.is_file())
        print(f"{given.items} items, {given.images} images of {SIDE_PX} px, {stored / 1e6:.0f} MB in the store")
        print(f"{'format':<16}{'CPU s':>8}{'CPU s / 1,000':>15}{'of published':>14}", end="")
        print(f"{'peak MB':>9}{'MB written':>12}{'x':>6}")
        for stage in given.formats:
            with ProcessPoolExecutor(1, mp_context=spawn) as alone:
                rows, spent, peak, size = alone.submit(export, root, stage).result()
            each = 1000 * spent / rows
            told = f"{stage:<16}{spent:>8.1f}{each:>15.2f}{each / PUBLISHED_CPU_S:>13.0%} "
            print(f"{told}{peak / 1e6:>9.0f}{size / 1e6:>12.0f}{size / stored:>6.2f}")


if __name__ == "__main__":
    main()
