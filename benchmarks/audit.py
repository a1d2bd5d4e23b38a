"""What an audit costs, beside the published way, and whether it finds every pair.

    python benchmarks/audit.py [--quick]

Texts: the published way (one MinHash of 256 values over character 3-grams a text, LSH at 0.5 with at most 200
candidates a query, then Levenshtein at 0.9) against our exact join, and both against brute force over all pairs.
Images: taking prints, and searching 1,000 images among up to 100,000. Every figure is of a process of its own: CPU is
user and system time of it and its children, memory its largest resident set.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SIZES = ((2000, 1000), (8000, 4000))
IMAGES = (1000, 10000, 100000)
QUERIES = 1000
PARTS = 20
NEAR = 0.9
PUBLISHED_LIMIT = 200

STEMS = (
    "Which imaging modality was used to obtain the {view} image of the {organ} shown here?",
    "What abnormality is seen in the {organ} on this {view} {modality} image?",
    "Based on the {modality} image, what is the most likely cause of the finding in the {organ}?",
    "Which structure is marked by the {sign} in the {view} view of the {organ}?",
    "The {sign} in this {modality} image of the {organ} most likely indicates what?",
    "A {age}-year-old patient underwent {modality}; what does the {view} image of the {organ} show?",
)
WORDS = {
    "view": ("axial", "coronal", "sagittal", "oblique", "frontal", "lateral"),
    "organ": ("liver", "left kidney", "right kidney", "spleen", "pancreas", "brain", "right lung", "left lung", "heart",
              "bladder", "thyroid gland", "lumbar spine", "knee joint", "hip joint", "stomach", "colon"),
    "modality": ("CT", "MRI", "ultrasound", "PET", "radiograph", "angiography"),
    "sign": ("white arrow", "black arrow", "arrowhead", "asterisk", "red circle", "dashed box"),
    "finding": ("cyst", "abscess", "metastasis", "haemorrhage", "infarct", "calcification", "oedema", "fibrosis",
                "thrombus", "adenoma", "haemangioma", "normal anatomy"),
}  # fmt: skip


class Cost(NamedTuple):
    """What a process took, and what it printed."""

    cpu_s: float
    wall_s: float
    rss_mb: float
    said: str


def texts(count: int, seed: int) -> list[str]:
    """Items as one text each: a stem from few templates and four options."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        chosen = {name: dice.choice(words) for name, words in WORDS.items()}
        stem = dice.choice(STEMS).format(**chosen, age=dice.randint(20, 90))
        options = dice.sample(WORDS["finding"], 4)
        found.append(f"{stem} {'; '.join(options)}")
    return found


def published(left: list[str], right: list[str]) -> set[tuple[int, int]]:
    """The published text audit, told from its description: see the module's docstring."""
    import re

    import numpy as np
    from datasketch import MinHash, MinHashLSH
    from rapidfuzz.distance import Levenshtein

    def level(text: str) -> str:
        return re.sub(r"\s+", " ", re.sub(r"\d+", "<NUM>", text.lower())).strip()

    def signature(text: str) -> MinHash:
        made = MinHash(num_perm=256)
        for start in range(max(1, len(text) - 2)):
            made.update(text[start : start + 3].encode())
        return made

    np.seterr(over="ignore")
    ours, theirs = list(map(level, left)), list(map(level, right))
    index = MinHashLSH(threshold=0.5, num_perm=256)
    for place, text in enumerate(ours):
        index.insert(str(place), signature(text))
    found = set()
    for other, text in enumerate(theirs):
        for key in index.query(signature(text))[:PUBLISHED_LIMIT]:
            if Levenshtein.normalized_similarity(ours[int(key)], text) >= NEAR:
                found.add((int(key), other))
    return found


def exact(left: list[str], right: list[str]) -> set[tuple[int, int]]:
    """Our exact join, of the same texts."""
    from medvlsynther.rules.overlap.join import near_pairs
    from medvlsynther.rules.overlap.text import masked, normal

    return {
        (one, other)
        for one, other, _ in near_pairs([masked(normal(t)) for t in left], [masked(normal(t)) for t in right], NEAR)
    }


def brute(left: list[str], right: list[str]) -> set[tuple[int, int]]:
    """Every pair measured."""
    from rapidfuzz.distance import Levenshtein

    from medvlsynther.rules.overlap.text import masked, normal

    ours, theirs = [masked(normal(t)) for t in left], [masked(normal(t)) for t in right]
    return {
        (one, other)
        for one, text in enumerate(ours)
        for other, rest in enumerate(theirs)
        if Levenshtein.normalized_similarity(text, rest, score_cutoff=NEAR) >= NEAR
    }


