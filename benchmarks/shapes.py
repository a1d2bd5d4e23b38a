"""Drawn figures with one question each, named as drawn: what a tiny model can really learn to see on a CPU.

    python benchmarks/shapes.py FOLDER --count 640 [--shuffled]

Each figure is 56 x 56 px with one shape in a colour, a size and a place of its own on noise; the question asks which
shape it is. Thoughts name the shape; with shuffled options they repeat the options first, because looking a letter up
is harder for a small model than seeing.
"""

import argparse
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from medvlsynther.export.shards import IMAGES
from medvlsynther.fingerprint import draw

SHAPES = ("disc", "square", "cross", "ring")
SIDE_PX = 56
LICENCE = "CC0-1.0"


def picture(shape: str, seed: int) -> bytes:
    """A PNG of one shape."""
    chance = np.random.default_rng(seed)
    ground = chance.integers(0, 20, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    image = Image.fromarray(ground)
    pen = ImageDraw.Draw(image)
    colour = tuple(int(value) for value in chance.integers(160, 256, 3))
    radius = int(chance.integers(18, 23))
    x, y = (int(value) for value in chance.integers(SIDE_PX // 2 - 3, SIDE_PX // 2 + 4, 2))
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "disc":
        pen.ellipse(box, fill=colour)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    elif shape == "ring":
        pen.ellipse(box, outline=colour, width=math.ceil(radius / 4))
    else:
        pen.line((x - radius, y, x + radius, y), fill=colour, width=7)
        pen.line((x, y - radius, x, y + radius), fill=colour, width=7)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def row(number: int, seed: int, *, shuffled: bool) -> dict[str, Any]:
    """One finished row, in the columns of a published data set."""
    shape = SHAPES[number % len(SHAPES)]
    options = sorted(SHAPES, key=lambda each: draw(seed, "option", str(number), each)) if shuffled else SHAPES
    letters = dict(zip("ABCD", options, strict=True))
    label = next(letter for letter, each in letters.items() if each == shape)
    listed = ", ".join(f"{letter}. {each}" for letter, each in letters.items())
    thought = f"{listed}. The image shows {shape}." if shuffled else f"The image shows {shape}."
    name = f"DRAWN{seed}-{number:05d}"
    data = picture(shape, draw(seed, "picture", str(number)) >> 1)
    return {
        "images": [{"bytes": data, "path": f"{name}.png"}],
        "question": "Which shape does the drawn figure show?",
        "options": orjson.dumps(letters).decode(),
        "answer_label": label,
        "answer": shape,
        "reasoning": thought,
        "item_id": f"{name}/f#1",
        "figure_id": f"{name}/f",
        "article_id": name,
        "caption": "A drawn figure, not a patient's.",
        "licence": LICENCE,
        "synthetic": True,
    }


def write(folder: Path, count: int, *, seed: int = 0, shuffled: bool = False) -> Path:
    """Write `count` rows as a parquet file of finished rows into `folder`."""
    rows = [row(number, seed, shuffled=shuffled) for number in range(count)]
    columns = {name: pa.array([each[name] for each in rows]) for name in rows[0] if name != "images"}
    images = pa.array([each["images"] for each in rows], type=IMAGES)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"images": images, **columns}), folder / "shapes.parquet")
    return folder


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Draw figures with questions about them.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=640)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true")
    given = parser.parse_args()
    write(given.folder, given.count, seed=given.seed, shuffled=given.shuffled)


if __name__ == "__main__":
    main()
