"""How long pages of a large run take: the report, opening a review, the next item, and the memory of the server.

    python benchmarks/pages.py [--items 13000]

The run is made of rows drawn for this purpose; its images are noise.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from medvlsynther.cards import Rubric
from medvlsynther.records import Figure, Item, Reject
from medvlsynther.report import page
from medvlsynther.store.finished import Run
from tests.export.material import Material, item, label, picture, verdict
from tests.review.conftest import serve
from tests.review.stores import lay

IMAGES = 200
"""Different images that figures share."""

STARTS = 7
"""Times that the server is started, for the first item."""


def made(root: Path, items: int) -> Run:
    """A run of so many accepted items and a tenth more that were turned away."""
    material = Material(root)
    pictures = [material.image(picture(seed, 384, 300)) for seed in range(IMAGES)]
    chance = random.Random(7)
    card = Rubric.load("audited")
    paragraph = "The axial image shows a mass of 3.2 cm with surrounding oedema in the left lobe. " * 12
    figures, rows, verdicts, labels = [], [], [], []
    base = material.figure(0, [])
    for number in range(items * 11 // 10):
        figure: Figure = base.model_copy(
            update={
                "figure_id": f"PMC{number}.1/F1",
                "caption": f"Case {number}. {paragraph}",
                "mentions": (paragraph, paragraph),
                "images": (pictures[number % IMAGES],),
            }
        )
        row: Item = item(figure)
        marks = tuple(c.mark(chance.random() > 0.03, "model", "as told") for c in card.criteria)
        figures.append(figure)
        rows.append(row)
        verdicts.append(card.weigh(row, marks, verdict(row.item_id).origin))
        kind = {"modality": chance.choice(["ct", "mri", "x-ray"]), "anatomy": chance.choice(["lung", "brain"])}
        labels.append(label(row.item_id).model_copy(update=kind))
    material.figures, material.items, material.verdicts = figures, rows, verdicts
    material.labels = labels[:items]
    return lay(material, [Reject(id=row.item_id, reason="low_score") for row in rows[items:]])


def resident_mb(pid: int) -> float:
    """Memory that a process holds, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=13_000)
    count = parser.parse_args().items
    with tempfile.TemporaryDirectory() as folder:
        run = made(Path(folder), count)
        began = time.perf_counter()
        text = page.html([run], lambda _: 0.0)
        print(f"report of {count:,} items: {time.perf_counter() - began:.1f} s, {len(text.encode()) / 1e6:.1f} MB")

        openings, firsts = zip(*(first(run) for _ in range(STARTS)), strict=True)
        print(f"opening: {told(openings)} until the server answers, then {told(firsts)} for the first item")
        served = serve(run)
        try:
            review(served.url, served.process.pid)
        finally:
            served.kill()
    import_s = float(subprocess.check_output([sys.executable, "-c", IMPORT], text=True))
    print(f"of opening, starting Python and importing: {import_s:.2f} s  ({os.cpu_count()} processors)")


IMPORT = """
import time; began = time.perf_counter()
import uvicorn, medvlsynther.review.server, medvlsynther.review.shelf
print(time.perf_counter() - began)
"""


def told(seconds: Sequence[float]) -> str:
    """Median and longest."""
    return f"{1000 * median(seconds):.0f} ms (longest {1000 * max(seconds):.0f})"


def first(run: Run) -> tuple[float, float]:
    """Seconds until a new server answers, and from then on until it has given its first item."""
    began = time.perf_counter()
    served = serve(run)
    try:
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        browser.open(served.entry).read()
        opened = time.perf_counter()
        browser.open(f"{served.url}/api/item/0?rater=ada").read()
        return opened - began, time.perf_counter() - opened
    finally:
        served.kill()


def review(url: str, pid: int) -> None:
    """What a reviewer waits for."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.open(f"{url}/?token=sesame").read()
    began = time.perf_counter()
    places = json.load(browser.open(f"{url}/api/queue?rater=ada"))["places"]
    queued = time.perf_counter() - began
    print(f"queue of {len(places):,}: {1000 * queued:.0f} ms")
    headers = {"Content-Type": "application/json", "Origin": url}
    items, answers = [], []
    for place in places[:200]:
        began = time.perf_counter()
        browser.open(f"{url}/api/item/{place}?rater=ada").read()
        items.append(1000 * (time.perf_counter() - began))
        body = json.dumps({"rater": "ada", "place": place, "letter": "A", "seconds": 1}).encode()
        began = time.perf_counter()
        browser.open(urllib.request.Request(f"{url}/api/answer", body, headers)).read()
        answers.append(1000 * (time.perf_counter() - began))
    for name, values in (("next item", items), ("answer, on disk, and the rest", answers)):
        values.sort()
        print(f"{name}: median {values[100]:.0f} ms, 95th of 100 {values[190]:.0f} ms, longest {values[-1]:.0f} ms")
    print(f"memory of the server at its highest: {resident_mb(pid):.0f} MB")


if __name__ == "__main__":
    main()