def layer(left: list[str], right: list[str]) -> set[tuple[int, int]]:
    """The whole text layer: every view, every method."""
    from medvlsynther.audit.texts import Known, Rules, alike
    from medvlsynther.rules.overlap.text import views

    def known(items: list[str]) -> list[Known]:
        split = [item.partition("? ") for item in items]
        return [
            Known(str(place), tuple(views(stem, options.split("; "), options.partition(";")[0])), (), "")
            for place, (stem, _, options) in enumerate(split)
        ]

    return {(int(a), int(b)) for one in alike(known(left), known(right), Rules()) for a, b in zip(one.left, one.right)}


JOBS = {"published": published, "exact": exact, "brute": brute, "layer": layer}


def text_job(name: str, sizes: tuple[int, int]) -> None:
    """Run one way of comparing texts and print how many pairs it finds, and a digest of them."""
    import hashlib

    found = sorted(JOBS[name](texts(sizes[0], 1), texts(sizes[1], 2)))
    print(len(found), hashlib.sha256(repr(found).encode()).hexdigest()[:8])


def image_job(count: int) -> None:
    """Search 1,000 images among `count`, by hashes of 20 parts each; some are near by chance."""
    import numpy as np

    from medvlsynther.audit.index import Index
    from medvlsynther.audit.search import Limits, searched
    from medvlsynther.audit.sets import Print

    def prints(number: int, seed: int) -> list[Print]:
        generator = np.random.default_rng(seed)
        boxes = "0000000000000000" + "ffff" * 0
        return [
            Print(
                name="a",
                parts="wt" + "c" * (PARTS - 2),
                boxes=boxes * PARTS,
                phashes=generator.bytes(8 * PARTS).hex(),
                turned=generator.bytes(128).hex(),
                dhashes=generator.bytes(64).hex(),
            )
            for _ in range(number)
        ]

    with tempfile.TemporaryDirectory() as folder:
        index = Index.write(Path(folder) / "index", prints(count, 1))
        shard = list(enumerate(prints(QUERIES, 2)))
        print(len(list(searched(index, Limits(), lambda _: b"", shard))), "matches")


def print_job(count: int) -> None:
    """Take the prints of photographs of 914 x 904 px."""
    import io

    import numpy as np
    from PIL import Image

    from medvlsynther.audit.prints import printed
    from medvlsynther.audit.sets import Print

    generator = np.random.default_rng(3)
    coarse = Image.fromarray(generator.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((914, 904), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    for _ in range(count):
        printed(Print(name="a"), file.getvalue(), lambda _: "")
    print(count, "prints")


def measured(*arguments: object, seed: str = "0") -> Cost:
    """What this script takes as a process with these arguments."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    said = process.stdout.read().strip()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} failed")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024, said)


def report(name: str, cost: Cost) -> None:
    """One line of the table."""
    print(f"{name:<44}{cost.cpu_s:>9.2f}{cost.rss_mb:>9.0f}   {cost.said}", flush=True)


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--text", nargs=3, metavar=("WAY", "TRAIN", "TEST"))
    parser.add_argument("--images", type=int)
    parser.add_argument("--prints", type=int)
    given = parser.parse_args()
    if given.text:
        return text_job(given.text[0], (int(given.text[1]), int(given.text[2])))
    if given.images:
        return image_job(given.images)
    if given.prints:
        return print_job(given.prints)
    print(f"{'':<44}{'CPU s':>9}{'RSS MB':>9}   pairs, digest")
    for train, test in SIZES[:1] if given.quick else SIZES:
        costs = {way: measured("--text", way, train, test) for way in ("published", "exact", "brute", "layer")}
        other = measured("--text", "published", train, test, seed="7")
        for way, cost in costs.items():
            report(f"texts {train} x {test}: {way}", cost)
        report(f"texts {train} x {test}: published, other hash seed", other)
        truth = int(costs["brute"].said.split()[0])
        print(
            f"  {costs['published'].cpu_s / costs['exact'].cpu_s:.1f} times less CPU than the published way; recall "
            f"{int(costs['exact'].said.split()[0]) / truth:.3f}, published "
            f"{int(costs['published'].said.split()[0]) / truth:.3f} and {int(other.said.split()[0]) / truth:.3f}"
        )
    report("prints of 100 photographs, 914 x 904 px", measured("--prints", 100))
    for count in IMAGES[:2] if given.quick else IMAGES:
        report(f"images {QUERIES} x {count}, {PARTS} parts each", measured("--images", count))
    return None


if __name__ == "__main__":
    main()
