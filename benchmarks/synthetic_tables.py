"""Synthetic tables of any size, written group by group: figures, and items, labels, overlaps and prints about them.

Everything follows from a row's number, so that a table is the beginning of any larger one. Every fiftieth figure shows
the image of an earlier one again, two bits of its hash changed; every hundredth item asks the question of the item
before it. No text, image or label in them comes from an article.
"""

import random
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from synthetic_shards import FIGURES, sentence

from medvlsynther.audit.sets import Exhibit
from medvlsynther.fingerprint import draw, text_hash
from medvlsynther.records import Figure, Item, Label, Overlap, Record
from medvlsynther.store.table import MANY_ROWS, ROWS_A_GROUP, TIMES, arrow_schema

Row = Mapping[str, Any]

CATEGORIES = ("computerized tomography", "light microscopy", "magnetic resonance", "x-ray radiography", "ultrasound")
NOUNS = ("Mass", "Cyst", "Fracture", "Effusion", "Stone", "Abscess", "Thrombus", "Oedema", "Nodule", "Necrosis")
PLACES = ("lobe", "artery", "vein", "duct", "nerve", "muscle", "wall", "margin", "cortex", "node", "valve", "disc")
MODALITIES = ("ct", "mri", "xray", "ultrasound", "microscopy", "endoscopy", "photo", "other")

QUERIES = 1_000
"""Test images of an audit, however large the train set: benchmarks do not grow with it."""

PARTS = 20
"""Parts of a test image; train images have one, the whole."""


def _null(record: type[Record]) -> dict[str, Any]:
    """A row with every field's default, or None."""
    return {name: None if info.is_required() else info.get_default() for name, info in record.model_fields.items()}


