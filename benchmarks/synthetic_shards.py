"""BIOMEDICA-like shards of synthetic records: no text, image or label in them comes from an article.

    python benchmarks/synthetic_shards.py FOLDER [--records 5000] [--per-shard 2500] [--clinical 0.096]

Records have the fields and the size (about 14.5 kB of JSON) of real ones; a share of them carries clinical labels, by
default the share of BIOMEDICA's 2,000 clusters that do (143 of Clinical Imaging and 49 of light microscopy).
"""

import argparse
import io
import random
import tarfile
from functools import cache
from pathlib import Path

import orjson
from PIL import Image

WORDS = (
    *("axial", "contrast", "image", "shows", "lesion", "left", "lobe", "patient", "scan", "after", "treatment", "with"),
    *("marked", "enhancement", "arrow", "tissue", "section", "stained", "cells", "normal", "margin", "follow", "up"),
    *("examination", "revealed", "small", "effusion", "and", "no", "further", "change"),
)
CLINICAL = (
    ("Clinical Imaging", "computerized tomography"),
    ("Clinical Imaging", "brain"),
    ("Microscopy", "light microscopy"),
)
OTHER = (("Plots and Charts", "line plot"), ("Illustrative Diagrams", "flowchart"), ("Tables", "table"))
FIGURES = 5
JSON_BYTES = 14_500
POOL = 256


@cache
def sentences(words: int) -> tuple[str, ...]:
    """Sentences of so many words, in any order: drawing words anew for each would take longer than reading them."""
    rng = random.Random(words)
    return tuple(" ".join(rng.choices(WORDS, k=words)).capitalize() + "." for _ in range(POOL))


def sentence(rng: random.Random, words: int) -> str:
    """One of them."""
    return rng.choice(sentences(words))


def passage(rng: random.Random, own: str) -> str:
    """A paragraph as the published extraction leaves it: tags kept, what follows a tag said twice."""
    tail = f" in the {sentence(rng, 30)} {sentence(rng, 25)}"
    return f'{sentence(rng, 20)} As seen in <xref ref-type="fig" rid="{own}">Fig. 1</xref>{tail}{tail}'


def record(
    rng: random.Random, number: int, clinical: float, *, figures: int = FIGURES, json_bytes: int = JSON_BYTES
) -> tuple[str, dict[str, object]]:
    """The key and the JSON of one record of an article with so many figures."""
    accession, position = f"PMC{1_000_000 + number // figures}", number % figures
    names = [f"synth-{number // figures:06d}-g{figure:03d}" for figure in range(figures)]
    primary, secondary = rng.choice(CLINICAL if rng.random() < clinical else OTHER)
    row: dict[str, object] = {
        "image_file_name": f"{names[position]}.jpg",
        "image_cluster_id": names[position],
        "image_hash": f"{number:064x}",
        "image_label_id": str(number % 2000),
        "image_panel_type": "single",
        "image_panel_subtype": "single panel",
        "image_primary_label": [primary],
        "image_secondary_label": [secondary],
        "image_size": [640, 480],
        "image_set": [
            {
                "image_id": name,
                "image_file_name": f"{name}.jpg",
                "image_path": f"/x/{name}.jpg",
                "caption": sentence(rng, 40),
                "hash": f"{number:064x}",
            }
            for name in names
        ],
        "image_context": {name: [passage(rng, name)] for name in names},
        "article_accession_id": accession,
        "article_title": sentence(rng, 12),
        "article_journal": "Synthetic Journal",
        "article_date": "1577836800",
        "article_abstract": sentence(rng, 150),
        "article_mesh_terms": None,
        "article_keywords": None,
        "article_reference_ids": [""],
        "article_reference_count": "0",
        "article_reference_list": [],
        "article_subject": ["Synthetic"],
        "article_citation": "Synthetic Journal 2020",
        "article_license": rng.choice(("CC BY", "CC BY", "CC BY-NC", "CC0")),
    }
    filler = " ".join(rng.choices(sentences(100), k=json_bytes // 600 + 1))
    row["article_text"] = filler[: max(1, json_bytes - len(orjson.dumps(row)))]
    return f"0_1-{accession}-{position}-{names[position]}", row


def picture(rng: random.Random) -> bytes:
    """A small JPEG: the index pass never opens it."""
    buffer = io.BytesIO()
    Image.frombytes("L", (64, 48), rng.randbytes(64 * 48)).save(buffer, "JPEG")
    return buffer.getvalue()


def member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add one file to an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def write(
    folder: Path,
    records: int,
    per_shard: int = 2_500,
    clinical: float = 0.096,
    seed: int = 42,
    *,
    figures: int = FIGURES,
    json_bytes: int = JSON_BYTES,
) -> list[Path]:
    """The shards, `per_shard` records each, in `folder/commercial`; of each record about `json_bytes` are JSON."""
    rng = random.Random(seed)
    image = picture(rng)
    target = folder / "commercial"
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, records, per_shard):
        path = target / f"0_1{start // per_shard:06d}.tar"
        with tarfile.open(path, "w") as archive:
            for number in range(start, min(start + per_shard, records)):
                key, row = record(rng, number, clinical, figures=figures, json_bytes=json_bytes)
                caption = row["image_set"][number % figures]["caption"]  # type: ignore[index]
                for suffix, data in ((".jpg", image), (".json", orjson.dumps(row)), (".txt", str(caption).encode())):
                    member(archive, key + suffix, data)
        paths.append(path)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--per-shard", type=int, default=2_500)
    parser.add_argument("--clinical", type=float, default=0.096)
    given = parser.parse_args()
    for written in write(given.folder, given.records, given.per_shard, given.clinical):
        print(written)
