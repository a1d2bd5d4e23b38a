"""Items to look at: a few that were accepted and a few that were not, with small pictures."""

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO

import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from medvlsynther.errors import InputError
from medvlsynther.fingerprint import draw
from medvlsynther.records import Figure, Item, Reject, Verdict
from medvlsynther.store.finished import R, Run
from medvlsynther.store.images import ImageStore
from medvlsynther.store.table import Table

ACCEPTED, REJECTED, A_REASON = 12, 16, 2
"""Items shown of each side, and rejected ones of one reason."""

THUMB_PX, QUALITY = 360, 78
"""Longest side and JPEG quality of a small picture."""

LONGEST_CAPTION = 1200
"""Characters shown of a caption."""


@dataclass(frozen=True)
class Picture:
    """A small picture as a data URL, or why there is none."""

    url: str = ""
    fault: str = ""
    name: str = ""


@dataclass(frozen=True)
class Sample:
    """One item with what is known about it."""

    item: Item
    figure: Figure | None
    verdict: Verdict | None
    pictures: tuple[Picture, ...]
    step: str = ""
    """Where it ended; "" for an accepted item."""
    reject: Reject | None = None

    @property
    def caption(self) -> str:
        """The caption, cut where it is very long."""
        text = self.figure.caption if self.figure else ""
        return text if len(text) <= LONGEST_CAPTION else f"{text[:LONGEST_CAPTION]}…"


def accepted(run: Run, seed: int = 0) -> list[Sample]:
    """Some items of the last table, drawn by their ids."""
    table = run.last(Item)
    if table is None:
        return []
    ids: list[str] = pq.read_table(table.path, columns=["item_id"])["item_id"].to_pylist()
    chosen = sorted(ids, key=lambda name: draw(seed, "report", name))[:ACCEPTED]
    return list(_samples(run, pick(table, "item_id", chosen).values()))


def rejected(run: Run, seed: int = 0) -> list[Sample]:
    """Some items that ended on the way, at most two for each reason of a step, drawn by their ids."""
    found: list[Sample] = []
    for step in run.steps:
        source = run.source(step, Item)
        if not step.manifest["rejects"] or source is None:
            continue
        by_reason: dict[str, list[Reject]] = defaultdict(list)
        for reject in Table(Reject, step.rejects):
            by_reason[reject.reason].append(reject)
        rejects: dict[str, Reject] = {}
        for reason in sorted(by_reason):
            ranked = sorted(by_reason[reason], key=lambda each: draw(seed, "report", each.id))
            rejects |= {each.id: each for each in ranked[:A_REASON]}
        items = pick(source, "item_id", rejects)
        found += _samples(run, items.values(), step.name, rejects)
    return found[:REJECTED]


def pick(table: Table[R], column: str, values: Iterable[str]) -> dict[str, R]:
    """The rows whose column holds one of these values, by that value."""
    wanted = sorted(set(values))
    if not wanted:
        return {}
    rows = pq.read_table(table.path, filters=pc.field(column).isin(wanted)).to_pylist()
    return {row[column]: table.record.model_validate(row) for row in rows}


def _samples(
    run: Run, items: Iterable[Item], step: str = "", rejects: dict[str, Reject] | None = None
) -> Iterator[Sample]:
    chosen = list(items)
    figures, verdicts = run.last(Figure), run.last(Verdict)
    about = pick(figures, "figure_id", (item.figure_id for item in chosen)) if figures else {}
    judged = pick(verdicts, "item_id", (item.item_id for item in chosen)) if verdicts else {}
    images = ImageStore(run.store.images)
    for item in chosen:
        figure = about.get(item.figure_id)
        pictures = tuple(picture(images, image.sha256, image.name) for image in figure.images) if figure else ()
        reject = rejects.get(item.item_id) if rejects else None
        yield Sample(item, figure, judged.get(item.item_id), pictures, step, reject)


def picture(images: ImageStore, sha256: str | None, name: str = "") -> Picture:
    """A stored image, small enough for a page of many."""
    if not sha256:
        return Picture(fault="not prepared", name=name)
    try:
        with Image.open(BytesIO(images.read(sha256))) as image:
            small = image.convert("RGB")
    except InputError as error:
        return Picture(fault=error.reason.replace("_", " "), name=name)
    except (OSError, Image.DecompressionBombError):
        return Picture(fault="cannot be decoded", name=name)
    small.thumbnail((THUMB_PX, THUMB_PX))
    out = BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return Picture(f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}", name=name)