def _hash(number: int) -> int:
    """The perceptual hash of a figure's image; that of an earlier one for every fiftieth."""
    if number % 50 == 49:
        return _hash(number // 2) ^ 1 << number % 64 ^ 1 << number * 7 % 64
    return draw(0, "phash", str(number))


def _article(number: int) -> str:
    return f"PMC{1_000_000 + number // FIGURES}.1"


def figure(number: int, image: Row | None = None) -> Row:
    """A figure with one image, sometimes more; with `image`, the image is that one."""
    rng = random.Random(number)
    licence = {"code": "CC-BY-4.0", "standing": "allowed", "reasons": ["uri_cc_by"], "uri": None}
    article = {
        "article_id": _article(number),
        "pmcid": _article(number).removesuffix(".1"),
        "version": 1,
        "doi": f"10.1000/synthetic.{number // FIGURES}",
        "title": sentence(rng, 12),
        "journal": "Synthetic Journal",
        "year": 2020,
        "article_type": "research-article",
        "retracted": False,
        "licence": licence | {"attribution": f"Synthetic Journal, {_article(number)}, CC BY 4.0"},
    }
    count = 1 if image or number % 10 else 1 + number // 10 % 6
    plain = {"name": f"synth-{number}.jpg", "corpus": "", "member": "", "notes": []}
    digests = {"sha256": text_hash(str(number)), "source_sha256": text_hash(f"s{number}"), "pixels_sha256": None}
    sizes = {"width_px": 640, "height_px": 480, "phash": f"{_hash(number):016x}", "dhash": "0" * 16}
    kind = CATEGORIES[number % len(CATEGORIES)]
    return {
        "figure_id": f"{_article(number)}/F{number % FIGURES}",
        "article": article,
        "label": f"Figure {number % FIGURES}",
        "caption": f"{kind.capitalize()} of the case. {sentence(rng, 30)}",
        "mentions": [sentence(rng, 25), sentence(rng, 20)],
        "images": [image or plain | digests | sizes] * count,
        "panels": [],
        "labels": [{"name": kind, "source": "synthetic"}],
        "category": kind,
        "context_quality": "xml",
        "synthetic": True,
    }


def item(number: int) -> Row:
    """One item about the figure of that number."""
    rng = random.Random(number - number % 100 // 99)
    options = [f"{noun} of the {rng.choice(PLACES)} {rng.choice(PLACES)}" for noun in rng.sample(NOUNS, 5)]
    origin = {"prompt": "exam", "prompt_hash": "0" * 64, "model": "synthetic", "model_hash": "1" * 64}
    return _null(Item) | {
        "item_id": f"{_article(number)}/F{number % FIGURES}#1",
        "figure_id": f"{_article(number)}/F{number % FIGURES}",
        "question": f"{sentence(rng, 14)[:-1]}, which finding does the image show?",
        "options": options,
        "answer": "ABCDE"[draw(1, "key", str(number)) % 5],
        "origin": origin,
    }


def label(number: int) -> Row:
    """The label of an item."""
    return {
        "item_id": f"{_article(number)}/F{number % FIGURES}#1",
        "question_type": "finding",
        "modality": MODALITIES[draw(2, "modality", str(number)) % len(MODALITIES)],
        "anatomy": "thorax",
        "by": "synthetic",
    }


def overlap(number: int) -> Row:
    """A pair of the item of every hundredth figure and a test item, as an audit judges it."""
    return _null(Overlap) | {
        "train_set": "train",
        "train_id": f"{_article(100 * number)}/F{100 * number % FIGURES}#1",
        "test_set": "synthetic",
        "test_id": f"q{number}",
        "layer": "joint",
        "measure": "class",
        "evidence": "perceptual/phash=1",
        "kind": ("same_image_same_fact", "template_only")[number % 2],
    }


def exhibit(number: int) -> Row:
    """A train item with the hash of its whole image, or, below 0, a test item with those of twenty parts."""
    test = number < 0
    one = {name: list(value) if isinstance(value, tuple) else value for name, value in _print(number, test).items()}
    return _null(Exhibit) | {
        "set_name": "synthetic" if test else "train",
        "role": "test" if test else "train",
        "item_id": f"i{number}",
        "stem": "",
        "images": [one],
    }


def _print(number: int, test: bool) -> dict[str, Any]:
    parts = PARTS if test else 1
    # One test image in ten is that of a train item, a bit changed.
    first = (
        _hash(-number) ^ 1 << 5 if test and number % 10 == 0 else _hash(number) if number >= 0 else draw(3, str(number))
    )
    rest = [draw(4, str(number), str(part)) for part in range(1, parts)]
    return {
        "name": f"{number}.png",
        "corpus": "",
        "member": "",
        "keys": [],
        "digests": [text_hash(str(number))],
        "pixels": "",
        "small": "",
        "parts": "wt" + "c" * (parts - 2) if test else "w",
        "boxes": "00000000ffffffff" * parts,
        "phashes": "".join(f"{value:016x}" for value in [first, *rest]),
        "turned": f"{draw(5, str(number)):016x}" * 16 if test else "",
        "dhashes": f"{0:016x}",
        "fault": None,
    }


def write(path: Path, record: type[Record], rows: Iterable[Row]) -> None:
    """A table as stages write it; its rows are taken as they are."""
    schema = arrow_schema(record)
    remaining = iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        rows_so_far = 0
        while group := list(islice(remaining, ROWS_A_GROUP * (1 if rows_so_far < MANY_ROWS else TIMES))):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            rows_so_far += len(group)


def tables(folder: Path, count: int) -> None:
    """The tables of so many figures: figures.parquet, items.parquet, labels.parquet, …"""
    pairs = -(-count // 100)
    write(folder / "figures.parquet", Figure, map(figure, range(count)))
    write(folder / "items.parquet", Item, map(item, range(count)))
    write(folder / "labels.parquet", Label, map(label, range(count)))
    write(folder / "overlaps.parquet", Overlap, map(overlap, range(pairs)))
    write(folder / "exhibits.parquet", Exhibit, map(exhibit, chain(range(count), range(-1, -QUERIES - 1, -1))))
